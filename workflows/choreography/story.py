"""What an order's events say about it: a `SagaState` that does not depend on their order."""

from collections.abc import Iterable, Sequence

from models.events import EventData, EventType, Failure, SagaEvent
from models.saga import SagaKind, SagaState, SagaStatus
from models.steps import COMPENSATABLE, CREATE_ORDER, SEND_NOTIFICATION, STEPS, Step
from workflows.choreography.subscriptions import undos_of
from workflows.journal import end

_POSITION = {step: number for number, step in enumerate(Step)}
_RECEIPTS = (
    "inventory_reservation_id",
    "payment_transaction_id",
    "point_transaction_id",
    "shipment_id",
)


def told_by(events: Iterable[SagaEvent], failure: Failure | None = None) -> SagaState:
    """The state that these events tell of, whichever came first and however often.

    `failure` is one that is known and has no event yet. There must be at least one event: each
    tells all that its publisher knew, so one that is missing so far is made up for by the next.
    """
    heard = sorted(events, key=lambda event: (event.timestamp, event.event_id))
    facts = [event.data for event in heard]
    first = heard[0]
    state = SagaState.at_start(
        first.data.saga.order, SagaKind.CHOREOGRAPHED, first.saga_id, first.data.placed_at
    )
    state.updated_at = heard[-1].timestamp
    _add_steps(state, facts)
    for receipt in _RECEIPTS:
        known = (getattr(each, receipt) for each in facts)
        setattr(state, receipt, next(filter(None, known), None))
    state.warnings = list(dict.fromkeys(text for each in facts for text in each.warnings))
    resolutions = dict.fromkeys(done for each in facts for done in each.resolutions)
    state.resolutions = sorted(resolutions, key=lambda done: done.at)
    failure = _failure(facts) or failure
    if failure is not None:
        state.error_code, state.error_message = failure.code, failure.message
    _add_progress(state, facts, failure)
    if is_over(heard):
        state.current_step = state.status
    return state


def _failure(facts: Sequence[EventData]) -> Failure | None:
    """What the record was closed with, or, until then, what came first."""
    closed_first = sorted(facts, key=lambda each: each.closed_at is None)
    return next((each.failure for each in closed_first if each.failure), None)


def is_over(events: Iterable[SagaEvent]) -> bool:
    """Whether nothing follows any more, but for what an operator drives again."""
    types = {event.event_type for event in events}
    return not types.isdisjoint(
        {EventType.ORDER_FAILED, EventType.NOTIFICATION_SENT, EventType.NOTIFICATION_FAILED}
    )


def has_ended(events: Iterable[SagaEvent]) -> bool:
    """Whether the order's record is closed; a notification may be under way."""
    return any(event.data.closed_at for event in events)


def _add_steps(state: SagaState, facts: Sequence[EventData]) -> None:
    executed = {step for each in facts for step in each.executed}
    skipped = {step for each in facts for step in each.skipped}
    state.executed_steps = sorted(executed, key=_POSITION.__getitem__)
    state.skipped_steps = sorted(skipped, key=_POSITION.__getitem__)
    undone = {done.step: done.at for each in facts for done in each.undone}
    state.compensated_steps = sorted(
        undone,
        # By time; of two at the same moment, the later step first. The order's own is last.
        key=lambda step: (step is Step.ORDER_CREATED, undone[step], -_POSITION[step]),
    )


def _add_progress(state: SagaState, facts: Sequence[EventData], failure: Failure | None) -> None:
    closed_at = next((each.closed_at for each in facts if each.closed_at), None)
    if closed_at is not None:
        last_heard = state.updated_at
        end(state, SagaStatus.COMPENSATED if failure else SagaStatus.COMPLETED, closed_at)
        state.updated_at = max(last_heard, closed_at)
        if failure is None:
            state.current_step = SEND_NOTIFICATION.running
    elif failure is not None:
        state.status = SagaStatus.COMPENSATING
        state.current_step = _undo_under_way(state, failure, facts)
    else:
        state.status = SagaStatus.IN_PROGRESS
        known = {*state.executed_steps, *state.skipped_steps}
        state.current_step = next(step.running for step in STEPS if step.step not in known)


def _undo_under_way(state: SagaState, failure: Failure, facts: Sequence[EventData]) -> str:
    """Several may be; the one whose step came last stands for all."""
    needed = undos_of(
        facts[0].model_copy(update={"executed": tuple(state.executed_steps), "failure": failure})
    )
    for step in reversed(COMPENSATABLE):
        if step in needed and step.step not in state.compensated_steps:
            return step.compensation.running
    return CREATE_ORDER.compensation.running
