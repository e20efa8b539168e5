"""The events of a choreographed order: what has happened, told by the service that did it."""

from datetime import datetime
from enum import StrEnum

from models.contract import Contract
from models.saga import Intervention, Resolution, SagaInput
from models.steps import ErrorCode, Service, Step


class EventType(StrEnum):
    """What can happen to an order, in the past tense. The value is the name on the wire."""

    ORDER_PLACED = "OrderPlaced"
    """The shop front's: an order has come in. No service has done anything yet."""
    ORDER_CREATED = "OrderCreated"
    ORDER_COMPLETED = "OrderCompleted"
    ORDER_FAILED = "OrderFailed"
    """Every effect is undone, and the order's record is closed."""
    INVENTORY_RESERVED = "InventoryReserved"
    INVENTORY_FAILED = "InventoryFailed"
    INVENTORY_RELEASED = "InventoryReleased"
    PAYMENT_PROCESSED = "PaymentProcessed"
    PAYMENT_SKIPPED = "PaymentSkipped"
    """Points pay for the whole order."""
    PAYMENT_FAILED = "PaymentFailed"
    PAYMENT_REFUNDED = "PaymentRefunded"
    POINTS_DEDUCTED = "PointsDeducted"
    POINT_DEDUCTION_SKIPPED = "PointDeductionSkipped"
    """The order uses no points."""
    POINT_DEDUCTION_FAILED = "PointDeductionFailed"
    POINTS_RESTORED = "PointsRestored"
    SHIPMENT_CREATED = "ShipmentCreated"
    SHIPMENT_FAILED = "ShipmentFailed"
    SHIPMENT_CANCELLED = "ShipmentCancelled"
    NOTIFICATION_SENT = "NotificationSent"
    NOTIFICATION_FAILED = "NotificationFailed"


class Outcome(StrEnum):
    """What a service knows about a step of its own that did not get done."""

    REFUSED = "REFUSED"
    """It said no and vouches that there is no effect."""
    UNKNOWN = "UNKNOWN"
    """Nobody can tell, so the step is undone as if it had happened."""


class Failure(Contract):
    """The step that stopped the order, and why."""

    step: Step
    outcome: Outcome
    code: ErrorCode
    message: str
    everything: bool = False
    """The step came after its own undo, so the order is or was being undone, and only those who
    undo know how far that got: each service undoes what it may have done."""


class Undone(Contract):
    """A step whose effect is gone for good."""

    step: Step
    at: datetime


class EventData(Contract):
    """The order, and what had become of it when the event was published.

    Everything that a service needs in order to react is here, so that none asks another one.
    """

    saga: SagaInput
    """The order, and on which terms it is carried out."""
    placed_at: datetime
    executed: tuple[Step, ...] = ()
    skipped: tuple[Step, ...] = ()
    inventory_reservation_id: str | None = None
    payment_transaction_id: str | None = None
    point_transaction_id: str | None = None
    shipment_id: str | None = None
    failure: Failure | None = None
    """Why the order is undone; in every event from the failure on."""
    undone: tuple[Undone, ...] = ()
    closed_at: datetime | None = None
    """Since when the order's record is closed."""
    not_notified: Outcome | None = None
    """In `NotificationFailed`; a warning has the words."""
    warnings: tuple[str, ...] = ()
    resolutions: tuple[Resolution, ...] = ()
    """What people did to get this far."""


class SagaEvent(Contract):
    """Something that has happened to an order. One order has at most one event of each type."""

    event_id: str
    """`<order_id>:<event_type>`: whoever publishes it again publishes the same event."""
    event_type: EventType
    saga_id: str
    correlation_id: str
    """The order id: what all events of one order, and all keys of its calls, have in common."""
    timestamp: datetime
    """When it happened, by the clock of whoever published it."""
    data: EventData
    retry_count: int = 0
    """0 in every event, because none is published again in order to be tried again: Temporal
    retries its reaction, and the `DeadLetter` that this may become has the count."""
    max_retries: int | None = None
    """How often a reaction to it is tried again before it is parked as a dead letter; its retry
    policy is made of this. None: by time, not by count; a step for the order's `step_seconds`,
    the notification for 30 s."""


class Delivery(Contract):
    """One event for one of its subscribers: the input of a reaction."""

    event: SagaEvent
    service: Service


class HeardEvent(Contract):
    """An event in a list, without its data."""

    event_id: str
    event_type: EventType
    timestamp: datetime


class ParkingNotice(Contract):
    """What a reaction that was parked tells the order's tracker, each time something changes."""

    reaction_id: str
    number: int
    """Counts the notices of one run of the reaction; a reset begins anew."""
    intervention: Intervention | None
    """None: it has succeeded."""
    failure: Failure | None
    resolutions: tuple[Resolution, ...]
    at: datetime | None = None
    """When it was sent; one from before this, or at the same time with a lower number, is out of
    date. None: by a reaction that did not say so yet."""


class DeadLetter(Contract):
    """A reaction that is parked: its retries are spent, and it waits to be driven again."""

    reaction_id: str
    order_id: str
    saga_id: str
    event_id: str
    event_type: EventType
    service: Service
    step: Step
    call: str
    """The activity that does not succeed."""
    since: datetime
    retry_count: int
    max_retries: int | None
    last_error: str
    alerted: bool
    being_tried: bool
    """Whether a re-drive is under way."""
    answered: bool = True
    """False: its worker does not tell. Then `since` is when the reaction began, and nothing is
    known of retries, alerts and the error."""
