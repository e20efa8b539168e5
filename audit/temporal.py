"""What Temporal says about orders' workflows: in pages where it can, one by one where it must."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import (
    Client,
    WorkflowExecution,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowFailureError,
)
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from audit.facts import Workflow
from models.steps import Service

ABSENT = Workflow("ABSENT")
_PREFIX = "order-"
_ORDER_SAGAS = "WorkflowType IN ('OrderSaga', 'OrderTracker')"
TRACKER = "OrderTracker"
_NEEDING_OPERATOR = (
    "WorkflowType IN ('OrderSaga', 'Reaction') AND ExecutionStatus = 'Running' "
    "AND NeedsOperator = true"
)
"""An order that waits for dead letters counts by them, not by its tracker as well."""
_CUT_SHORT_NOTIFICATIONS = (
    f"WorkflowType = 'Reaction' AND TaskQueue = '{Service.NOTIFICATIONS.value}' "
    "AND ExecutionStatus IN ('Terminated', 'Failed', 'TimedOut', 'Canceled')"
)
_IDS_IN_A_QUERY = 100
_AT_ONCE = 8
_RPC_TIMEOUT = timedelta(seconds=10)


def workflow_id(order_id: str) -> str:
    """The id of an order's workflow."""
    return f"{_PREFIX}{order_id}"


def order_id(workflow_id: str) -> str:
    """The order whose workflow has this id."""
    return workflow_id.removeprefix(_PREFIX)


class OrderWorkflows:
    """Reads orders' workflows. Every method may raise `RPCError`."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def of(self, order_ids: Sequence[str]) -> dict[str, Workflow]:
        """The workflow of each order.

        Visibility lags behind, so only that a workflow runs is believed at once; it is described
        if visibility says anything else.
        """
        running = await self._running(order_ids)
        others = [each for each in order_ids if each not in running]
        found = await asyncio.gather(*(self.one(each) for each in others))
        return {each: Workflow("RUNNING") for each in running} | dict(
            zip(others, found, strict=True)
        )

    async def one(self, order_id: str) -> Workflow:
        """The workflow of an order as it is now, with the state that it ended with."""
        description = await self.describe(order_id)
        return ABSENT if description is None else await self.ended(description)

    async def describe(self, order_id: str) -> WorkflowExecutionDescription | None:
        """The latest run of the order's workflow; None if Temporal knows none."""
        return await self._describe(workflow_id(order_id))

    async def _describe(self, workflow_id: str) -> WorkflowExecutionDescription | None:
        handle = self._client.get_workflow_handle(workflow_id)
        async with self._places:
            try:
                return await handle.describe(rpc_timeout=_RPC_TIMEOUT)
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    return None
                raise

    async def ended(self, execution: WorkflowExecution) -> Workflow:
        """The workflow with its final state, if it ended with one."""
        status = execution.status.name if execution.status is not None else "UNKNOWN"
        if execution.status not in (
            WorkflowExecutionStatus.COMPLETED,
            WorkflowExecutionStatus.FAILED,
        ):
            return Workflow(status)
        handle = self._client.get_workflow_handle(execution.id, run_id=execution.run_id)
        async with self._places:
            try:
                result = await handle.result(follow_runs=False, rpc_timeout=_RPC_TIMEOUT)
            except WorkflowFailureError as failure:
                result = _given_up(failure)
        return Workflow(status, result if isinstance(result, Mapping) else None)

    async def reactions(
        self, tracker: WorkflowExecutionDescription
    ) -> list[WorkflowExecutionDescription]:
        """The latest run of each reaction to the order's events; none if it is orchestrated.

        Visibility lags, so what has just begun may be missing.
        """
        if tracker.workflow_type != TRACKER:
            return []
        found = self._client.list_workflows(
            f"WorkflowType = 'Reaction' AND WorkflowId STARTS_WITH '{tracker.id}/'",
            rpc_timeout=_RPC_TIMEOUT,
        )
        ids = {execution.id async for execution in found}
        described = await asyncio.gather(*(self._describe(each) for each in sorted(ids)))
        return [each for each in described if each is not None]

    async def cut_short_notifications(self) -> dict[str, str]:
        """The reactions that owe a notification and were cut short, by order; few, if any.

        One that was reset since is among them: only the latest run counts.
        """
        found = self._client.list_workflows(_CUT_SHORT_NOTIFICATIONS, rpc_timeout=_RPC_TIMEOUT)
        return {order_id(each.id.partition("/")[0]): each.id async for each in found}

    async def is_cut_short(self, reaction_id: str) -> bool:
        """Whether the latest run of the reaction ended without publishing what it owes."""
        latest = await self._describe(reaction_id)
        return latest is not None and latest.status not in (
            WorkflowExecutionStatus.RUNNING,
            WorkflowExecutionStatus.COMPLETED,
        )

    async def pages(self, size: int) -> AsyncIterator[list[WorkflowExecution]]:
        """All orders' workflows, ended ones too, within Temporal's retention."""
        found = self._client.list_workflows(_ORDER_SAGAS, page_size=size, rpc_timeout=_RPC_TIMEOUT)
        while True:
            await found.fetch_next_page()
            if found.current_page:
                yield list(found.current_page)
            if found.next_page_token is None:
                return

    async def count_needing_operator(self) -> int:
        """How many running orders, or reactions to their events, wait for a person."""
        try:
            found = await self._client.count_workflows(
                _NEEDING_OPERATOR,
                rpc_timeout=_RPC_TIMEOUT,
            )
        except RPCError as error:
            # Without the search attribute no saga can have been started here.
            if error.status is RPCStatusCode.INVALID_ARGUMENT:
                return 0
            raise
        return found.count

    async def polled_since(
        self, task_queue: str, kind: TaskQueueType.ValueType, horizon: timedelta
    ) -> bool:
        """Whether any worker has asked the queue for a task lately."""
        answer = await self._client.workflow_service.describe_task_queue(
            DescribeTaskQueueRequest(
                namespace=self._client.namespace,
                task_queue=TaskQueue(name=task_queue),
                task_queue_type=kind,
            ),
            retry=True,
            timeout=_RPC_TIMEOUT,
        )
        earliest = datetime.now(UTC) - horizon
        return any(poller.last_access_time.ToDatetime(UTC) > earliest for poller in answer.pollers)

    async def _running(self, order_ids: Sequence[str]) -> set[str]:
        running: set[str] = set()
        # Ids that would need quoting in the query are none of ours; they are described.
        listable = [each for each in order_ids if "'" not in each]
        for start in range(0, len(listable), _IDS_IN_A_QUERY):
            ids = listable[start : start + _IDS_IN_A_QUERY]
            listed = ", ".join(f"'{workflow_id(each)}'" for each in ids)
            found = self._client.list_workflows(
                f"WorkflowId IN ({listed}) AND ExecutionStatus = 'Running'",
                page_size=_IDS_IN_A_QUERY,
                rpc_timeout=_RPC_TIMEOUT,
            )
            running |= {order_id(execution.id) async for execution in found}
        return running


def _given_up(failure: WorkflowFailureError) -> Any:
    """The state of a saga that failed because a person gave an undo up."""
    cause = failure.cause
    if isinstance(cause, ApplicationError) and cause.type == "SagaFailed" and cause.details:
        return cause.details[0]
    return None
