"""What a saga says about itself: its state, and the state's signs in Temporal and the log."""

import logging
from datetime import datetime

from temporalio import workflow

from models.order import Order
from models.saga import (
    Hold,
    Intervention,
    OperatorAction,
    Resolution,
    SagaKind,
    SagaState,
    SagaStatus,
)
from models.steps import ErrorCode, Step
from workflows.signs import Signs


class Journal:
    """Owns the `SagaState` and keeps its signs and the log in step with it."""

    def __init__(self, order: Order, kind: SagaKind) -> None:
        now, info = workflow.now(), workflow.info()
        self.state = SagaState.at_start(order, kind, info.workflow_id, info.workflow_start_time)
        self._signs = Signs()
        self._running_since = now
        self._closing_at: dict[SagaStatus, datetime] = {}

    def started(self) -> None:
        """The saga has begun to run."""
        self.state.status = SagaStatus.IN_PROGRESS
        self._log("saga started")
        self._changed()

    def began(self, running: str) -> datetime:
        """A step or an undo begins, at the time returned; `running` is its `current_step`."""
        self.state.current_step = running
        self._running_since = workflow.now()
        self._changed()
        return self._running_since

    def waits_for(self, running: str) -> None:
        """Nothing new begins before this undo, which began earlier, has been closed."""
        self.state.current_step = running
        self._changed()

    def executed(self, step: Step) -> None:
        """The step has had its effect."""
        self.state.executed_steps.append(step)
        self._log("step executed", step=step, duration=_seconds_since(self._running_since))
        self._changed()

    def skipped(self, step: Step) -> None:
        """There was nothing to do for this step."""
        self.state.skipped_steps.append(step)
        self._log("step skipped", step=step)
        self._changed()

    def stopped(self, code: ErrorCode, message: str) -> None:
        """The order will be undone for this reason. The first one stays."""
        if self.state.error_code is None:
            self.state.error_code = code
            self.state.error_message = message
            self._log("saga stopped", code=code, reason=message)
            self._changed()

    def compensating(self) -> None:
        """The undo begins."""
        self.state.status = SagaStatus.COMPENSATING
        self.state.held = None
        self._changed()

    def compensated(self, step: Step, began: datetime) -> None:
        """The step is undone, by machine or by a named person; others may be under way."""
        self.state.compensated_steps.append(step)
        self._log("step compensated", step=step, duration=_seconds_since(began))
        self._changed()

    def warned(self, warning: str) -> None:
        """Something went wrong that does not change the outcome."""
        self.state.warnings.append(warning)
        self._log("saga warning", level=logging.WARNING, reason=warning)
        self._changed()

    def intervention_opened(self, intervention: Intervention) -> None:
        """A call that must succeed does not: a person is needed."""
        self.state.interventions.append(intervention)
        self._log(
            "intervention opened",
            level=logging.ERROR,
            step=intervention.step,
            compensation=intervention.compensation,
            since=intervention.since.isoformat(),
            attempts=intervention.attempts,
            reason=intervention.last_error,
            run="python starter.py interventions",
        )
        self._changed()

    def intervention_closed(self, intervention: Intervention, how: str) -> None:
        """It succeeded after all, or a person has dealt with it."""
        self.state.interventions.remove(intervention)
        if how != "done":
            self._closing_at.clear()  # the record was not closed: it has no time of its own
        self._log("intervention closed", step=intervention.step, how=how)
        self._changed()

    def acted(self, action: str, by: OperatorAction) -> None:
        """A person did something: kept for good, with name and reason."""
        self.state.resolutions.append(
            Resolution(
                step=by.step, action=action, actor=by.actor, reason=by.reason, at=workflow.now()
            )
        )
        self._log("operator action", step=by.step, action=action, actor=by.actor)
        self._changed()

    def held(self, by: OperatorAction) -> None:
        """No new forward step starts from now on."""
        self.state.held = Hold(since=workflow.now(), by=by.actor, reason=by.reason)
        self.acted("hold", by)

    def resumed(self, by: OperatorAction) -> None:
        """Forward steps may start again."""
        self.state.held = None
        self.acted("resume", by)

    def closing(self, status: SagaStatus, *, last_step: Step) -> SagaState:
        """The state as it will be once the orders service has closed its record with `status`.

        However often it is asked, the moment is that of the first time: the record keeps that one
        when it is closed twice because a reply was lost.
        """
        closing_at = self._closing_at.setdefault(status, workflow.now())
        state = self.state.model_copy(deep=True)
        steps = state.executed_steps if status is SagaStatus.COMPLETED else state.compensated_steps
        steps.append(last_step)
        end(state, status, closing_at)
        return state

    def ended(self, status: SagaStatus) -> None:
        """The outcome stands, since the moment that the order's record has for it."""
        end(self.state, status, self._closing_at.get(status, workflow.now()))
        self._log("saga ended", status=status, code=self.state.error_code)
        self._changed()

    def rests(self) -> None:
        """Nothing runs any more."""
        self.state.current_step = self.state.status
        self._changed()

    def _changed(self) -> None:
        self.state.updated_at = workflow.now()
        self._signs.show(self.state)

    def _log(self, event: str, *, level: int = logging.INFO, **fields: object) -> None:
        fields |= {"saga_id": self.state.saga_id, "order_id": self.state.order_id}
        workflow.logger.log(level, event, extra=fields)


def _seconds_since(began: datetime) -> float:
    return round((workflow.now() - began).total_seconds(), 3)


def end(state: SagaState, status: SagaStatus, at: datetime) -> None:
    """Make the state that of a saga which ended so, at that moment."""
    state.status = status
    state.current_step = status
    state.updated_at = at
    match status:
        case SagaStatus.COMPLETED:
            state.completed_at = at
        case SagaStatus.COMPENSATED:
            state.compensated_at = at
        case SagaStatus.FAILED:
            state.failed_at = at
