"""Handles on sagas: placing, looking at and following orders, running (Temporal) and recorded."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from datetime import datetime, timedelta

from temporalio.client import (
    Client,
    WorkflowExecution,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowQueryFailedError,
)
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from client.attendance import PATIENCE, RPC_TIMEOUT, Attendance
from client.errors import (
    NoWorker,
    OrderConflict,
    SagaCutShort,
    SagaMissing,
    UnknownOrder,
    translated,
)
from client.observation import Observation, pending_calls
from client.records import Records
from client.beginning import state_at_start
from models.order import Order
from models.saga import SagaInput, SagaKind, SagaState, SagaStatus
from models.steps import Service
from runtime.settings import Settings
from services.orders.records import content_hash
from workflows.order_saga import OrderSaga

ORDER_STATUS = SearchAttributeKey.for_keyword("OrderStatus")
CUSTOMER_ID = SearchAttributeKey.for_keyword("CustomerId")
NEEDS_OPERATOR = SearchAttributeKey.for_bool("NeedsOperator")
ORDER_HASH = "order_hash"
"""Memo key: tells two orders under one id apart."""

# A worker that died with a task in hand is noticed after this long instead of 10 s.
_TASK_TIMEOUT = timedelta(seconds=5)
_QUERY_TIMEOUT = timedelta(seconds=2)
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
_QUERIES_AT_ONCE = 8

SagaHandle = WorkflowHandle[OrderSaga, SagaState]


def saga_id(order_id: str) -> str:
    """The workflow id of an order's saga."""
    return f"order-{order_id}"


class Sagas:
    """The sagas of one Temporal namespace and one orders store.

    Errors of Temporal and of the store come out as `CommandError` with exit code 3.
    """

    def __init__(self, client: Client, records: Records, settings: Settings) -> None:
        self.client = client
        self._records = records
        self._settings = settings

    async def place(self, order: Order) -> None:
        """Start the order's saga, unless the same order has one already.

        Raises `OrderConflict` when the id belongs to another order, however long ago that ended.
        """
        with translated():
            record = await self._records.get(order.order_id)
        if record is not None:
            self._check_same(order, record.kind, record.content_hash)
            if record.state is not None:
                return
        unknown = f"whether order {order.order_id} is stored is not known: place it again to see"
        with translated(unknown):
            try:
                await self.start(order)
            except WorkflowAlreadyStartedError:
                pass
            description = await self._handle(order.order_id).describe(rpc_timeout=RPC_TIMEOUT)
            memo = await description.memo()
        self._check_same(order, SagaKind.ORCHESTRATED, str(memo.get(ORDER_HASH)))

    async def start(self, order: Order) -> SagaHandle:
        """Start the saga of an order whose id is new, or get the one that runs under this id.

        Raises `WorkflowAlreadyStartedError` when one has ended under it, and `RPCError`.
        """
        return await self.client.start_workflow(
            OrderSaga.run,
            SagaInput(
                order=order,
                deadline_seconds=self._settings.deadline_seconds,
                step_seconds=self._settings.step_seconds,
                alert_targets=len(self._settings.alert_urls),
            ),
            id=saga_id(order.order_id),
            task_queue=Service.ORDERS.value,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            task_timeout=_TASK_TIMEOUT,
            memo={ORDER_HASH: content_hash(order)},
            search_attributes=TypedSearchAttributes(
                [
                    SearchAttributePair(ORDER_STATUS, SagaStatus.STARTED.value),
                    SearchAttributePair(CUSTOMER_ID, order.customer_id),
                    SearchAttributePair(NEEDS_OPERATOR, False),
                ]
            ),
            static_summary=f"Order {order.order_id}",
            static_details=f"{len(order.lines)} products for customer {order.customer_id}",
            rpc_timeout=RPC_TIMEOUT,
        )

    async def state(self, order_id: str) -> SagaState:
        """What is known about the order now.

        Raises `UnknownOrder`, and `NoWorker` when the order runs and no worker tells its state.
        """
        with translated():
            description = await self._describe(order_id)
            if description is None:
                return await self._recorded(order_id)
            if description.status is not WorkflowExecutionStatus.RUNNING:
                return await self._final_state(order_id, description)
            state = await _until_answered(lambda: self._queried(order_id), PATIENCE)
        if state is None:
            raise NoWorker(Service.ORDERS.value, PATIENCE)
        return state

    async def glance(self, order_id: str) -> SagaState:
        """Like `state`, but without a worker what Temporal knows: all but the steps' progress."""
        with translated():
            description = await self._describe(order_id)
            if description is None:
                return await self._recorded(order_id)
            return await self._seen(order_id, description)

    async def follow(self, order_id: str) -> AsyncIterator[Observation]:
        """What changes, as it changes; ends with the saga.

        Raises what `state` raises, and `SagaCutShort` when the workflow was ended from outside.
        """
        with translated(f"order {order_id} is stored and goes on without us"):
            attendance = Attendance(self.client)
            seen: Observation | None = None
            length, pause = 0, _SHORTEST_PAUSE
            while True:
                description = await self._describe(order_id)
                if description is None:
                    yield Observation(await self._recorded(order_id))
                    return
                if description.status is not WorkflowExecutionStatus.RUNNING:
                    yield Observation(await self._outcome(order_id, description))
                    return
                observation = seen
                if seen is None or description.history_length != length:
                    state = await self._queried(order_id)
                    length = description.history_length if state else 0
                    observation = state and Observation(state, pending_calls(description))
                elif seen.pending != pending_calls(description):
                    observation = Observation(seen.state, pending_calls(description))
                if observation is not None and observation != seen:
                    yield observation
                    seen, pause = observation, _SHORTEST_PAUSE
                await attendance.check(description)
                await asyncio.sleep(pause)
                pause = min(pause * 1.5, _LONGEST_PAUSE)

    async def list(self, status: SagaStatus | None, limit: int) -> list[SagaState]:
        """The newest sagas (with this status), newest first.

        Also those whose worker has not opened their record yet. Without a worker, running ones
        come without their steps.
        """
        with translated():
            states = {state.order_id: state for state in await self._closed(status, limit)}
            running = [
                order_id
                for order_id in await self._running(status, limit)
                if order_id not in states
            ]
            places = asyncio.Semaphore(_QUERIES_AT_ONCE)

            async def seen(execution: WorkflowExecution) -> SagaState:
                async with places:
                    return await self._seen(execution)

            ...
        return []
