"""The tracker of a choreographed order: it places the order, and from then on only listens."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from temporalio import workflow
from temporalio.common import RawValue

with workflow.unsafe.imports_passed_through():
    from activities.alerts import AlertActivities
    from models.calls import SendSilenceAlertInput
    from models.events import EventData, EventType, HeardEvent, ParkingNotice, SagaEvent
    from models.saga import SagaInput, SagaState, SagaStatus
    from models.steps import SEND_NOTIFICATION
    from workflows.alarm import Alarm
    from workflows.calls import NOTIFICATION_LIMIT
    from workflows.choreography.publishing import new_event, publish
    from workflows.choreography.story import has_ended, is_over, told_by
    from workflows.interventions import conflict
    from workflows.settling import settled
    from workflows.signs import Signs

# Its reaction begins and answers by events of its own, which take their time too.
_ON_ITS_WAY = timedelta(seconds=5)
_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


@workflow.defn(name="OrderTracker")
class OrderTracker:
    """Knows how a choreographed order stands, and decides nothing.

    Starting it is the durable placing of the order; its first act is to publish `OrderPlaced`. It
    calls no service, except that it alerts operators when it hears nothing for longer than the
    order's deadline. Returns the `SagaState` when the order is COMPLETED or COMPENSATED.
    """

    @workflow.init
    def __init__(self, saga: SagaInput) -> None:
        info = workflow.info()
        self._saga = saga
        placed = new_event(
            info.workflow_id,
            EventType.ORDER_PLACED,
            EventData(saga=saga, placed_at=info.workflow_start_time),
            workflow.now(),
        )
        self._heard = {placed.event_id: placed}
        self._placed = placed
        self._notices: dict[str, ParkingNotice] = {}
        self._warnings: list[str] = []
        self._silent_since = workflow.now()
        self._stopped_listening = False
        self._signs = Signs()
        self._state = self._told()

    @workflow.run
    async def run(self, saga: SagaInput) -> SagaState:
        """Listen until the order has ended, even when this workflow is cancelled."""
        listening = asyncio.create_task(self._listen())
        await settled(listening, on_cancel=self._cancel_requested)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._state

    async def _listen(self) -> None:
        self._log("saga started")
        self._changed()
        watch = asyncio.create_task(self._watch_for_silence())
        await publish(self._placed)
        await workflow.wait_condition(lambda: has_ended(self._heard.values()) or self._is_over())
        watch.cancel()
        await self._hear_of_the_notification()
        self._log("saga ended", status=self._state.status, code=self._state.error_code)

    async def _hear_of_the_notification(self) -> None:
        """For as long as it may take: the order has ended and does not wait for it."""
        try:
            await workflow.wait_condition(
                self._is_over,
                timeout=NOTIFICATION_LIMIT + _ON_ITS_WAY,
                timeout_summary="time for the notification",
            )
        except TimeoutError:
            self._stopped_listening = True
            self._warn(
                f"{SEND_NOTIFICATION.activity}: nothing was heard of it for "
                f"{NOTIFICATION_LIMIT.total_seconds():g} s"
            )

    def _is_over(self) -> bool:
        return is_over(self._heard.values())

    async def _watch_for_silence(self) -> None:
        """Alert once per silence. Nothing is undone: nobody here could decide that."""
        patience = timedelta(seconds=self._saga.deadline_seconds)
        while True:
            # One timer for as long as events come in: a timer for each would double the events.
            quiet = workflow.now() - self._silent_since
            while quiet < patience:
                await workflow.sleep(patience - quiet, summary="patience with a silent order")
                quiet = workflow.now() - self._silent_since
            since = self._silent_since
            # Of a dead letter, operators have been told already.
            alarm = self._silence_alarm()
            if not self._state.interventions:
                self._warn(f"nothing was heard for {patience.total_seconds():g} s")
                alarm.sound(self._saga.alert_targets)
            await self._until_heard_after(since)
            alarm.silence()

    async def _until_heard_after(self, moment: datetime) -> None:
        await workflow.wait_condition(lambda: self._silent_since != moment)

    def _silence_alarm(self) -> Alarm:
        last = max(self._heard.values(), key=lambda event: (event.timestamp, event.event_id))
        return Alarm(
            "silence",
            AlertActivities.send_silence_alert,
            lambda target: SendSilenceAlertInput(
                target=target,
                order_id=self._saga.order.order_id,
                since=self._silent_since,
                last_event=last.event_type,
            ),
            delivered=lambda: None,
            warned=self._warn,
        )

    # What it is told, in any order and any number of times.

    @workflow.signal(name="hear")
    def hear(self, event: SagaEvent) -> None:
        """An event has been published."""
        if event.event_id not in self._heard:
            self._heard[event.event_id] = event
            self._silent_since = workflow.now()
            self._log("event heard", event_type=event.event_type)
            self._changed()

    @workflow.signal(name="note")
    def note(self, notice: ParkingNotice) -> None:
        """A reaction has been parked, or something about one has changed."""
        known = self._notices.get(notice.reaction_id)
        if known is None or _age(known) < _age(notice):
            before = known.resolutions if known else ()
            self._notices[notice.reaction_id] = notice.model_copy(
                # A reset one has forgotten what people did to it.
                update={"resolutions": tuple(dict.fromkeys((*before, *notice.resolutions)))}
            )
            self._silent_since = workflow.now()
            self._changed()

    def _cancel_requested(self) -> None:
        reason = workflow.cancellation_reason() or "no reason given"
        self._warn(f"cancelled in Temporal, which changes nothing here: {reason}")

    def _warn(self, warning: str) -> None:
        self._warnings.append(warning)
        self._log("saga warning", level=logging.WARNING, reason=warning)
        self._changed()

    def _changed(self) -> None:
        self._state = self._told()
        self._signs.show(self._state)

    def _told(self) -> SagaState:
        notices = list(self._notices.values())
        failure = next((notice.failure for notice in notices if notice.failure), None)
        state = told_by(self._heard.values(), failure)
        # An event may overtake the notice that the call before it has succeeded.
        through = state.compensated_steps if state.error_code else state.executed_steps
        state.interventions = [
            notice.intervention
            for notice in notices
            if notice.intervention is not None and notice.intervention.step not in through
        ]
        acts = [done for notice in notices for done in notice.resolutions]
        state.resolutions = sorted(
            dict.fromkeys([*state.resolutions, *acts]), key=lambda done: done.at
        )
        if self._stopped_listening:
            state.current_step = state.status
        state.warnings += [text for text in self._warnings if text not in state.warnings]
        return state

    # What people ask, and what they cannot do here.

    @workflow.query(name="state")
    def state(self) -> SagaState:
        """Everything that is known about the order now."""
        return self._state

    @workflow.query(name="events")
    def events(self) -> list[HeardEvent]:
        """What has happened, in the order in which it happened."""
        heard = sorted(self._heard.values(), key=lambda event: (event.timestamp, event.event_id))
        return [
            HeardEvent(event_id=each.event_id, event_type=each.event_type, timestamp=each.timestamp)
            for each in heard
        ]

    @workflow.update(dynamic=True)
    def refuse(self, name: str, arguments: Sequence[RawValue]) -> None:
        """Any action on the order; the validator refuses it."""

    @refuse.validator
    def _may_not(self, name: str, arguments: Sequence[RawValue]) -> None:
        if name in ("cancel", "hold") and self._state.status is SagaStatus.COMPLETED:
            raise conflict(
                "ORDER_ALREADY_COMPLETED",
                f"the order completed at {self._state.completed_at:%Y-%m-%d %H:%M:%S} UTC",
            )
        if name in ("cancel", "hold", "resume"):
            raise conflict(
                "NOBODY_DECIDES",
                f"{name} is not possible: the order is choreographed, so each service reacts to "
                "events by itself and nobody could stop it",
            )
        raise conflict(
            "PARKED_NOT_CLAIMED",
            f"{name} is not possible: the order is choreographed, so what does not succeed is a "
            "dead letter",
        )

    def _log(self, message: str, *, level: int = logging.INFO, **fields: object) -> None:
        fields |= {"saga_id": self._placed.saga_id, "order_id": self._placed.correlation_id}
        workflow.logger.log(level, message, extra=fields)


def _age(notice: ParkingNotice) -> tuple[datetime, int]:
    return notice.at or _BEFORE_ALL, notice.number
