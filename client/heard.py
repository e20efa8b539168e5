"""What the events of a choreographed order tell of its steps.

Its tracker calls no service: it is told, by signals, what each one did.
"""

from collections.abc import Iterator

from models.events import EventType, Outcome, SagaEvent
from models.steps import COMPENSATABLE, COMPLETE_ORDER, CREATE_ORDER, SEND_NOTIFICATION, STEPS, Step
from workflows.choreography.subscriptions import TELLS

_DONE: dict[EventType, str] = {
    **{TELLS[step.step].done: step.activity for step in STEPS if step.step in TELLS},
    EventType.ORDER_COMPLETED: COMPLETE_ORDER.activity,
}
_FAILED: dict[EventType, str] = {
    TELLS[step.step].failed: step.activity
    for step in STEPS
    if step.step in TELLS and step is not CREATE_ORDER
}
_UNDONE: dict[EventType | None, str] = {
    TELLS[step.step].undone: step.compensation.activity
    for step in COMPENSATABLE
    if step is not CREATE_ORDER
}

_ACTIVITY = {step.step: step.activity for step in STEPS}


def ended_calls(event: SagaEvent) -> Iterator[tuple[str, bool]]:
    """The operations whose end this event tells of, and whether each had its effect."""
    if event.event_type is EventType.ORDER_FAILED:
        yield from _ends_of_the_order(event)
    elif operation := _DONE.get(event.event_type) or _UNDONE.get(event.event_type):
        yield operation, True
    elif operation := _FAILED.get(event.event_type):
        failure = event.data.failure
        # A step that came after its own undo has every service told, as if shipping had failed.
        yield _ACTIVITY[failure.step] if failure and failure.everything else operation, False


def _ends_of_the_order(event: SagaEvent) -> Iterator[tuple[str, bool]]:
    """One that was never opened has no event of its own for that."""
    failure = event.data.failure
    if failure is not None and failure.step is Step.ORDER_CREATED:
        yield CREATE_ORDER.activity, False
    if any(undone.step is Step.ORDER_CREATED for undone in event.data.undone):
        yield CREATE_ORDER.compensation.activity, True


def why_not_done(event: SagaEvent) -> tuple[bool, str | None]:
    """Of a call that this event tells was not done: whether it was refused, and the error."""
    data = event.data
    if event.event_type is EventType.NOTIFICATION_FAILED:
        label = f"{SEND_NOTIFICATION.activity}: "
        errors = (text.removeprefix(label) for text in data.warnings if text.startswith(label))
        return data.not_notified is Outcome.REFUSED, next(errors, None)
    if data.failure is None:
        return False, None
    return data.failure.outcome is Outcome.REFUSED, data.failure.message
