"""Dead letters: reactions of choreographed orders that are parked, and driving them again."""

import asyncio
import time
from datetime import timedelta

from temporalio.client import (
    Client,
    WorkflowExecution,
    WorkflowQueryFailedError,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.service import RPCError, RPCStatusCode

from client.attendance import RPC_TIMEOUT
from client.errors import NoWorker, translated
from client.operators import ActionRefused, pass_on_cancellation, refused
from client.reactions import REACTION
from client.running import order_id_of
from models.events import DeadLetter, EventType
from models.saga import OperatorAction
from models.steps import Service
from runtime.program import CommandError, ExitCode
from workflows.choreography.subscriptions import subscription_of

_PARKED = f"WorkflowType = '{REACTION}' AND ExecutionStatus = 'Running' AND NeedsOperator = true"
_NOTIFICATIONS = f"{_PARKED} AND TaskQueue = '{Service.NOTIFICATIONS.value}'"
_PAGE = 200
_READS_AT_ONCE = 8
_ANSWER_SECONDS = 10.0
_QUERY_PAUSE = 0.3
_NOBODY_ANSWERS = (
    RPCStatusCode.DEADLINE_EXCEEDED,
    RPCStatusCode.CANCELLED,
    RPCStatusCode.FAILED_PRECONDITION,
)


class UnknownReaction(CommandError):
    """Temporal knows no reaction with this id."""

    def __init__(self, reaction_id: str) -> None:
        super().__init__(
            f"there is no reaction {reaction_id}; `python starter.py dead-letters` lists the "
            "parked ones",
            ExitCode.BAD_INPUT,
        )
        self.reason = f"there is no reaction {reaction_id}"
        """Without what can be done instead, which is said in commands."""


async def open_dead_letters(
    client: Client, *, patience: float = _ANSWER_SECONDS
) -> list[DeadLetter]:
    """All that are parked, the longest waiting first.

    A service's worker is waited for so many seconds of `patience`.

    Found by search attribute; Temporal's list lags a little. One whose service's worker does not
    tell about it is among them, with what the list knows (`answered` is False).
    """
    places = asyncio.Semaphore(_READS_AT_ONCE)
    silent: set[str] = set()
    with translated():
        found = [_letter(client, each, places, silent, patience) for each in await _parked(client)]
        letters = await asyncio.gather(*found)
    return sorted((each for each in letters if each), key=lambda letter: letter.since)


async def redrive(
    client: Client, reaction_id: str, by: OperatorAction, *, request_id: str
) -> DeadLetter:
    """Have a parked reaction try its call again, now; returns the letter as it is then.

    Raises `UnknownReaction`, and `ActionRefused` when it is not parked.
    """
    hint = "`python starter.py dead-letters` tells whether it took effect"
    with translated(hint):
        handle = client.get_workflow_handle(reaction_id)
        try:
            letter: DeadLetter = await handle.execute_update(
                "redrive",
                by,
                id=f"redrive-{request_id}",
                result_type=DeadLetter,
                rpc_timeout=timedelta(seconds=_ANSWER_SECONDS),
            )
            return letter
        except WorkflowUpdateFailedError as failure:
            raise refused(failure, reaction_id, by) from None
        except WorkflowUpdateRPCTimeoutOrCancelledError:
            pass_on_cancellation()
            raise NoWorker(reaction_id.rpartition("/")[2], _ANSWER_SECONDS) from None
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
        raise await _not_open(client, reaction_id)


async def count_parked_notifications(client: Client) -> int:
    """How many orders' notifications are parked: the one dead letter that keeps no order open.

    By Temporal's list, which lags a little. Raises `RPCError`.
    """
    try:
        counted = await client.count_workflows(_NOTIFICATIONS, rpc_timeout=RPC_TIMEOUT)
    except RPCError as error:
        if _unprepared(error):
            return 0
        raise
    return counted.count


async def _not_open(client: Client, reaction_id: str) -> CommandError:
    try:
        await client.get_workflow_handle(reaction_id).describe(rpc_timeout=RPC_TIMEOUT)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return UnknownReaction(reaction_id)
    return ActionRefused("NOT_PARKED", f"{reaction_id} has ended", "nothing is left to do")


async def _parked(client: Client) -> list[WorkflowExecution]:
    try:
        found = client.list_workflows(_PARKED, page_size=_PAGE, rpc_timeout=RPC_TIMEOUT)
        return [each async for each in found]
    except RPCError as error:
        if _unprepared(error):
            return []
        raise


def _unprepared(error: RPCError) -> bool:
    """Whether the server knows no such attribute: no worker has run, so it has no orders."""
    return error.status is RPCStatusCode.INVALID_ARGUMENT and "NeedsOperator" in error.message


async def _letter(
    client: Client,
    parked: WorkflowExecution,
    places: asyncio.Semaphore,
    silent: set[str],
    patience: float,
) -> DeadLetter | None:
    """None when it is parked no more. `silent` are the queues whose worker did not answer."""
    async with places:
        deadline = time.monotonic() + patience
        while parked.task_queue not in silent:
            try:
                return await _told(client, parked.id, patience)
            except WorkflowQueryFailedError:
                break  # Its workflow task fails; the worker may answer for others.
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    return None
                if error.status not in _NOBODY_ANSWERS:
                    raise
            if time.monotonic() > deadline:
                silent.add(parked.task_queue)
            # The server also says at once that nobody polls when a worker only has not for a while.
            await asyncio.sleep(_QUERY_PAUSE)
    return _unanswered(parked)


def _unanswered(parked: WorkflowExecution) -> DeadLetter:
    """What its id tells; `<saga id>/<event>/<service>`."""
    saga_id, event_type, service = parked.id.split("/")
    order_id = order_id_of(saga_id)
    subscription = subscription_of(Service(service), EventType(event_type))
    return DeadLetter(
        reaction_id=parked.id,
        order_id=order_id,
        saga_id=saga_id,
        event_id=f"{order_id}:{event_type}",
        event_type=EventType(event_type),
        service=Service(service),
        step=subscription.step.step,
        call=subscription.call,
        since=parked.start_time,
        retry_count=0,
        max_retries=None,
        last_error=f"the worker of {service} does not answer, so the error is not known",
        alerted=False,
        being_tried=False,
        answered=False,
    )


async def _told(client: Client, reaction_id: str, patience: float) -> DeadLetter | None:
    letter: DeadLetter | None = await client.get_workflow_handle(reaction_id).query(
        "dead_letter",
        result_type=DeadLetter | None,  # type: ignore[arg-type]  # a type for its decoder
        rpc_timeout=timedelta(seconds=patience),
    )
    return letter
