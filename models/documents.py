"""What people write: the order document and the shop file.

The models take JSON values whose numbers are `int` or `Decimal`, as `client.documents` reads
them. Messages of their `ValueError`s follow the name of the field and never repeat its value.
"""

import re
import secrets
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

from models import texts
from models.contract import Contract
from models.money import (
    CURRENCY_DECIMALS,
    LARGEST_AMOUNT,
    decimal_string,
    minor_units,
    points_value,
)
from models.order import Order, OrderLine

LARGEST_QUANTITY = 1_000_000
MOST_LINES = 100
"""An order travels through every step and stays in its history."""
LARGEST_COUNT = 10**12
"""Pieces in stock, or points: far below 2^63, so that no sum of them overflows."""
_MOST_DIGITS = 25
"""Of an amount: more than any currency needs below 2^63, and exact in decimal arithmetic."""
_WRITTEN_AMOUNT = re.compile(r"[0-9]{1,25}(?:\.[0-9]{1,25})?")


class ShopProduct(Contract):
    """A product that the shop sells."""

    product_id: str
    price: int
    """Minor units, for one piece."""
    currency: str
    stock: int
    """Pieces in stock when the product is first loaded."""


class ShopCustomer(Contract):
    """A customer with a balance of points."""

    customer_id: str
    points: int


class Shop(Contract):
    """What a shop file says. Loading it adds what is missing and changes nothing else."""

    products: tuple[ShopProduct, ...] = ()
    customers: tuple[ShopCustomer, ...] = ()


def new_order_id() -> str:
    """A fresh order id; ids sort by the second they were made in."""
    return f"ORD-{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(6)}"


def _amount(value: object) -> Decimal:
    if isinstance(value, str) and not _WRITTEN_AMOUNT.fullmatch(value):
        raise ValueError("must be an amount such as 50.00")
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise ValueError("must be an amount such as 50.00")
    amount = Decimal(value)
    if not amount.is_finite() or amount.is_signed():
        raise ValueError("must be an amount of 0 or more")
    if len(amount.as_tuple().digits) > _MOST_DIGITS:
        raise ValueError(f"must have at most {_MOST_DIGITS} digits")
    return amount


def _whole_number(value: object, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"must be a whole number from {least} to {most}")
    return value


def _currency(value: object) -> str:
    if not isinstance(value, str) or value not in CURRENCY_DECIMALS:
        raise ValueError("must be the ISO 4217 code of a currency, such as USD")
    return value


# What JSON Schema can say of the checks, for readers of the HTTP API's description.
IDENTIFIER_SCHEMA: dict[str, Any] = {
    "type": "string",
    "minLength": 1,
    "maxLength": texts.LONGEST_IDENTIFIER,
    "pattern": "^[^\\s/:?#'\"]+$",
    "description": "Letters and digits of any script, '.', '_' and '-', "
    "beginning with a letter or digit.",
}
_AMOUNT_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": "number", "minimum": 0},
        {"type": "string", "pattern": f"^{_WRITTEN_AMOUNT.pattern}$"},
    ],
    "description": "An exact decimal, with at most the currency's own number of decimals.",
}


def _text_schema(longest: int, **more: Any) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "minLength": 1, "maxLength": longest, **more})


def _count_schema(least: int, most: int) -> WithJsonSchema:
    return WithJsonSchema({"type": "integer", "minimum": least, "maximum": most})


Identifier = Annotated[str, BeforeValidator(texts.identifier), WithJsonSchema(IDENTIFIER_SCHEMA)]
Amount = Annotated[Decimal, BeforeValidator(_amount), WithJsonSchema(_AMOUNT_SCHEMA)]
Currency = Annotated[
    str, BeforeValidator(_currency), WithJsonSchema({"enum": sorted(CURRENCY_DECIMALS)})
]
Quantity = Annotated[
    int,
    BeforeValidator(lambda value: _whole_number(value, 1, LARGEST_QUANTITY)),
    _count_schema(1, LARGEST_QUANTITY),
]
Count = Annotated[
    int,
    BeforeValidator(lambda value: _whole_number(value, 0, LARGEST_COUNT)),
    _count_schema(0, LARGEST_COUNT),
]
PaymentMethod = Annotated[
    str, BeforeValidator(texts.payment_method), WithJsonSchema(IDENTIFIER_SCHEMA)
]
PaymentToken = Annotated[
    str, BeforeValidator(texts.token), _text_schema(texts.LONGEST_TOKEN, pattern="^\\S+$")
]
Address = Annotated[str, BeforeValidator(texts.address), _text_schema(texts.LONGEST_FREE_TEXT)]
FreeText = Annotated[str, BeforeValidator(texts.free_text), _text_schema(texts.LONGEST_FREE_TEXT)]
Email = Annotated[str, BeforeValidator(texts.email), _text_schema(texts.LONGEST_EMAIL)]


class Document(BaseModel):
    """A part of what a person wrote: a field that nobody knows is a mistake, not an extension."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class OrderLineDocument(Document):
    product_id: Identifier
    quantity: Quantity
    price: Amount
    """For one piece. 0 is an item that comes free with the order."""


class OrderDocument(Document):
    """An order as a customer's system writes it; whatever passes here makes an `Order`."""

    order_id: Identifier = Field(default_factory=new_order_id)
    customer_id: Identifier
    items: tuple[OrderLineDocument, ...] = Field(min_length=1, max_length=MOST_LINES)
    currency: Currency = "USD"
    total_amount: Amount | None = None
    points_to_use: Count = 0
    payment_method: PaymentMethod
    payment_token: PaymentToken | None = None
    shipping_address: Address
    notification_email: Email | None = None

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        total = sum(line.amount for line in self._lines())
        if total > LARGEST_AMOUNT:
            raise ValueError("items: their sum is too large")
        self._check_total(total)
        if points_value(self.points_to_use, self.currency) > total:
            raise ValueError("points_to_use: must not be worth more than the items")
        return self

    def _check_total(self, total: int) -> None:
        if self.total_amount is None:
            return
        written = _in_minor_units("total_amount", self.total_amount, self.currency)
        if written != total:
            summed = decimal_string(total, self.currency)
            raise ValueError(f"total_amount: must be {summed}, the sum of the items")

    def _lines(self) -> tuple[OrderLine, ...]:
        """One line for each product, in the order in which the products were first named."""
        lines: dict[str, OrderLine] = {}
        for index, item in enumerate(self.items):
            price = _in_minor_units(f"items[{index}].price", item.price, self.currency)
            earlier = lines.get(item.product_id)
            if earlier is not None and earlier.unit_price != price:
                raise ValueError(f"items[{index}].price: the same product has another price above")
            quantity = item.quantity + (earlier.quantity if earlier else 0)
            if quantity > LARGEST_QUANTITY:
                raise ValueError(
                    f"items[{index}].quantity: more than {LARGEST_QUANTITY} of one product in all"
                )
            lines[item.product_id] = OrderLine(
                product_id=item.product_id, quantity=quantity, unit_price=price
            )
        return tuple(lines.values())

    def to_order(self) -> Order:
        """The order with amounts in minor units, and each product in one line."""
        lines = self._lines()
        return Order(
            order_id=self.order_id,
            customer_id=self.customer_id,
            lines=lines,
            currency=self.currency,
            total_amount=sum(line.amount for line in lines),
            points_to_use=self.points_to_use,
            payment_method=self.payment_method,
            payment_token=self.payment_token,
            shipping_address=self.shipping_address,
            notification_email=self.notification_email,
        )


class ShopProductDocument(Document):
    product_id: Identifier
    price: Amount
    currency: Currency = "USD"
    stock: Count


class ShopCustomerDocument(Document):
    customer_id: Identifier
    points: Count


class ShopDocument(Document):
    """The products that a shop sells and the customers that it knows."""

    products: tuple[ShopProductDocument, ...] = ()
    customers: tuple[ShopCustomerDocument, ...] = ()

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        _refuse_repeated("products[{}].product_id", [p.product_id for p in self.products])
        _refuse_repeated("customers[{}].customer_id", [c.customer_id for c in self.customers])
        self.to_shop()
        return self

    def to_shop(self) -> Shop:
        """The shop with prices in minor units."""
        return Shop(
            products=tuple(
                ShopProduct(
                    product_id=product.product_id,
                    price=_in_minor_units(
                        f"products[{index}].price", product.price, product.currency
                    ),
                    currency=product.currency,
                    stock=product.stock,
                )
                for index, product in enumerate(self.products)
            ),
            customers=tuple(
                ShopCustomer(customer_id=customer.customer_id, points=customer.points)
                for customer in self.customers
            ),
        )


def _in_minor_units(field: str, amount: Decimal, currency: str) -> int:
    try:
        return minor_units(amount, currency)
    except ValueError as error:
        raise ValueError(f"{field}: {error}") from None


def _refuse_repeated(field: str, ids: list[str]) -> None:
    seen: set[str] = set()
    for index, identifier in enumerate(ids):
        if identifier in seen:
            raise ValueError(f"{field.format(index)}: stands in the file twice")
        seen.add(identifier)
