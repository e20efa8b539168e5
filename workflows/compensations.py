"""The undo stack: what has to be undone, in exact reverse order."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from temporalio import workflow

from models.saga import SagaStatus
from models.steps import COMPENSATABLE, Compensatable
from workflows.interventions import Interventions, MustSucceed, Settlement
from workflows.journal import Journal


@dataclass(frozen=True)
class _Undo:
    step: Compensatable
    activity: Callable[[Any, Any], Any]
    argument: Callable[[], Any]


class Compensations:
    """Compensations, registered before their steps run and undone last step first.

    An undo that does not succeed becomes an intervention and lets the next one go on; the first
    step's undo runs when all others are closed, because it closes the order's record.
    """

    def __init__(self, journal: Journal, interventions: Interventions) -> None:
        self._journal = journal
        self._interventions = interventions
        self._stack: list[_Undo] = []
        self._loss_accepted = False

    def add(
        self,
        step: Compensatable,
        activity: Callable[[Any, Any], Any],
        argument: Callable[[], Any],
    ) -> None:
        """Register the undo of a step that is about to run.

        `argument` is called each time the undo is scheduled.
        """
        self._stack.append(_Undo(step, activity, argument))

    def add_missing(
        self,
        undos: Iterable[tuple[Compensatable, Callable[[Any, Any], Any]]],
        argument: Callable[[], Any],
    ) -> None:
        """Register those of steps that did not run in this saga, each in its step's place."""
        known = [undo.step for undo in self._stack]
        for step, activity in undos:
            if step not in known:
                self.add(step, activity, argument)
        self._stack.sort(key=lambda undo: COMPENSATABLE.index(undo.step))

    def discard(self, step: Compensatable) -> None:
        """Take the undo of a refused step off again: its service vouches for no effect."""
        if self._stack.pop().step is not step:
            raise AssertionError("only the step that has just been refused can be discarded")

    @property
    def outcome(self) -> SagaStatus:
        """How the saga ends if every undo that is still open succeeds."""
        return SagaStatus.FAILED if self._loss_accepted else SagaStatus.COMPENSATED

    def accept_loss(self) -> None:
        """A person has given an undo of this order up, in this run or in one before a reset."""
        self._loss_accepted = True

    async def run(self) -> None:
        """Undo everything; returns when every undo is closed by machine or by a person."""
        if not self._stack:
            return
        first, *others = self._stack
        for undo, closing in [(undo, await self._begin(undo)) for undo in reversed(others)]:
            if not closing.done():
                self._journal.waits_for(undo.step.compensation.running)
            await closing
        await self._close(first)

    async def _begin(self, undo: _Undo) -> "asyncio.Task[None]":
        """Start the undo; returns when it is done or has become an intervention."""
        closing = asyncio.create_task(self._close(undo))
        await workflow.wait_condition(
            lambda: closing.done() or self._interventions.is_open(undo.step.step)
        )
        return closing

    async def _close(self, undo: _Undo) -> None:
        began = self._journal.began(undo.step.compensation.running)
        settlement = await self._interventions.see_through(
            MustSucceed(
                undo.step.step,
                undo.step.service,
                undo.step.compensation.running,
                undo.activity,
                undo.argument,
            )
        )
        if settlement is Settlement.ABANDONED:
            self.accept_loss()
        else:
            self._journal.compensated(undo.step.step, began)
