"""The saga's steps, their compensations and their codes: the names that other programs rely on.

This is a table to read names from, not a program: what happens in which order is
`OrderSaga.run` in `workflows/order_saga.py`.
"""

from dataclasses import dataclass
from enum import StrEnum


class Service(StrEnum):
    """The six services; the value is also the name of the service's task queue and database."""

    ORDERS = "orders"
    INVENTORY = "inventory"
    PAYMENTS = "payments"
    POINTS = "points"
    SHIPPING = "shipping"
    NOTIFICATIONS = "notifications"


class Step(StrEnum):
    """A step by the name it has in `executed_steps`, `skipped_steps` and `compensated_steps`."""

    ORDER_CREATED = "ORDER_CREATED"
    INVENTORY_RESERVED = "INVENTORY_RESERVED"
    PAYMENT_PROCESSED = "PAYMENT_PROCESSED"
    POINTS_DEDUCTED = "POINTS_DEDUCTED"
    SHIPMENT_CREATED = "SHIPMENT_CREATED"
    ORDER_COMPLETED = "ORDER_COMPLETED"
    NOTIFICATION_SENT = "NOTIFICATION_SENT"


class ErrorCode(StrEnum):
    """Why an order did not complete. The first cause keeps the code."""

    ORDER_REJECTED = "ORDER_REJECTED"
    ORDER_SERVICE_ERROR = "ORDER_SERVICE_ERROR"
    INVENTORY_RESERVATION_FAILED = "INVENTORY_RESERVATION_FAILED"
    INVENTORY_SERVICE_ERROR = "INVENTORY_SERVICE_ERROR"
    PAYMENT_PROCESSING_FAILED = "PAYMENT_PROCESSING_FAILED"
    PAYMENT_SERVICE_ERROR = "PAYMENT_SERVICE_ERROR"
    POINT_DEDUCTION_FAILED = "POINT_DEDUCTION_FAILED"
    POINT_SERVICE_ERROR = "POINT_SERVICE_ERROR"
    SHIPMENT_CREATION_FAILED = "SHIPMENT_CREATION_FAILED"
    SHIPPING_SERVICE_ERROR = "SHIPPING_SERVICE_ERROR"
    ORDER_CANCELLED = "ORDER_CANCELLED"
    SAGA_DEADLINE_EXCEEDED = "SAGA_DEADLINE_EXCEEDED"


@dataclass(frozen=True)
class Compensation:
    """How a step is undone: the activity, and `current_step` while it runs."""

    activity: str
    running: str


@dataclass(frozen=True)
class Compensatable:
    """A step before the pivot: it can be refused, it can fail, and it can be undone."""

    step: Step
    service: Service
    activity: str
    running: str
    """`current_step` while it runs."""
    compensation: Compensation
    refused: ErrorCode
    """The code when the service says no."""
    failed: ErrorCode
    """The code when the service fails or stays silent."""


@dataclass(frozen=True)
class ForwardOnly:
    """The pivot and what follows it: nothing here is ever undone."""

    step: Step
    service: Service
    activity: str
    running: str


CREATE_ORDER = Compensatable(
    Step.ORDER_CREATED,
    Service.ORDERS,
    "create_order",
    "CREATING_ORDER",
    Compensation("cancel_order", "CANCELLING_ORDER"),
    ErrorCode.ORDER_REJECTED,
    ErrorCode.ORDER_SERVICE_ERROR,
)
RESERVE_INVENTORY = Compensatable(
    Step.INVENTORY_RESERVED,
    Service.INVENTORY,
    "reserve_inventory",
    "RESERVING_INVENTORY",
    Compensation("release_inventory", "RELEASING_INVENTORY"),
    ErrorCode.INVENTORY_RESERVATION_FAILED,
    ErrorCode.INVENTORY_SERVICE_ERROR,
)
PROCESS_PAYMENT = Compensatable(
    Step.PAYMENT_PROCESSED,
    Service.PAYMENTS,
    "process_payment",
    "PROCESSING_PAYMENT",
    Compensation("refund_payment", "REFUNDING_PAYMENT"),
    ErrorCode.PAYMENT_PROCESSING_FAILED,
    ErrorCode.PAYMENT_SERVICE_ERROR,
)
DEDUCT_POINTS = Compensatable(
    Step.POINTS_DEDUCTED,
    Service.POINTS,
    "deduct_points",
    "DEDUCTING_POINTS",
    Compensation("restore_points", "RESTORING_POINTS"),
    ErrorCode.POINT_DEDUCTION_FAILED,
    ErrorCode.POINT_SERVICE_ERROR,
)
CREATE_SHIPMENT = Compensatable(
    Step.SHIPMENT_CREATED,
    Service.SHIPPING,
    "create_shipment",
    "CREATING_SHIPMENT",
    Compensation("cancel_shipment", "CANCELLING_SHIPMENT"),
    ErrorCode.SHIPMENT_CREATION_FAILED,
    ErrorCode.SHIPPING_SERVICE_ERROR,
)
COMPLETE_ORDER = ForwardOnly(
    Step.ORDER_COMPLETED, Service.ORDERS, "complete_order", "COMPLETING_ORDER"
)
SEND_NOTIFICATION = ForwardOnly(
    Step.NOTIFICATION_SENT, Service.NOTIFICATIONS, "send_notification", "SENDING_NOTIFICATIONS"
)

COMPENSATABLE = (
    CREATE_ORDER,
    RESERVE_INVENTORY,
    PROCESS_PAYMENT,
    DEDUCT_POINTS,
    CREATE_SHIPMENT,
)
STEPS = (*COMPENSATABLE, COMPLETE_ORDER, SEND_NOTIFICATION)
TOTAL_STEPS = len(STEPS)

OPERATIONS: dict[str, Service] = {
    **{step.activity: step.service for step in STEPS},
    **{step.compensation.activity: step.service for step in COMPENSATABLE},
}
"""Every operation of every service, which is also the activity's wire name and the last part of
the idempotency key `<order_id>:<operation>`."""
