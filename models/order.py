"""An order as the saga sees it: checked, with amounts in integer minor units."""

from models.contract import Contract
from models.money import points_value


class OrderLine(Contract):
    """So many of one product, at the price the customer saw."""

    product_id: str
    quantity: int
    unit_price: int
    """Minor units of the order's currency, for one piece."""

    @property
    def amount(self) -> int:
        """Minor units for the whole line."""
        return self.quantity * self.unit_price


class Order(Contract):
    """What a customer ordered. `models.documents.OrderDocument` is where it is checked."""

    order_id: str
    customer_id: str
    lines: tuple[OrderLine, ...]
    currency: str
    """ISO 4217 code."""
    total_amount: int
    """Minor units; the sum of the lines."""
    points_to_use: int = 0
    """One point pays for one unit (not minor unit) of the order's currency."""
    payment_method: str
    payment_token: str | None = None
    """The payment gateway's name for the customer's card; never a card number."""
    shipping_address: str
    notification_email: str | None = None

    @property
    def amount_charged(self) -> int:
        """Minor units that the payment takes: the total less what the points pay for."""
        return self.total_amount - points_value(self.points_to_use, self.currency)
