"""Operators' actions on a saga: sent once, answered within seconds, refused in words."""

import asyncio
import secrets
from datetime import timedelta

from temporalio.client import (
    WorkflowUpdateFailedError,
    WorkflowUpdateHandle,
    WorkflowUpdateRPCTimeoutOrCancelledError,
    WorkflowUpdateStage,
)
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from client.actions import Action
from client.errors import SagaCutShort, translated
from client.running import saga_id
from client.sagas import Sagas
from models.saga import OperatorAction, SagaState, SagaStatus
from models.steps import COMPENSATABLE, COMPLETE_ORDER, Service
from runtime.program import CommandError, ExitCode

# With what a process needs to start and to find the server, an answer comes within 15 s.
_ACCEPT_TIMEOUT = timedelta(seconds=10)
# A claim waits for the attempt in flight, and the longest attempt takes 10 s.
_SETTLE_TIMEOUT = timedelta(seconds=20)

_WHO_AND_WHY = "--by NAME --reason WHY"
_RETRY = f"python starter.py retry {{order}} {{step}} {_WHO_AND_WHY}"
_POSSIBLE = {
    "NOT_CLAIMED": f"this claims it: python starter.py claim {{order}} {{step}} {_WHO_AND_WHY}",
    "ALREADY_CLAIMED": f"only they can settle it; this hands it back to the machine: {_RETRY}",
    "CLAIMED_BY_ANOTHER": f"only they can settle it; this hands it back to the machine: {_RETRY}",
    "STILL_RUNNING": "try it again in a few seconds",
    "FORWARD_ONLY": f"this makes the machine try at once: {_RETRY}",
    "NO_OPEN_INTERVENTION": "`python starter.py interventions` lists those of all orders",
    "ALREADY_HELD": f"this lets it go on: python starter.py resume {{order}} {_WHO_AND_WHY}",
    "ALREADY_COMPENSATING": "`python starter.py watch {order}` follows it",
    "NOBODY_DECIDES": "`python starter.py watch {order}` follows it",
    "PARKED_NOT_CLAIMED": "this drives one again, once its cause is mended: "
    f"python starter.py dead-letters --retry ID {_WHO_AND_WHY}",
    "NOT_PARKED": "`python starter.py dead-letters` lists those that are",
    "ALREADY_REDRIVEN": "`python starter.py dead-letters` tells what comes of it",
    "ORDER_ALREADY_COMPLETED": "it can no longer be held or cancelled",
}
"""What can be done instead, by the code of the refusal."""


class ActionRefused(CommandError):
    """The action is not possible now; the message begins with a stable code."""

    def __init__(self, code: str, reason: str, possible: str = "") -> None:
        super().__init__("; ".join(filter(None, (f"{code}: {reason}", possible))), ExitCode.REFUSED)
        self.code = code
        self.reason = reason
        """Without what can be done instead, which is said in commands."""


class NoAnswer(CommandError):
    """No worker has taken the action up, so whether it will take effect is not known."""

    def __init__(self, action: Action, order_id: str) -> None:
        super().__init__(
            f"no worker answered on the task queue {Service.ORDERS} within "
            f"{_ACCEPT_TIMEOUT.total_seconds():g} s: none runs (`python worker.py`, or `make up`), "
            "or it cannot work on this order, which its log tells. The "
            f"{action} may still take effect; `python starter.py show {order_id}` tells",
            ExitCode.NOT_REACHABLE,
        )


class NotSettledYet(CommandError):
    """The action is accepted and waits for a call that is still under way."""

    def __init__(self, action: Action, order_id: str) -> None:
        super().__init__(
            f"the {action} is accepted, but the last attempt of the call is not over after "
            f"{_SETTLE_TIMEOUT.total_seconds():g} s; `python starter.py show {order_id}` tells "
            "what became of it",
            ExitCode.NOT_REACHABLE,
        )


def new_request_id() -> str:
    """A fresh id for one wish of one person."""
    return secrets.token_hex(8)


class Operators:
    """Sends operators' actions to running sagas.

    Errors of Temporal and of the store come out as `CommandError` with exit code 3.
    """

    def __init__(self, sagas: Sagas) -> None:
        self._sagas = sagas

    async def act(
        self, action: Action, order_id: str, by: OperatorAction, *, request_id: str
    ) -> SagaState:
        """Do it, and return the state right after.

        However often one `request_id` arrives, over a connection that breaks or by a person
        who asks twice, it acts once; a new wish takes a new id.

        Raises `ActionRefused`, `UnknownOrder`, `NoAnswer` and `NotSettledYet`.
        """
        with translated(f"`python starter.py show {order_id}` tells whether it took effect"):
            try:
                update = await self._send(action, order_id, by, f"{action}-{request_id}")
                return await _settled(update, action, order_id)
            except WorkflowUpdateFailedError as failure:
                raise refused(failure, order_id, by) from None
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise
            raise await self._too_late(order_id)

    async def unknown_step(self, order_id: str) -> ActionRefused:
        """The refusal of an action on a step that does not exist. Raises `UnknownOrder`."""
        state = await self._sagas.state(order_id)
        known = ", ".join(step.step for step in (*COMPENSATABLE, COMPLETE_ORDER))
        return ActionRefused("UNKNOWN_STEP", f"the steps are {known}", _open_ones(state))

    async def _send(
        self, action: Action, order_id: str, by: OperatorAction, update_id: str
    ) -> WorkflowUpdateHandle[SagaState]:
        try:
            return await self._sagas.client.get_workflow_handle(saga_id(order_id)).start_update(
                action.value,
                by,
                wait_for_stage=WorkflowUpdateStage.ACCEPTED,
                id=update_id,
                result_type=SagaState,
                rpc_timeout=_ACCEPT_TIMEOUT,
            )
        except WorkflowUpdateRPCTimeoutOrCancelledError:
            pass_on_cancellation()
            raise NoAnswer(action, order_id) from None

    async def _too_late(self, order_id: str) -> CommandError:
        """Why Temporal has no running workflow for the order. Raises `UnknownOrder`."""
        try:
            state = await self._sagas.state(order_id)
        except SagaCutShort as cut:
            return ActionRefused("WORKFLOW_CUT_SHORT", str(cut), "`python starter.py audit` tells")
        return _ended(state)


async def _settled(
    update: WorkflowUpdateHandle[SagaState], action: Action, order_id: str
) -> SagaState:
    try:
        return await update.result(rpc_timeout=_SETTLE_TIMEOUT)
    except WorkflowUpdateRPCTimeoutOrCancelledError:
        pass_on_cancellation()
        raise NotSettledYet(action, order_id) from None


def pass_on_cancellation() -> None:
    """The SDK has one error for a time-out and for its caller's cancellation, as by Ctrl-C."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def refused(failure: WorkflowUpdateFailedError, subject: str, by: OperatorAction) -> ActionRefused:
    """The refusal of an update on an order, or on a reaction, in words."""
    cause = failure.cause
    code = cause.type if isinstance(cause, ApplicationError) else None
    reason = cause.message if isinstance(cause, ApplicationError) else str(cause)
    possible = _POSSIBLE.get(code or "", "").format(order=subject, step=by.step)
    return ActionRefused(code or "REFUSED", reason, possible)


def _open_ones(state: SagaState) -> str:
    if state.status.ended:
        return f"the order has ended {state.status}"
    names = ", ".join(case.step for case in state.interventions)
    return f"those of order {state.order_id} that need a person: {names or 'none'}"


def _ended(state: SagaState) -> CommandError:
    order = f"order {state.order_id}"
    match state.status:
        case SagaStatus.COMPLETED:
            code = "ORDER_ALREADY_COMPLETED"
            reason = f"{order} completed at {state.completed_at:%Y-%m-%d %H:%M:%S} UTC"
            possible = _POSSIBLE[code]
        case SagaStatus.COMPENSATED:
            code = "ORDER_ALREADY_COMPENSATED"
            reason = (
                f"{order} was undone at {state.compensated_at:%Y-%m-%d %H:%M:%S} UTC "
                f"({state.error_code})"
            )
            possible = "nothing is left to do"
        case SagaStatus.FAILED:
            code = "ORDER_ALREADY_FAILED"
            reason = (
                f"{order} ended FAILED at {state.failed_at:%Y-%m-%d %H:%M:%S} UTC: "
                "an operator gave an undo up"
            )
            possible = f"`python starter.py show {state.order_id}` tells which"
        case _:
            return CommandError(
                f"{order} did not take the action; try it again", ExitCode.NOT_REACHABLE
            )
    return ActionRefused(code, reason, possible)
