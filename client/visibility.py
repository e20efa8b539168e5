"""Temporal's list of running sagas: found by search attribute, newest first, and counted."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

from temporalio.api.workflowservice.v1 import ListWorkflowExecutionsRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from client.attendance import RPC_TIMEOUT
from client.running import KINDS, RUNNING, saga_id
from client.views import OrderFilter
from models.saga import SagaStatus
from models.steps import COMPENSATABLE, SEND_NOTIFICATION, STEPS
from services.orders.records import Cursor

_STATUSES: dict[str, tuple[SagaStatus, ...]] = {
    **{step.running: (SagaStatus.STARTED, SagaStatus.IN_PROGRESS) for step in STEPS},
    SEND_NOTIFICATION.running: (SagaStatus.COMPLETED,),
    **{step.compensation.running: (SagaStatus.COMPENSATING,) for step in COMPENSATABLE},
}
"""The statuses that a saga can have at a step."""


def condition(only: OrderFilter, until: datetime | None = None) -> str:
    """What to ask Temporal for the running sagas that may pass the filter."""
    terms = [RUNNING]
    if only.status is not None:
        terms.append(f"OrderStatus = '{only.status}'")
    if only.step is not None:
        statuses = _STATUSES.get(only.step, (SagaStatus.STARTED,))
        terms.append(f"OrderStatus IN ({', '.join(_quoted(status) for status in statuses)})")
    if only.order_id is not None:
        terms.append(f"WorkflowId STARTS_WITH {_quoted(saga_id(only.order_id))}")
    if only.customer_id is not None:
        terms.append(f"CustomerId = {_quoted(only.customer_id)}")
    if only.needs_operator is not None:
        terms.append(f"NeedsOperator = {str(only.needs_operator).lower()}")
    if only.kind is not None:
        [name] = (name for name, kind in KINDS.items() if kind is only.kind)
        terms.append(f"WorkflowType = {_quoted(name)}")
    if until is not None:
        terms.append(f"StartTime <= '{until.isoformat()}'")
    return " AND ".join(terms)


async def newest_running(
    client: Client, only: OrderFilter, limit: int, after: Cursor | None
) -> list[Cursor]:
    """The places of at least `limit` sagas from behind `after` on, if there are so many.

    All that started at the same moment as the last one are among them, because Temporal has an
    order of its own for those.
    """
    query = condition(only, after.created_at if after else None)
    found: list[Cursor] = []
    try:
        async for place in _listed(client, query, limit + 1):
            if after is not None and place >= after:
                continue
            if len(found) >= limit and place.created_at < found[-1].created_at:
                break
            found.append(place)
    except RPCError as error:
        if not _unprepared(error):
            raise
    return found


async def _listed(client: Client, query: str, size: int) -> AsyncIterator[Cursor]:
    """Where and which they are, which is all that a list needs; the SDK would decode the rest."""
    request = ListWorkflowExecutionsRequest(namespace=client.namespace, page_size=size, query=query)
    while True:
        page = await client.workflow_service.list_workflow_executions(
            request, retry=True, timeout=RPC_TIMEOUT
        )
        for info in page.executions:
            yield Cursor(info.start_time.ToDatetime(UTC), info.execution.workflow_id)
        if not page.next_page_token:
            return
        request.next_page_token = page.next_page_token


async def count_running(client: Client, only: OrderFilter) -> int:
    """How many running sagas pass the filter, by Temporal's list, which lags a little."""
    try:
        counted = await client.count_workflows(condition(only), rpc_timeout=RPC_TIMEOUT)
    except RPCError as error:
        if _unprepared(error):
            return 0
        raise
    return counted.count


def _unprepared(error: RPCError) -> bool:
    """Whether the server knows no search attributes: no worker has run, so it has no orders."""
    return error.status is RPCStatusCode.INVALID_ARGUMENT and any(
        name in error.message for name in ("OrderStatus", "NeedsOperator", "CustomerId")
    )


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
