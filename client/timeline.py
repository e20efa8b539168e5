"""What a saga did so far and when, read from its workflow's history without asking a worker."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError, CancelledError

from client.heard import ended_calls, why_not_done
from client.views import Lane
from models.errors import REFUSALS
from models.events import ParkingNotice, SagaEvent
from models.order import Order
from models.saga import OperatorAction, SagaInput, SagaState
from models.steps import COMPENSATABLE, STEPS, Compensatable, ForwardOnly, Step
from workflows.choreography.publishing import HEAR, NOTE
from workflows.choreography.story import told_by

AnyStep = Compensatable | ForwardOnly

CALLS: dict[str, tuple[AnyStep, Lane]] = {
    **{step.activity: (step, Lane.FORWARD) for step in STEPS},
    **{step.compensation.activity: (step, Lane.UNDO) for step in COMPENSATABLE},
}
"""The step that each operation belongs to, and which way it goes."""


@dataclass
class Call:
    """One operation that the saga asked for: an activity with all its attempts."""

    operation: str
    started_at: datetime
    ended_at: datetime | None = None
    attempts: int = 0
    """Begun, as far as the history tells. It learns of them when the call is over, and of none
    when that is cancelled between two attempts."""
    done: bool = False
    refused: bool = False
    error: str | None = None


@dataclass
class Story:
    """A saga's history, as far as its steps go."""

    order: Order | None = None
    """None only while nothing has been read."""
    calls: list[Call] = field(default_factory=list)
    """In the order they were made."""
    settled: dict[Step, tuple[str, datetime]] = field(default_factory=dict)
    """The interventions that a person ended, with `resolve` or `abandon`, and when."""
    events: list[SagaEvent] = field(default_factory=list)
    """Of a choreographed order: what its tracker has heard."""

    @property
    def told(self) -> SagaState | None:
        """What a choreographed order's events tell of it; None before the first."""
        return told_by(self.events) if self.events else None

    def calls_of(self, step: AnyStep, lane: Lane) -> list[Call]:
        """All calls for a step's way forward, or for its undo."""
        return [call for call in self.calls if CALLS[call.operation] == (step, lane)]

    @property
    def executed(self) -> list[Step]:
        """As the saga's state has them."""
        return [
            step.step
            for step in STEPS
            if any(call.done for call in self.calls_of(step, Lane.FORWARD))
        ]

    def is_unknown(self, step: AnyStep) -> bool:
        """Whether the step may have had its effect though nobody vouches for it."""
        calls = self.calls_of(step, Lane.FORWARD)
        return bool(calls) and not calls[-1].done and not calls[-1].refused

    @property
    def skipped(self) -> list[AnyStep]:
        """The steps that there was nothing to do for."""
        if self.order is None:
            return []
        reached = max((_place(call) for call in self.calls), default=-1)
        return [step for step in STEPS[: reached + 1] if _has_nothing_to_do(step.step, self.order)]

    @property
    def compensated(self) -> list[Step]:
        """As the saga's state has them: in the order they were undone."""
        if self.told is not None:  # an undo may be announced twice, each time with its own moment
            return self.told.compensated_steps
        undone = {step.step: _undone_at(self, step) for step in COMPENSATABLE}
        at = {step: when for step, when in undone.items() if when is not None}
        return sorted(at, key=at.__getitem__)

    @property
    def progress(self) -> int:
        """Percent of the steps that are executed or skipped."""
        return 100 * (len(self.executed) + len(self.skipped)) // len(STEPS)

    @property
    def current_step(self) -> str | None:
        """The step or the undo that began last; None before the first."""
        if not self.calls:
            return None
        step, lane = CALLS[self.calls[-1].operation]
        return running_name(step, lane)


def running_name(step: AnyStep, lane: Lane) -> str:
    """`current_step` while the step, or its undo, runs."""
    if lane is Lane.UNDO and isinstance(step, Compensatable):
        return step.compensation.running
    return step.running


async def read_story(events: Iterable[HistoryEvent], converter: DataConverter) -> Story:
    """The story that a workflow's events tell."""
    reader = _Reader(converter)
    for event in events:
        await reader.read(event)
    return reader.story


_ENDS = {
    "activity_task_completed_event_attributes": True,
    "activity_task_failed_event_attributes": False,
    "activity_task_timed_out_event_attributes": False,
    "activity_task_canceled_event_attributes": False,
}
"""The events that end a call, and whether it has had its effect."""


class _Reader:
    """Reads events one after the other."""

    def __init__(self, converter: DataConverter) -> None:
        self._converter = converter
        self._scheduled: dict[int, Call] = {}
        self._last_event_at = datetime.min.replace(tzinfo=UTC)
        self.story = Story()

    async def read(self, event: HistoryEvent) -> None:
        name = event.WhichOneof("attributes") or ""
        at = instant(event.event_time)
        attributes: Any = getattr(event, name, None)
        match name:
            case "workflow_execution_started_event_attributes":
                await self._started(attributes, at)
            case "activity_task_scheduled_event_attributes":
                self._asked(event.event_id, attributes.activity_type.name, at)
            case "marker_recorded_event_attributes":
                await self._marked(attributes, at)
            case "workflow_execution_update_accepted_event_attributes":
                await self._updated(attributes.accepted_request.input, at)
            case "workflow_execution_signaled_event_attributes":
                await self._signalled(attributes)
            case _ if call := self._scheduled.get(getattr(attributes, "scheduled_event_id", 0)):
                await self._went_on(call, name, attributes, at)

    async def _went_on(self, call: Call, name: str, attributes: Any, at: datetime) -> None:
        if name == "activity_task_started_event_attributes":
            call.attempts = attributes.attempt
        elif name in _ENDS:
            await self._ended(call, at, attributes, done=_ENDS[name])

    async def _started(self, attributes: Any, at: datetime) -> None:
        self._last_event_at = at
        saga = await self._decoded(attributes.input.payloads, SagaInput)
        self.story.order = saga.order

    def _asked(self, event_id: int, operation: str, at: datetime) -> None:
        if operation in CALLS:  # not an alert
            self._scheduled[event_id] = Call(operation, at)
            self.story.calls.append(self._scheduled[event_id])

    async def _ended(self, call: Call, at: datetime, attributes: Any, *, done: bool) -> None:
        call.ended_at, call.done = at, done
        if done:
            return
        if "failure" not in attributes.DESCRIPTOR.fields_by_name:
            call.error = call.error or "cancelled"
            return
        error = await self._innermost(attributes.failure)
        call.refused = isinstance(error, ApplicationError) and error.type in REFUSALS
        call.error = getattr(error, "message", str(error))

    async def _marked(self, attributes: Any, at: datetime) -> None:
        """A local activity: on record when it is over."""
        if attributes.marker_name != "core_local_activity":
            return
        data = await self._decoded(attributes.details["data"].payloads, dict[str, Any])
        if data["activity_type"] not in CALLS:
            return
        asked = data["original_schedule_time"]
        asked_at = datetime.fromtimestamp(asked["seconds"] + asked["nanos"] / 1e9, UTC)
        call = Call(data["activity_type"], min(asked_at, at), at, attempts=data["attempt"])
        await self._ended(call, at, attributes, done=not attributes.HasField("failure"))
        self.story.calls.append(call)

    async def _updated(self, update: Any, at: datetime) -> None:
        if update.name in ("resolve", "abandon"):
            action = await self._decoded(update.args.payloads, OperatorAction)
            if action.step is not None:
                self.story.settled[action.step] = (update.name, at)

    async def _signalled(self, signal: Any) -> None:
        """To a choreographed order's tracker: events, and what is parked."""
        if signal.signal_name == HEAR:
            self._heard(await self._decoded(signal.input.payloads, SagaEvent))
        elif signal.signal_name == NOTE:
            self._noted(await self._decoded(signal.input.payloads, ParkingNotice))

    def _heard(self, event: SagaEvent) -> None:
        """An event comes when the call that it tells of is over."""
        self.story.events.append(event)
        at = event.timestamp
        for operation, done in ended_calls(event):
            if any(call.operation == operation and call.done >= done for call in self.story.calls):
                continue  # told twice
            call = Call(operation, min(self._last_event_at, at), at, 1, done=done)
            if not done:
                call.refused, call.error = why_not_done(event)
            self.story.calls.append(call)
        self._last_event_at = max(self._last_event_at, at)

    def _noted(self, notice: ParkingNotice) -> None:
        case = notice.intervention
        if case is None or any(call.operation == case.compensation for call in self.story.calls):
            return
        attempts, error = case.attempts, case.last_error
        self.story.calls.append(
            Call(case.compensation, case.since, case.since, attempts, error=error)
        )

    async def _decoded(self, payloads: Sequence[Payload], as_type: Any) -> Any:
        [value] = await self._converter.decode(payloads, [as_type])
        return value

    async def _innermost(self, failure: Failure) -> BaseException:
        error: BaseException = await self._converter.decode_failure(failure)
        while error.__cause__ is not None and not isinstance(error, CancelledError):
            error = error.__cause__
        return error


def instant(timestamp: Timestamp) -> datetime:
    """The moment, with its zone."""
    return timestamp.ToDatetime(UTC)


def _place(call: Call) -> int:
    step, lane = CALLS[call.operation]
    return STEPS.index(step) if lane is Lane.FORWARD else -1


def _has_nothing_to_do(step: Step, order: Order) -> bool:
    match step:
        case Step.PAYMENT_PROCESSED:
            return order.amount_charged == 0
        case Step.POINTS_DEDUCTED:
            return order.points_to_use == 0
    return False


def _undone_at(story: Story, step: Compensatable) -> datetime | None:
    """When the step was undone, by machine or by a person; None while it is not."""
    how, at = story.settled.get(step.step, ("", None))
    done = (call.ended_at for call in story.calls_of(step, Lane.UNDO) if call.done)
    return next(done, at if how == "resolve" else None)
