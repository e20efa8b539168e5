"""Handles on orders: placing, looking at and following them, running (Temporal) or recorded."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Collection
from datetime import timedelta

from temporalio.client import Client, WorkflowExecution, WorkflowExecutionDescription
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from client.attendance import RPC_TIMEOUT
from client.errors import OrderConflict, SagaCutShort, SagaMissing, UnknownOrder, translated
from client.observation import Observation
from client.records import Records
from client.running import KINDS, ORDER_STATUS, WORKFLOWS, RunningSagas, SagaHandle, saga_id
from models.order import Order
from models.saga import SagaInput, SagaKind, SagaState, SagaStatus
from models.steps import Service
from runtime.search_attributes import register_search_attributes
from runtime.settings import Settings
from services.orders.records import content_hash

CUSTOMER_ID = SearchAttributeKey.for_keyword("CustomerId")
NEEDS_OPERATOR = SearchAttributeKey.for_bool("NeedsOperator")
ORDER_HASH = "order_hash"
"""Memo key: tells two orders under one id apart."""

# A worker that died with a workflow task in hand is noticed after this instead of after 10 s.
_TASK_TIMEOUT = timedelta(seconds=5)
_GLANCES_AT_ONCE = 8


class Sagas:
    """The sagas of one Temporal namespace and of one orders store.

    Errors of Temporal and of the store come out as `CommandError` with exit code 3.
    """

    def __init__(self, client: Client, records: Records, settings: Settings) -> None:
        self.client = client
        self._records = records
        self._running = RunningSagas(client)
        self._settings = settings

    async def place(self, order: Order, kind: SagaKind = SagaKind.ORCHESTRATED) -> None:
        """Start the order's saga, unless this very order has one of this kind.

        Raises `OrderConflict` when the id belongs to another order, however long ago that ended.
        """
        with translated("nothing was stored"):
            record = await self._records.get(order.order_id)
        if record is not None:
            _check_same(order, kind, record.kind, record.content_hash)
            if record.state is not None:
                return
        with translated(f"order {order.order_id} may be stored: place it again to find out"):
            with contextlib.suppress(WorkflowAlreadyStartedError):
                await self._start_on_any_server(order, kind)
            description = await self._running.describe(order.order_id)
            memo = await description.memo() if description else {}
        found = KINDS.get(description.workflow_type) if description else None
        _check_same(order, kind, found, memo.get(ORDER_HASH))

    async def start(self, order: Order, kind: SagaKind = SagaKind.ORCHESTRATED) -> SagaHandle:
        """Start the saga of an order whose id is new, or get the one that runs under the id.

        Raises `WorkflowAlreadyStartedError` when one has ended under it, and `RPCError`.
        """
        handle: SagaHandle = await self.client.start_workflow(
            WORKFLOWS[kind],
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
            static_details=f"{len(order.lines)} product(s) for customer {order.customer_id}",
            rpc_timeout=RPC_TIMEOUT,
        )
        return handle

    async def _start_on_any_server(self, order: Order, kind: SagaKind) -> None:
        """Start it also where no worker has ever run, so that nobody has prepared the server."""
        try:
            await self.start(order, kind)
        except RPCError as error:
            if "search attribute" not in error.message.lower():
                raise
            await register_search_attributes(self.client)
            await self.start(order, kind)

    async def state(self, order_id: str) -> SagaState:
        """What is known about the order now.

        Raises `UnknownOrder`, and `NoWorker` when it runs and no worker tells its state.
        """
        with translated():
            description = await self._running.describe(order_id)
            if description is None:
                return await self._recorded(order_id)
            try:
                return await self._running.state(description)
            except SagaCutShort as cut:
                return await self._closed_record(order_id, cut)

    async def glance(self, order_id: str) -> SagaState:
        """Like `state`, but never waits for a worker: without one, the steps are missing."""
        with translated():
            description = await self._running.describe(order_id)
            if description is None:
                return await self._recorded(order_id)
            return await self._running.glance(description)

    async def follow(self, order_id: str) -> AsyncGenerator[Observation]:
        """What changes, as it changes; ends with the saga.

        Raises `UnknownOrder`, `NoWorker` when nobody works on it, and `SagaCutShort`.
        """
        with translated(f"if order {order_id} is stored, it goes on without us"):
            description = await self._running.describe(order_id)
            if description is None:
                yield Observation(await self._recorded(order_id))
                return
            async with contextlib.aclosing(
                self._running.follow(order_id, description)
            ) as observations:
                try:
                    async for observation in observations:
                        yield observation
                except SagaCutShort as cut:
                    yield Observation(await self._closed_record(order_id, cut))

    async def newest(self, status: SagaStatus | None, limit: int) -> list[SagaState]:
        """The newest sagas (with this status), newest first.

        Those that wait for their first worker are among them, and those whose workflow was ended
        past the saga; without a worker, running ones come without their steps.
        """
        with translated():
            recorded = await self._recorded_newest(status, limit)
            running = live = await self._running.newest(None, limit)
            if status is not None:
                live = [] if status.ended else await self._running.newest(status, limit)
            places = asyncio.Semaphore(_GLANCES_AT_ONCE)
            known = {each.id for each in [*running, *live]}
            left_open = await self._left_open(known, limit, places)
            unended = [each for each in [*live, *left_open] if each.id not in recorded]
            glances = await asyncio.gather(*(self._glance(each, places) for each in unended))
            states = [*recorded.values(), *glances]
        matching = [state for state in states if status in (None, state.status)]
        return sorted(matching, key=lambda state: state.created_at, reverse=True)[:limit]

    async def _closed_record(self, order_id: str, cut: SagaCutShort) -> SagaState:
        """The order as it was ended all the same; raises `cut` if it is still open."""
        record = await self._records.get(order_id)
        if record is None or record.state is None:
            raise cut
        return record.state

    async def _recorded(self, order_id: str) -> SagaState:
        record = await self._records.get(order_id)
        if record is None:
            raise UnknownOrder(order_id)
        if record.state is None:
            raise SagaMissing(order_id)
        return record.state

    async def _recorded_newest(self, status: SagaStatus | None, limit: int) -> dict[str, SagaState]:
        if status is not None and not status.ended:
            return {}
        records = await self._records.newest(status, limit)
        return {record.saga_id: record.state for record in records if record.state is not None}

    async def _left_open(
        self, running: Collection[str], limit: int, places: asyncio.Semaphore
    ) -> list[WorkflowExecutionDescription]:
        """The workflows of the newest open records that do not run, so that nobody closes these."""

        async def described(order_id: str) -> WorkflowExecutionDescription | None:
            async with places:
                return await self._running.describe(order_id)

        records = await self._records.newest(SagaStatus.STARTED, limit)
        left = [record.order_id for record in records if record.saga_id not in running]
        descriptions = await asyncio.gather(*(described(order_id) for order_id in left))
        return [description for description in descriptions if description is not None]

    async def _glance(self, execution: WorkflowExecution, places: asyncio.Semaphore) -> SagaState:
        async with places:
            return await self._running.glance(execution)


def _check_same(
    order: Order, kind: SagaKind, found_kind: SagaKind | None, found_content: object
) -> None:
    if found_kind is not None and found_kind is not kind:
        raise OrderConflict(order.order_id, found_kind.value)
    if found_kind is None or found_content != content_hash(order):
        raise OrderConflict(order.order_id)
