"""What the activities are asked and what they answer.

A compensation is asked by order id alone: all that it needs is known before its
step runs, so it can be registered first and it works when the step never answered.
"""

from datetime import datetime
from typing import Self

from models.contract import Contract
from models.money import decimal_string
from models.order import Order, OrderLine
from models.saga import Intervention, SagaKind, SagaState


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

    @classmethod
    def of(cls, order: Order) -> Self:
        return cls(order_id=order.order_id, currency=order.currency, lines=order.lines)


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

    @classmethod
    def of(cls, order: Order) -> Self:
        return cls(
            order_id=order.order_id,
            customer_id=order.customer_id,
            amount=order.amount_charged,
            currency=order.currency,
            payment_method=order.payment_method,
            payment_token=order.payment_token,
        )


class ProcessPaymentResult(Contract):
    transaction_id: str


class DeductPointsInput(Contract):
    order_id: str
    customer_id: str
    points: int

    @classmethod
    def of(cls, order: Order) -> Self:
        return cls(
            order_id=order.order_id, customer_id=order.customer_id, points=order.points_to_use
        )


class DeductPointsResult(Contract):
    transaction_id: str


class CreateShipmentInput(Contract):
    order_id: str
    customer_id: str
    shipping_address: str
    lines: tuple[OrderLine, ...]

    @classmethod
    def of(cls, order: Order) -> Self:
        return cls(
            order_id=order.order_id,
            customer_id=order.customer_id,
            shipping_address=order.shipping_address,
            lines=order.lines,
        )


class CreateShipmentResult(Contract):
    shipment_id: str


class SendNotificationInput(Contract):
    order_id: str
    customer_id: str
    email: str | None
    amount_charged: str
    """A decimal in the order's currency."""
    currency: str

    @classmethod
    def of(cls, order: Order) -> Self:
        return cls(
            order_id=order.order_id,
            customer_id=order.customer_id,
            email=order.notification_email,
            amount_charged=decimal_string(order.amount_charged, order.currency),
            currency=order.currency,
        )


class SendNotificationResult(Contract):
    notification_id: str


class SendAlertInput(Contract):
    """Tell one alert target that an order waits for a person."""

    target: int
    """Index into the worker's alert targets."""
    order_id: str
    intervention: Intervention


class SendSilenceAlertInput(Contract):
    """Tell one alert target that nothing is heard of a choreographed order."""

    target: int
    """Index into the worker's alert targets."""
    order_id: str
    since: datetime
    last_event: str
    """The type of the last event that was heard."""


class AuditSummary(Contract):
    """What a scheduled audit found, as far as it fits into a history."""

    orders: int
    findings: int
    findings_by_rule: dict[str, int]


class SendAuditAlertInput(Contract):
    """Tell one alert target that an audit found something, or could not look at everything."""

    target: int
    """Index into the worker's alert targets."""
    summary: AuditSummary | None = None
    trouble: str | None = None
    """Why there is no summary."""


class CompensationInput(Contract):
    """Undo whatever the step did for this order; nothing, if it did nothing."""

    order_id: str

    @classmethod
    def of(cls, order: Order) -> Self:
        return cls(order_id=order.order_id)
