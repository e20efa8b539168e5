"""Calls of a reaction that must succeed: tried for a while, then parked for a person."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.alerts import AlertActivities
from models.calls import SendAlertInput
from models.events import DeadLetter, Failure, ParkingNotice, SagaEvent
from models.saga import Intervention, OperatorAction, Resolution
from models.steps import Service
from workflows import calls
from workflows.alarm import Alarm
from workflows.choreography.publishing import NOTE, tell
from workflows.interventions import MustSucceed, conflict
from workflows.signs import NEEDS_OPERATOR


class DeadLetters:
    """The dead letter that one reaction may become.

    A parked reaction stays open, is found by its search attribute, has alerted every target once,
    and has told the order's tracker. The machine does not try it again by itself.
    """

    def __init__(self, event: SagaEvent, service: Service) -> None:
        self._event = event
        self._service = service
        self._reaction_id = workflow.info().workflow_id
        self._parked: Intervention | None = None
        self._failure: Failure | None = event.data.failure
        self._to_be_driven = False
        self._notices = 0
        self._telling: list[asyncio.Task[None]] = []
        self._told = True
        self.resolutions: list[Resolution] = []
        self.warnings: list[str] = []

    async def see_through(self, call: MustSucceed, failure: Failure | None = None) -> None:
        """Make the call until it has succeeded; `failure` is one that no event has told of."""
        self._failure = failure or self._failure
        try:
            await self._attempt(call)
        except ActivityError as error:
            await self.park(call, error)

    async def park(self, call: MustSucceed, error: ActivityError, *, told: bool = True) -> None:
        """Wait for a person, and return when a re-drive has succeeded.

        With `told` False, the tracker learns nothing of it: the order does not wait.
        """
        self._told = told
        letter = self._parked = Intervention(
            step=call.step,
            compensation=call.name,
            since=workflow.now(),
            attempts=calls.attempts_in(error),
            last_error=calls.reason_of(error),
            dead_letter=self._reaction_id,
        )
        workflow.upsert_search_attributes([NEEDS_OPERATOR.value_set(True)])
        self._log("reaction parked", level=logging.ERROR, step=call.step, reason=letter.last_error)
        self._changed()
        alarm = self._alarm(letter)
        alarm.sound(self._event.data.saga.alert_targets)
        await self._drive_until_done(call, letter)
        alarm.silence()
        self._parked = None
        workflow.upsert_search_attributes([NEEDS_OPERATOR.value_set(False)])
        self._log("dead letter closed", step=call.step)
        self._changed()
        await self.all_told()

    async def _drive_until_done(self, call: MustSucceed, letter: Intervention) -> None:
        while True:
            await workflow.wait_condition(lambda: self._to_be_driven)
            try:
                await self._attempt(call)
            except ActivityError as error:
                letter.attempts += calls.attempts_in(error)
                letter.last_error = calls.reason_of(error)
                self._changed()
            else:
                return
            finally:
                self._to_be_driven = False

    async def _attempt(self, call: MustSucceed) -> None:
        options: Mapping[str, Any] = calls.first_attempts(
            call.service, call.running, retries=self._event.max_retries
        )
        await workflow.execute_activity_method(call.activity, call.argument(), **options)

    def _alarm(self, letter: Intervention) -> Alarm:
        order_id = self._event.correlation_id

        def delivered() -> None:
            letter.alerted = True
            self._changed()

        return Alarm(
            letter.compensation,
            AlertActivities.send_alert,
            lambda target: SendAlertInput(target=target, order_id=order_id, intervention=letter),
            delivered=delivered,
            warned=self.warnings.append,
        )

    # What operators see and do.

    @property
    def letter(self) -> DeadLetter | None:
        """The dead letter as it is now; None unless the reaction is parked."""
        if self._parked is None:
            return None
        event, parked = self._event, self._parked
        return DeadLetter(
            reaction_id=self._reaction_id,
            order_id=event.correlation_id,
            saga_id=event.saga_id,
            event_id=event.event_id,
            event_type=event.event_type,
            service=self._service,
            step=parked.step,
            call=parked.compensation,
            since=parked.since,
            retry_count=parked.attempts - 1,
            max_retries=event.max_retries,
            last_error=parked.last_error,
            alerted=parked.alerted,
            being_tried=self._to_be_driven,
        )

    def may_redrive(self) -> None:
        """Refuse to drive what is not parked, and what is being driven already."""
        if self._parked is None:
            raise conflict("NOT_PARKED", f"{self._reaction_id} is no dead letter")
        if self._to_be_driven:
            raise conflict("ALREADY_REDRIVEN", f"{self._reaction_id} is being tried now")

    def redrive(self, action: OperatorAction) -> None:
        """Try it again, at once."""
        if self._parked is None:
            raise AssertionError("the validator has let an action through that it refuses")
        step, now = self._parked.step, workflow.now()
        self.resolutions.append(
            Resolution(
                step=step, action="redrive", actor=action.actor, reason=action.reason, at=now
            )
        )
        self._to_be_driven = True
        self._log("operator action", step=step, action="redrive", actor=action.actor)
        self._changed()

    # Telling the tracker.

    def _changed(self) -> None:
        if self._parked is not None:
            workflow.set_current_details(_details(self._parked))
        else:
            workflow.set_current_details("")
        if not self._told:
            return
        self._notices += 1
        notice = ParkingNotice(
            reaction_id=self._reaction_id,
            number=self._notices,
            at=workflow.now(),
            intervention=self._parked.model_copy() if self._parked else None,
            failure=self._failure,
            resolutions=tuple(self.resolutions),
        )
        self._telling.append(asyncio.create_task(self._tell(notice)))

    async def _tell(self, notice: ParkingNotice) -> None:
        await tell(self._event.saga_id, NOTE, notice)

    async def all_told(self) -> None:
        """Returns when every notice has reached the tracker, or it is closed."""
        await asyncio.gather(*self._telling)

    def _log(self, message: str, *, level: int = logging.INFO, **fields: object) -> None:
        fields |= {"saga_id": self._event.saga_id, "order_id": self._event.correlation_id}
        fields |= {"reaction_id": self._reaction_id}
        workflow.logger.log(level, message, extra=fields)


def _details(letter: Intervention) -> str:
    return "\n".join(
        [
            f"**Dead letter**: {letter.compensation} since {letter.since:%Y-%m-%d %H:%M:%S} UTC",
            "",
            f"{letter.last_error} ({letter.attempts} attempts)",
            "",
            f"`python starter.py dead-letters --retry {letter.dead_letter} --by NAME --reason WHY`",
        ]
    )
