"""One service's reaction to one event: it makes its call, and publishes what follows."""

import asyncio
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError

# As in `workflows/order_saga.py`: loading these anew for every reaction would cost time.
with workflow.unsafe.imports_passed_through():
    from activities.notifications import NotificationsActivities
    from activities.orders import OrdersActivities
    from models.calls import CloseOrderInput, CompensationInput, SendNotificationInput
    from models.errors import Fenced
    from models.events import (
        DeadLetter,
        Delivery,
        EventType,
        Failure,
        Outcome,
        SagaEvent,
        Undone,
    )
    from models.saga import OperatorAction
    from models.steps import (
        COMPLETE_ORDER,
        CREATE_ORDER,
        SEND_NOTIFICATION,
        Compensatable,
        Step,
    )
    from workflows.calls import forward, notification, reason_of, refusal_in
    from workflows.choreography.dead_letters import DeadLetters
    from workflows.choreography.publishing import ask_again, new_event, publish
    from workflows.choreography.story import told_by
    from workflows.choreography.subscriptions import (
        TELLS,
        Verb,
        nothing_to_do,
        subscription_of,
        undos_of,
    )
    from workflows.choreography.work import WORK
    from workflows.interventions import MustSucceed
    from workflows.settling import settled


@workflow.defn(name="Reaction")
class Reaction:
    """Delivers one event to one service, on that service's own task queue.

    A step before the pivot is tried for the order's `step_seconds`; then its failure is published.
    An undo, the pivot and the notification are parked when their retries are spent. Whatever
    happens to this workflow short of *terminate*, what it owes is published in the end.

    Returns the type of the event that it published last.
    """

    @workflow.init
    def __init__(self, delivery: Delivery) -> None:
        self._event = delivery.event
        self._data = delivery.event.data
        self._subscription = subscription_of(delivery.service, delivery.event.event_type)
        self._dead_letters = DeadLetters(delivery.event, delivery.service)
        self._undone: dict[Step, SagaEvent] = {}
        self._failure = self._data.failure
        self._closing: SagaEvent | None = None
        self._warnings: list[str] = []

    @workflow.run
    async def run(self, delivery: Delivery) -> EventType:
        """React, to the end even when this workflow is cancelled."""
        reaction = asyncio.create_task(self._react())
        published = await settled(reaction, on_cancel=self._cancel_requested)
        await self._dead_letters.all_told()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return published

    async def _react(self) -> EventType:
        step, verb = self._subscription.step, self._subscription.verb
        match verb:
            case Verb.DOES if step is COMPLETE_ORDER:
                return await self._complete_order()
            case Verb.DOES if step is SEND_NOTIFICATION:
                return await self._send_notification()
            case Verb.DOES if isinstance(step, Compensatable):
                return await self._do(step)
            case Verb.UNDOES if isinstance(step, Compensatable):
                return await self._undo(step)
            case Verb.CLOSES:
                return await self._close_when_all_is_undone()
        raise AssertionError(f"{verb} {step.activity} is no reaction of its own")

    # The way forward.

    async def _do(self, step: Compensatable) -> EventType:
        work, events, saga = WORK[step.step], TELLS[step.step], self._data.saga
        if events.skipped is not None and nothing_to_do(step, saga.order):
            skipped = (*self._data.skipped, step.step)
            return await self._publish(self._next(events.skipped, skipped=skipped))
        try:
            answer = await workflow.execute_activity_method(
                work.activity,
                work.argument(self._event),
                **forward(step, timedelta(seconds=saga.step_seconds)),
            )
        except ActivityError as error:
            self._failure = _failure(step, error)
            if step is CREATE_ORDER:
                return await self._fail_unopened()
            # Its own failure event might concern fewer than the failure that the order is undone
            # for, and would close the order before them.
            failed = EventType.SHIPMENT_FAILED if self._failure.everything else events.failed
            return await self._publish(self._next(failed, failure=self._failure))
        executed = (*self._data.executed, step.step)
        return await self._publish(
            self._next(events.done, executed=executed, **work.receipt(answer))
        )

    async def _complete_order(self) -> EventType:
        """The pivot: from here on the order only goes forward."""
        await self._dead_letters.see_through(
            MustSucceed(
                COMPLETE_ORDER.step,
                COMPLETE_ORDER.service,
                COMPLETE_ORDER.running,
                OrdersActivities.complete_order,
                self._closed_as_completed,
                forward_only=True,
            )
        )
        return await self._publish(self._closing)

    async def _send_notification(self) -> EventType:
        call = MustSucceed(
            SEND_NOTIFICATION.step,
            SEND_NOTIFICATION.service,
            SEND_NOTIFICATION.running,
            NotificationsActivities.send_notification,
            lambda: SendNotificationInput.of(self._data.saga.order),
            forward_only=True,
        )
        try:
            await workflow.execute_activity_method(
                call.activity, call.argument(), **notification(SEND_NOTIFICATION)
            )
        except ActivityError as error:
            # The order does not wait for it, so neither does its tracker.
            self._warnings.append(f"{SEND_NOTIFICATION.activity}: {reason_of(error)}")
            outcome = Outcome.REFUSED if refusal_in(error) else Outcome.UNKNOWN
            await self._publish(self._next(EventType.NOTIFICATION_FAILED, not_notified=outcome))
            await self._dead_letters.park(call, error, told=False)
        executed = (*self._data.executed, SEND_NOTIFICATION.step)
        return await self._publish(self._next(EventType.NOTIFICATION_SENT, executed=executed))

    # The way back.

    async def _undo(self, step: Compensatable) -> EventType:
        announced = TELLS[step.step].undone
        if announced is None:
            raise AssertionError(f"the undo of {step.activity} has no event")
        await self._dead_letters.see_through(
            MustSucceed(
                step.step,
                step.service,
                step.compensation.running,
                WORK[step.step].undo,
                lambda: CompensationInput.of(self._data.saga.order),
            )
        )
        undone = Undone(step=step.step, at=workflow.now())
        return await self._publish(self._next(announced, undone=(undone,)))

    async def _close_when_all_is_undone(self) -> EventType:
        needed = {step.step for step in undos_of(self._data)}
        await ask_again(self._event)
        await workflow.wait_condition(lambda: needed <= self._undone.keys())
        return await self._cancel_order()

    async def _fail_unopened(self) -> EventType:
        """The order was not opened; if that is not sure, it is closed all the same."""
        if self._failure is not None and self._failure.outcome is Outcome.UNKNOWN:
            return await self._cancel_order()
        return await self._publish(
            self._next(EventType.ORDER_FAILED, failure=self._failure, closed_at=workflow.now())
        )

    async def _cancel_order(self) -> EventType:
        await self._dead_letters.see_through(
            MustSucceed(
                CREATE_ORDER.step,
                CREATE_ORDER.service,
                CREATE_ORDER.compensation.running,
                OrdersActivities.cancel_order,
                self._closed_as_undone,
            ),
            self._failure,
        )
        return await self._publish(self._closing)

    # What the order's record is closed with: what all events say, the one that follows included.

    def _closed_as_completed(self) -> CloseOrderInput:
        executed = (*self._data.executed, COMPLETE_ORDER.step)
        return self._closed_by(
            self._next(EventType.ORDER_COMPLETED, executed=executed, closed_at=workflow.now())
        )

    def _closed_as_undone(self) -> CloseOrderInput:
        told = [self._data, *(event.data for event in self._undone.values())]
        now = workflow.now()
        return self._closed_by(
            self._next(
                EventType.ORDER_FAILED,
                failure=self._failure,
                undone=(
                    *(done for data in told for done in data.undone),
                    Undone(step=CREATE_ORDER.step, at=now),
                ),
                resolutions=tuple(done for data in told for done in data.resolutions),
                warnings=tuple(text for data in told for text in data.warnings),
                closed_at=now,
            )
        )

    def _closed_by(self, event: SagaEvent) -> CloseOrderInput:
        self._closing = event
        state = told_by([self._event, event])
        state.current_step = state.status
        return CloseOrderInput(order=self._data.saga.order, state=state)

    # Publishing.

    async def _publish(self, event: SagaEvent | None) -> EventType:
        if event is None:
            raise AssertionError("a call that succeeded was given its argument before")
        await publish(event, self._event)
        fields = {"saga_id": event.saga_id, "order_id": event.correlation_id}
        fields["event_type"] = event.event_type.value
        workflow.logger.info("event published", extra=fields)
        return event.event_type

    def _next(self, event_type: EventType, **changes: Any) -> SagaEvent:
        """The event that follows from the one reacted to."""
        letters = self._dead_letters
        for name, own in (
            ("resolutions", letters.resolutions),
            ("warnings", [*letters.warnings, *self._warnings]),
        ):
            known = changes.get(name, getattr(self._data, name))
            changes[name] = tuple(dict.fromkeys((*known, *own)))
        data = self._data.model_copy(update=changes)
        return new_event(self._event.saga_id, event_type, data, workflow.now())

    # What comes from outside.

    def _cancel_requested(self) -> None:
        reason = workflow.cancellation_reason() or "no reason given"
        warning = f"{workflow.info().workflow_id} was cancelled in Temporal, and went on: {reason}"
        self._warnings.append(warning)
        workflow.logger.warning(warning)

    @workflow.signal(name="count")
    def count(self, event: SagaEvent) -> None:
        """An undo has been announced. Twice is once, and before anybody waits is early enough."""
        for done in event.data.undone:
            self._undone.setdefault(done.step, event)

    @workflow.query(name="dead_letter")
    def dead_letter(self) -> DeadLetter | None:
        """What an operator has to know; None unless this reaction is parked."""
        return self._dead_letters.letter

    @workflow.update(name="redrive")
    def redrive(self, action: OperatorAction) -> DeadLetter | None:
        """Try again what is parked; answers at once."""
        self._dead_letters.redrive(action)
        return self._dead_letters.letter

    @redrive.validator
    def _may_redrive(self, action: OperatorAction) -> None:
        self._dead_letters.may_redrive()


def _failure(step: Compensatable, error: ActivityError) -> Failure:
    if refusal := refusal_in(error):
        return Failure(
            step=step.step,
            outcome=Outcome.REFUSED,
            code=step.refused,
            message=refusal.message,
            everything=refusal.type == Fenced.__name__ and step is not CREATE_ORDER,
        )
    return Failure(
        step=step.step, outcome=Outcome.UNKNOWN, code=step.failed, message=reason_of(error)
    )
