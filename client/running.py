"""Sagas as Temporal knows them: running ones, and those that ended within its retention."""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from datetime import timedelta
from typing import Any

from temporalio.client import (
    Client,
    WorkflowExecution,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowQueryFailedError,
)
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from client.attendance import PATIENCE, RPC_TIMEOUT, Attendance
from client.description import AnyDescription
from client.errors import NoWorker, SagaCutShort
from client.observation import Observation, pending_calls
from client.reactions import Reactions
from models.saga import SagaInput, SagaKind, SagaState, SagaStatus
from models.steps import Service
from workflows.choreography.tracker import OrderTracker
from workflows.order_saga import OrderSaga

ORDER_STATUS = SearchAttributeKey.for_keyword("OrderStatus")

_QUERY_TIMEOUT = timedelta(seconds=2)
_QUERY_PAUSE = 0.3
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
_OUTSIDE_ENDS = {
    WorkflowExecutionStatus.TERMINATED: "terminated",
    WorkflowExecutionStatus.TIMED_OUT: "timed out",
    WorkflowExecutionStatus.CANCELED: "cancelled without an undo",
}

_PREFIX = "order-"

WORKFLOWS: Mapping[SagaKind, Any] = {
    SagaKind.ORCHESTRATED: OrderSaga.run,
    SagaKind.CHOREOGRAPHED: OrderTracker.run,
}
"""The workflow that an order of each kind is placed as. Both tell their state by the same query."""
KINDS = {"OrderSaga": SagaKind.ORCHESTRATED, "OrderTracker": SagaKind.CHOREOGRAPHED}
"""By the workflow's wire name."""
RUNNING = "WorkflowType IN ('OrderSaga', 'OrderTracker') AND ExecutionStatus = 'Running'"
"""For Temporal's lists: all orders under way, of either kind."""

SagaHandle = WorkflowHandle[Any, SagaState]


def saga_id(order_id: str) -> str:
    """The workflow id of an order's saga."""
    return f"{_PREFIX}{order_id}"


def order_id_of(workflow_id: str) -> str:
    """The order that a saga's workflow is about."""
    return workflow_id.removeprefix(_PREFIX)


class RunningSagas:
    """Reads sagas from Temporal. Every method may raise `RPCError`."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._reactions = Reactions(client)

    async def describe(self, order_id: str) -> WorkflowExecutionDescription | None:
        """The saga's workflow; None if Temporal knows none."""
        try:
            return await self._handle(saga_id(order_id)).describe(rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise

    async def state(self, description: WorkflowExecutionDescription) -> SagaState:
        """The saga's state, from its worker or from its result.

        Raises `NoWorker` when it runs and no worker answers, and `SagaCutShort`.
        """
        if description.status is not WorkflowExecutionStatus.RUNNING:
            return await self._outcome(description)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            state = await self._answer(description.id)
            if state is not None:
                return state
            await asyncio.sleep(_QUERY_PAUSE)
        raise NoWorker(Service.ORDERS.value, PATIENCE)

    async def glance(self, execution: WorkflowExecution) -> SagaState:
        """Like `state`, but what its start and its search attributes tell when no worker answers.

        Then it has no steps. One that was ended past the saga has a warning that says so. Raises
        `RPCError` with NOT_FOUND when Temporal has just forgotten it.
        """
        if execution.status in (
            WorkflowExecutionStatus.COMPLETED,
            WorkflowExecutionStatus.FAILED,
        ):
            return await self._outcome(execution)
        state = await self._answer(execution.id) or await self._at_start(execution)
        if how := execution.status and _OUTSIDE_ENDS.get(execution.status):
            state.warnings.append(f"the workflow was {how} in Temporal")
        return state

    async def follow(
        self, order_id: str, description: WorkflowExecutionDescription | None
    ) -> AsyncGenerator[Observation]:
        """What changes, as it changes, from this description to the end of the saga.

        Raises `NoWorker` when it stands still because nobody works on it, and `SagaCutShort`.
        """
        attendance = Attendance(self._client)
        seen: Observation | None = None
        length, pause = 0, _SHORTEST_PAUSE
        while description is not None:
            if description.status is not WorkflowExecutionStatus.RUNNING:
                yield Observation(await self._outcome(description))
                return
            state = seen.state if seen else None
            # Describing is cheap for the server alone; only a query costs a worker something.
            if state is None or description.history_length != length:
                state = await self._answer(description.id)
                length = description.history_length if state else 0
            reactions = await self._reactions.running(description)
            current = None
            if state is not None:
                under_way: tuple[AnyDescription, ...] = (description, *reactions)
                calls = tuple(call for each in under_way for call in pending_calls(each))
                current = Observation(state, calls)
            if current is not None and current != seen:
                yield current
                seen, pause = current, _SHORTEST_PAUSE
            await attendance.check(description, *reactions)
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)
            description = await self.describe(order_id)

    async def newest(self, status: SagaStatus | None, limit: int) -> list[WorkflowExecution]:
        """The newest running sagas (with this status), newest first.

        Temporal's list lags a little behind.
        """
        query = RUNNING
        if status is not None:
            query += f" AND OrderStatus = '{status.value}'"
        found = self._client.list_workflows(
            query, limit=limit, page_size=limit, rpc_timeout=RPC_TIMEOUT
        )
        return [execution async for execution in found]

    async def told(self, description: WorkflowExecutionDescription) -> SagaState | None:
        """What a worker says of a running saga; None if none answers within 2 s."""
        return await self._answer(description.id)

    def _handle(self, workflow_id: str) -> SagaHandle:
        return self._client.get_workflow_handle(workflow_id, result_type=SagaState)

    async def _answer(self, workflow_id: str) -> SagaState | None:
        """What a worker says of the saga; None if none answers in time."""
        try:
            state: SagaState = await self._handle(workflow_id).query(
                "state", result_type=SagaState, rpc_timeout=_QUERY_TIMEOUT
            )
            return state
        except WorkflowQueryFailedError:  # its workflow task fails: mended code will answer
            return None
        except RPCError as error:
            if error.status in (RPCStatusCode.NOT_FOUND, RPCStatusCode.UNAVAILABLE):
                raise
            return None

    async def _outcome(self, execution: WorkflowExecution) -> SagaState:
        order_id = execution.id.removeprefix(_PREFIX)
        if execution.status in _OUTSIDE_ENDS:
            tracker = KINDS.get(execution.workflow_type) is SagaKind.CHOREOGRAPHED
            how = _OUTSIDE_ENDS[execution.status]
            raise SagaCutShort(order_id, how, services_go_on=tracker)
        try:
            return await self._handle(execution.id).result(rpc_timeout=RPC_TIMEOUT)
        except WorkflowFailureError as failure:
            cause = failure.cause
            if isinstance(cause, ApplicationError) and cause.type == "SagaFailed":
                return SagaState.model_validate(cause.details[0])
            raise SagaCutShort(order_id, "failed") from None

    async def _at_start(self, execution: WorkflowExecution) -> SagaState:
        history = self._handle(execution.id).fetch_history_events(
            page_size=1, rpc_timeout=RPC_TIMEOUT
        )
        first = await anext(history)
        payloads = first.workflow_execution_started_event_attributes.input.payloads
        [saga] = await self._client.data_converter.decode(payloads, [SagaInput])
        state = SagaState.at_start(
            saga.order, KINDS[execution.workflow_type], execution.id, execution.start_time
        )
        state.status = SagaStatus(execution.typed_search_attributes.get(ORDER_STATUS) or "STARTED")
        state.current_step = state.status
        return state
