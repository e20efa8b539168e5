"""The list of everything that waits for a person, over all orders."""

import asyncio
from collections.abc import Iterator
from datetime import datetime

from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from client.attendance import RPC_TIMEOUT
from client.errors import translated
from client.observation import PendingCall, pending_calls
from client.running import RUNNING, RunningSagas, saga_id
from client.sagas import Sagas
from models.contract import Contract
from models.saga import Intervention, SagaState
from models.steps import Step

_OPEN = f"{RUNNING} AND NeedsOperator = true"
_PAGE = 200
_READS_AT_ONCE = 8


class OpenIntervention(Contract):
    """A call of one order that does not succeed by itself: what an operator has to know."""

    order_id: str
    saga_id: str
    step: Step
    compensation: str
    """The activity that does not succeed."""
    since: datetime
    attempts: int
    """Begun so far: at least so many."""
    last_error: str
    next_attempt_at: datetime | None
    """None while an attempt runs, and when the machine does not try (any more)."""
    machine_tries: bool
    alerted: bool
    claimed_by: str | None
    dead_letter: str | None
    """Of a choreographed order: what `dead-letters --retry` drives again."""


async def open_interventions(sagas: Sagas) -> list[OpenIntervention]:
    """All that are open, the longest waiting first.

    Found by search attribute, so only the orders concerned are read; Temporal's list lags a
    little. Raises `NoWorker` when one of them is there and no worker tells its state.
    """
    running = RunningSagas(sagas.client)
    places = asyncio.Semaphore(_READS_AT_ONCE)
    with translated():
        found = [_of_order(running, order_id, places) for order_id in await _waiting(sagas)]
        cases = [case for each in await asyncio.gather(*found) for case in each]
    return sorted(cases, key=lambda case: case.since)


async def _waiting(sagas: Sagas) -> list[str]:
    """The ids of the orders that wait for a person."""
    try:
        executions = sagas.client.list_workflows(_OPEN, page_size=_PAGE, rpc_timeout=RPC_TIMEOUT)
        prefix = saga_id("")
        return [execution.id.removeprefix(prefix) async for execution in executions]
    except RPCError as error:
        # A server where no worker has ever run does not know the attribute, and has no orders.
        if error.status is RPCStatusCode.INVALID_ARGUMENT and "NeedsOperator" in error.message:
            return []
        raise


async def _of_order(
    running: RunningSagas, order_id: str, places: asyncio.Semaphore
) -> list[OpenIntervention]:
    async with places:
        description = await running.describe(order_id)
        if description is None or description.status is not WorkflowExecutionStatus.RUNNING:
            return []  # ended while we looked
        state = await running.state(description)
    return list(_cases(state, pending_calls(description)))


def _cases(state: SagaState, pending: tuple[PendingCall, ...]) -> Iterator[OpenIntervention]:
    calls = {call.operation: call for call in pending}
    for case in state.interventions:
        yield _case(state, case, calls.get(case.compensation))


def _case(state: SagaState, case: Intervention, live: PendingCall | None) -> OpenIntervention:
    begun = 0
    if live is not None:
        begun = live.attempt - (live.next_attempt_at is not None)
    return OpenIntervention(
        order_id=state.order_id,
        saga_id=state.saga_id,
        step=case.step,
        compensation=case.compensation,
        since=case.since,
        attempts=case.attempts + begun,
        last_error=(live.last_error if live else None) or case.last_error,
        next_attempt_at=live.next_attempt_at if live else None,
        machine_tries=live is not None,
        alerted=case.alerted,
        claimed_by=case.claimed_by,
        dead_letter=case.dead_letter,
    )
