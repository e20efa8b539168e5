"""Calls that must succeed: retried for ever, shown to operators, and settled by one if need be."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from activities.alerts import AlertActivities
from models.calls import SendAlertInput
from models.saga import Intervention, OperatorAction
from models.steps import Service, Step
from workflows import calls
from workflows.alarm import Alarm
from workflows.journal import Journal


class Settlement(Enum):
    """How a call that must succeed has ended."""

    DONE = "done"
    RESOLVED = "resolve"
    """A person did by hand what the call would have done."""
    ABANDONED = "abandon"
    """A person gave it up and accepted the loss."""


@dataclass(frozen=True)
class MustSucceed:
    """A call that is made until it succeeds."""

    step: Step
    service: Service
    running: str
    """`current_step` while it runs."""
    activity: Callable[[Any, Any], Any]
    """The activity's method, for example `InventoryActivities.release_inventory`."""
    argument: Callable[[], Any]
    """Called for each scheduling, so that the order's record has the latest state."""
    forward_only: bool = False
    """The pivot: no person can do it by hand or give it up."""
    decisive: frozenset[str] = frozenset()
    """Refusals that are an answer: they end the call, where others call a person."""

    def is_decided_by(self, failure: BaseException) -> bool:
        """Whether the service has refused in one of the decisive ways."""
        refusal = calls.refusal_in(failure)
        return refusal is not None and refusal.type in self.decisive

    @property
    def name(self) -> str:
        """The activity's wire name, which is also its method's."""
        return self.activity.__name__


@dataclass
class _Case:
    """An open intervention."""

    call: MustSucceed
    record: Intervention
    machine_may_try: bool
    """False once the service has refused for good, until a person says `retry`."""
    attempt: "workflow.ActivityHandle[Any] | None" = None
    interrupted: bool = False
    """A person has ended the attempt in flight."""
    settlement: Settlement | None = None

    def interrupt(self) -> None:
        """End the attempt in flight, if there is one; it is settled, not abandoned."""
        if self.attempt is not None:
            self.interrupted = True
            self.attempt.cancel()


class Interventions:
    """Sees calls through to their end, by machine or by a named person.

    At first a call is tried five times or for 30 s. Then it becomes an intervention: operators
    are alerted once, and the server goes on trying. Workflow code cannot see a pending activity's
    attempts, which is why there are two phases.
    """

    def __init__(self, journal: Journal, alert_targets: int) -> None:
        self._journal = journal
        self._alert_targets = alert_targets
        self._open: dict[Step, _Case] = {}

    def is_open(self, step: Step) -> bool:
        """Whether the step waits for a person (or for a late success)."""
        return step in self._open

    async def see_through(self, call: MustSucceed) -> Settlement:
        """Make the call until it has succeeded or a person has settled it.

        Raises the `ActivityError` of a decisive refusal.
        """
        try:
            await self._start(call, calls.first_attempts(call.service, call.running))
        except ActivityError as failure:
            if call.is_decided_by(failure):
                raise
            return await self._intervene(call, failure)
        return Settlement.DONE

    async def _intervene(self, call: MustSucceed, failure: ActivityError) -> Settlement:
        record = Intervention(
            step=call.step,
            compensation=call.name,
            since=workflow.now(),
            attempts=calls.attempts_in(failure),
            last_error=calls.reason_of(failure),
        )
        case = _Case(call, record, machine_may_try=calls.refusal_in(failure) is None)
        self._open[call.step] = case
        self._journal.intervention_opened(record)
        alarm = self._alarm(case)
        alarm.sound(self._alert_targets)
        try:
            case.settlement = await self._settle(case)
        except ActivityError:
            self._journal.intervention_closed(record, "refused")
            raise
        finally:
            del self._open[call.step]
            alarm.silence()
        self._journal.intervention_closed(record, case.settlement.value)
        return case.settlement

    async def _settle(self, case: _Case) -> Settlement:
        while True:
            await workflow.wait_condition(
                lambda: (
                    case.settlement is not None
                    or (case.machine_may_try and case.record.claimed_by is None)
                )
            )
            if case.settlement is not None:
                return case.settlement
            summary = f"{case.call.running}, until it succeeds"
            case.attempt = self._start(case.call, calls.must_succeed(case.call.service, summary))
            try:
                await case.attempt
            except (ActivityError, asyncio.CancelledError) as failure:
                if case.call.is_decided_by(failure):
                    raise
                # Ended by itself, an attempt without a limit was refused for good.
                if not case.interrupted:
                    case.machine_may_try = False
                    case.record.last_error = calls.reason_of(failure)
            else:
                return Settlement.DONE
            finally:
                case.attempt, case.interrupted = None, False

    def _start(
        self, call: MustSucceed, options: Mapping[str, Any]
    ) -> "workflow.ActivityHandle[Any]":
        return workflow.start_activity_method(call.activity, call.argument(), **options)

    def _alarm(self, case: _Case) -> Alarm:
        def delivered() -> None:
            case.record.alerted = True

        def argument(target: int) -> SendAlertInput:
            return SendAlertInput(
                target=target, order_id=self._journal.state.order_id, intervention=case.record
            )

        return Alarm(
            case.call.name,
            AlertActivities.send_alert,
            argument,
            delivered=delivered,
            warned=self._journal.warned,
        )

    # What operators do. Validators answer before anything is accepted; they change nothing.

    def may_claim(self, action: OperatorAction) -> None:
        """Refuse a claim of what is not open, is somebody else's, or only goes forward."""
        case = self._case(action)
        if case.call.forward_only:
            raise conflict("FORWARD_ONLY", f"{case.call.name} goes forward only: `retry` it")
        if case.record.claimed_by is not None:
            raise conflict(
                "ALREADY_CLAIMED", f"{action.step} is claimed by {case.record.claimed_by}"
            )

    def may_settle(self, action: OperatorAction) -> None:
        """Refuse to resolve or abandon what the actor has not claimed."""
        case = self._case(action)
        if case.record.claimed_by is None:
            raise conflict("NOT_CLAIMED", f"claim {action.step} first")
        if case.record.claimed_by != action.actor:
            raise conflict(
                "CLAIMED_BY_ANOTHER", f"{action.step} is claimed by {case.record.claimed_by}"
            )
        if case.attempt is not None:
            raise conflict("STILL_RUNNING", f"the last attempt of {case.call.name} is not over yet")
        if case.settlement is not None:
            raise conflict("ALREADY_SETTLED", f"{action.step} is already settled")

    def may_retry(self, action: OperatorAction) -> None:
        """Refuse what is settled already, or not open."""
        case = self._case(action)
        if case.settlement is not None:
            raise conflict("ALREADY_SETTLED", f"{action.step} is already settled")

    async def claim(self, action: OperatorAction) -> None:
        """Take the call from the machine; returns once the attempt in flight is settled.

        If that attempt succeeds the intervention closes itself, and nothing is left to do.
        """
        case = self._case(action)
        case.record.claimed_by = action.actor
        self._journal.acted("claim", action)
        case.interrupt()
        await workflow.wait_condition(lambda: case.attempt is None)

    def settle(self, action: OperatorAction, settlement: Settlement) -> None:
        """A person has done it by hand, or accepts the loss."""
        self._case(action).settlement = settlement
        self._journal.acted(settlement.value, action)

    def retry(self, action: OperatorAction) -> None:
        """Hand the call back to the machine, which tries at once.

        Anybody may, not only who claimed it: that person may have gone home.
        """
        case = self._case(action)
        case.record.claimed_by = None
        case.machine_may_try = True
        case.interrupt()  # It may be in a long backoff: the next attempt is to come at once.
        self._journal.acted("retry", action)

    def _case(self, action: OperatorAction) -> _Case:
        if action.step is None or action.step not in self._open:
            raise conflict(
                "NO_OPEN_INTERVENTION",
                f"{action.step} needs no person; open: {', '.join(self._open) or 'none'}",
            )
        return self._open[action.step]


def conflict(code: str, message: str) -> ApplicationError:
    """An action that is not possible now; the update is refused and leaves no trace."""
    return ApplicationError(message, type=code)
