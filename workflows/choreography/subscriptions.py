"""Who reacts to what: the whole choreography, in one table."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from models.events import EventData, EventType, Outcome, SagaEvent
from models.order import Order
from models.steps import (
    COMPENSATABLE,
    COMPLETE_ORDER,
    CREATE_ORDER,
    CREATE_SHIPMENT,
    DEDUCT_POINTS,
    PROCESS_PAYMENT,
    RESERVE_INVENTORY,
    SEND_NOTIFICATION,
    Compensatable,
    ForwardOnly,
    Service,
    Step,
)


class Verb(Enum):
    """What a service does about an event."""

    DOES = "does"
    """Its own step."""
    UNDOES = "undoes"
    """Its own step, if that may have had an effect."""
    CLOSES = "closes"
    """Undoes the order itself, once every other undo has been announced."""
    COUNTS = "counts"
    """Takes note of an undo; the reaction that closes the order waits for it."""


@dataclass(frozen=True)
class Subscription:
    """One service's interest in one type of event."""

    verb: Verb
    step: Compensatable | ForwardOnly

    @property
    def service(self) -> Service:
        """The service that the step belongs to."""
        return self.step.service

    @property
    def call(self) -> str:
        """The wire name of what is called."""
        if self.verb is Verb.DOES:
            return self.step.activity
        if isinstance(self.step, Compensatable):
            return self.step.compensation.activity
        raise AssertionError(f"{self.step.activity} has no undo")


def _does(step: Compensatable | ForwardOnly) -> Subscription:
    return Subscription(Verb.DOES, step)


def _undoes(step: Compensatable) -> Subscription:
    return Subscription(Verb.UNDOES, step)


_CLOSES = Subscription(Verb.CLOSES, CREATE_ORDER)
_COUNTS = Subscription(Verb.COUNTS, CREATE_ORDER)

SUBSCRIPTIONS: Mapping[EventType, tuple[Subscription, ...]] = {
    # Forward: each service waits for the one before it.
    EventType.ORDER_PLACED: (_does(CREATE_ORDER),),
    EventType.ORDER_CREATED: (_does(RESERVE_INVENTORY),),
    EventType.INVENTORY_RESERVED: (_does(PROCESS_PAYMENT),),
    EventType.PAYMENT_PROCESSED: (_does(DEDUCT_POINTS),),
    EventType.PAYMENT_SKIPPED: (_does(DEDUCT_POINTS),),
    EventType.POINTS_DEDUCTED: (_does(CREATE_SHIPMENT),),
    EventType.POINT_DEDUCTION_SKIPPED: (_does(CREATE_SHIPMENT),),
    EventType.SHIPMENT_CREATED: (_does(COMPLETE_ORDER),),
    EventType.ORDER_COMPLETED: (_does(SEND_NOTIFICATION),),
    # Undo: whoever may have had an effect undoes it, all at the same time.
    EventType.INVENTORY_FAILED: (_undoes(RESERVE_INVENTORY), _CLOSES),
    EventType.PAYMENT_FAILED: (_undoes(RESERVE_INVENTORY), _undoes(PROCESS_PAYMENT), _CLOSES),
    EventType.POINT_DEDUCTION_FAILED: (
        _undoes(RESERVE_INVENTORY),
        _undoes(PROCESS_PAYMENT),
        _undoes(DEDUCT_POINTS),
        _CLOSES,
    ),
    EventType.SHIPMENT_FAILED: (
        _undoes(RESERVE_INVENTORY),
        _undoes(PROCESS_PAYMENT),
        _undoes(DEDUCT_POINTS),
        _undoes(CREATE_SHIPMENT),
        _CLOSES,
    ),
    EventType.INVENTORY_RELEASED: (_COUNTS,),
    EventType.PAYMENT_REFUNDED: (_COUNTS,),
    EventType.POINTS_RESTORED: (_COUNTS,),
    EventType.SHIPMENT_CANCELLED: (_COUNTS,),
    # The end: only the tracker hears of it.
    EventType.ORDER_FAILED: (),
    EventType.NOTIFICATION_SENT: (),
    EventType.NOTIFICATION_FAILED: (),
}


@dataclass(frozen=True)
class Tells:
    """The events that a step leads to."""

    done: EventType
    failed: EventType
    undone: EventType | None = None
    skipped: EventType | None = None


TELLS: Mapping[Step, Tells] = {
    Step.ORDER_CREATED: Tells(
        done=EventType.ORDER_CREATED,
        failed=EventType.ORDER_FAILED,
        undone=EventType.ORDER_FAILED,
    ),
    Step.INVENTORY_RESERVED: Tells(
        done=EventType.INVENTORY_RESERVED,
        failed=EventType.INVENTORY_FAILED,
        undone=EventType.INVENTORY_RELEASED,
    ),
    Step.PAYMENT_PROCESSED: Tells(
        done=EventType.PAYMENT_PROCESSED,
        failed=EventType.PAYMENT_FAILED,
        undone=EventType.PAYMENT_REFUNDED,
        skipped=EventType.PAYMENT_SKIPPED,
    ),
    Step.POINTS_DEDUCTED: Tells(
        done=EventType.POINTS_DEDUCTED,
        failed=EventType.POINT_DEDUCTION_FAILED,
        undone=EventType.POINTS_RESTORED,
        skipped=EventType.POINT_DEDUCTION_SKIPPED,
    ),
    Step.SHIPMENT_CREATED: Tells(
        done=EventType.SHIPMENT_CREATED,
        failed=EventType.SHIPMENT_FAILED,
        undone=EventType.SHIPMENT_CANCELLED,
    ),
    Step.NOTIFICATION_SENT: Tells(
        done=EventType.NOTIFICATION_SENT, failed=EventType.NOTIFICATION_FAILED
    ),
}


def subscribers(event: SagaEvent) -> tuple[Subscription, ...]:
    """Those that this very event concerns: nobody has to undo what surely did not happen."""
    needed = undos_of(event.data)
    return tuple(
        each
        for each in SUBSCRIPTIONS[event.event_type]
        if each.verb is not Verb.UNDOES or each.step in needed
    )


def undos_of(data: EventData) -> tuple[Compensatable, ...]:
    """The steps that may have had an effect and have to be undone, but the order's own.

    A skipped step had none; nor had the one that failed, if its service vouches for that.
    """
    if data.failure is None:
        return ()
    if data.failure.everything:
        return tuple(
            step
            for step in COMPENSATABLE
            if step is not CREATE_ORDER and not nothing_to_do(step, data.saga.order)
        )
    may_stand = {*data.executed}
    if data.failure.outcome is Outcome.UNKNOWN:
        may_stand.add(data.failure.step)
    return tuple(
        step for step in COMPENSATABLE if step is not CREATE_ORDER and step.step in may_stand
    )


def nothing_to_do(step: Compensatable, order: Order) -> bool:
    """Whether the step is skipped, because the order asks nothing of it."""
    if step is PROCESS_PAYMENT:
        return order.amount_charged == 0
    return step is DEDUCT_POINTS and order.points_to_use == 0


def subscription_of(service: Service, event_type: EventType) -> Subscription:
    """What the service does about events of this type. Raises `LookupError` if nothing."""
    for subscription in SUBSCRIPTIONS[event_type]:
        if subscription.service is service:
            return subscription
    raise LookupError(f"{service} does not subscribe to {event_type}")
