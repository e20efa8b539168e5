"""What the activities are asked and what they answer.

A compensation is asked by order id alone: all that it needs is known before its
step runs, so it can be registered first and it works when the step never answered.
"""

from datetime import datetime

from models.contract import Contract
from models.order import Order, OrderLine
from models.saga import SagaKind, SagaState


class CreateOrderInput(Contract):
    """Open the order and its saga record."""

    order: Order
    saga_id: str
    kind: SagaKind
    placed_at: datetime


class CreateOrderResult(Contract):
    order_id: str


class CloseOrderInput(Contract):
    """Close the order's record: `complete_order` as COMPLETED, `cancel_order` as undone.

    `state` is the saga's state as it will be when the call has succeeded; it is kept with the
    record and outlives Temporal's retention.
    """

    order: Order
    state: SagaState


class ReserveInventoryInput(Contract):
    order_id: str
    currency: str
    lines: tuple[OrderLine, ...]


class ReserveInventoryResult(Contract):
    reservation_id: str


class ProcessPaymentInput(Contract):
    order_id: str
    customer_id: str
    amount: int
    """Minor units."""
    currency: str
    payment_method: str
    payment_token: str | None


class ProcessPaymentResult(Contract):
    transaction_id: str


class DeductPointsInput(Contract):
    order_id: str
    customer_id: str
    points: int


class DeductPointsResult(Contract):
    transaction_id: str


class CreateShipmentInput(Contract):
    order_id: str
    customer_id: str
    shipping_address: str
    lines: tuple[OrderLine, ...]


class CreateShipmentResult(Contract):
    shipment_id: str


class SendNotificationInput(Contract):
    order_id: str
    customer_id: str
    email: str | None
    amount_charged: str
    """A decimal in the order's currency."""
    currency: str


class SendNotificationResult(Contract):
    notification_id: str


class CompensationInput(Contract):
    """Undo whatever the step did for this order; nothing, if it did nothing."""

    order_id: str
