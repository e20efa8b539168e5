"""The way forward: steps run one after the other, until something stops the saga."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, FailureError

from models.errors import Fenced, OrderGivenUp
from models.steps import Compensatable, ErrorCode, Service
from workflows import calls
from workflows.compensations import Compensations
from workflows.journal import Journal

Argument = TypeVar("Argument")
Result = TypeVar("Result")


class Stopped(Exception):
    """The saga goes no further forward; the journal has the cause."""


class Forward:
    """Runs compensatable steps and tells their three outcomes apart.

    DONE: the step has its effect. REFUSED: the service says no and vouches that there is none,
    so the step's own undo is taken off again. UNKNOWN: everything else, for example a lost reply;
    the step is undone as if it had happened.
    """

    def __init__(
        self, journal: Journal, compensations: Compensations, step_budget: timedelta
    ) -> None:
        self._journal = journal
        self._compensations = compensations
        self._step_budget = step_budget
        self._in_flight: workflow.ActivityHandle[Any] | None = None
        self.past_pivot = False
        """From here on nothing stops the saga: it only goes forward."""
        self.met_earlier_run = False
        """A call was refused because of an undo: see `OrderSaga._undo_everything`."""

    @property
    def stopped(self) -> bool:
        """Whether the saga will be undone."""
        return self._journal.state.error_code is not None

    def stop(self, code: ErrorCode, message: str) -> None:
        """Settle the step in flight and go no further. The first cause stays.

        Past the pivot it changes nothing.
        """
        if self.stopped or self.past_pivot:
            return
        self._journal.stopped(code, message)
        if self._in_flight is not None:
            self._in_flight.cancel()

    async def reach_pivot(self) -> None:
        """The last moment at which the saga can be held or stopped; raises `Stopped`."""
        await self._may_go_on()
        self.past_pivot = True

    async def _may_go_on(self) -> None:
        # Asked before every step rather than after it: a step that finished although it was
        # cancelled is DONE, and its result belongs into the state.
        await workflow.wait_condition(lambda: self.stopped or self._journal.state.held is None)
        if self.stopped:
            raise Stopped

    async def run(
        self,
        step: Compensatable,
        activity: Callable[[Any, Argument], Awaitable[Result]],
        argument: Argument,
        *,
        undo: Callable[[Any, Any], Awaitable[None]],
        undo_argument: Callable[[], Any],
    ) -> Result:
        """Register the step's undo and run the step; raises `Stopped` unless it is DONE."""
        await self._may_go_on()
        self._compensations.add(step, undo, undo_argument)
        self._journal.began(step.running)
        try:
            result = await self._call(step, activity, argument)
        except (FailureError, asyncio.CancelledError) as failure:
            if refusal := calls.refusal_in(failure):
                self._compensations.discard(step)
                self._note_earlier_run(refusal)
                self._journal.stopped(step.refused, refusal.message)
            else:
                self._journal.stopped(step.failed, calls.reason_of(failure))
            raise Stopped from failure
        self._journal.executed(step.step)
        return result

    def undone_before(self, failure: ActivityError) -> None:
        """The pivot was refused: a run of this order before a reset to a later point undid it."""
        self.met_earlier_run = True
        if refusal := calls.refusal_in(failure):
            self._note_earlier_run(refusal)
        self._journal.stopped(ErrorCode.ORDER_REJECTED, calls.reason_of(failure))

    def _note_earlier_run(self, refusal: ApplicationError) -> None:
        """What a refusal tells of a run of this order before a reset."""
        if refusal.type == OrderGivenUp.__name__:
            self._compensations.accept_loss()
        if refusal.type == Fenced.__name__:
            self.met_earlier_run = True

    async def _call(
        self,
        step: Compensatable,
        activity: Callable[[Any, Argument], Awaitable[Result]],
        argument: Argument,
    ) -> Result:
        if step.service is Service.ORDERS:
            # The orchestrator's own service: a first attempt without a round trip to the server.
            # It is never cancelled, because that hides whether the effect landed.
            try:
                result: Result = await workflow.start_local_activity_method(
                    activity, argument, **calls.local_attempt(step.running)
                )
                return result
            except FailureError as failure:
                if self.stopped or calls.refusal_in(failure):
                    raise
        handle: workflow.ActivityHandle[Result] = workflow.start_activity_method(
            activity, argument, **calls.forward(step, self._step_budget)
        )
        self._in_flight = handle
        try:
            return await handle
        finally:
            self._in_flight = None
