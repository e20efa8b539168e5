"""Whether anybody works on an order: tells a busy worker from none."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import (
    Client,
    WorkflowExecutionStatus,
    WorkflowHandle,
)

from client.description import AnyDescription
from client.errors import NoWorker
from client.observation import WaitingTask, waiting_tasks
from client.reactions import Reactions

PATIENCE = 15.0
"""Seconds. Long enough for a worker that starts, and for the sticky queue of one that died."""
RPC_TIMEOUT = timedelta(seconds=4)
"""For one try. The SDK tries for 10 s in all, so that a silent server is given up within 15 s."""

Result = TypeVar("Result")

_FIRST_LOOK = 3.0
_LOOK_SECONDS = 2.0


class Attendance:
    """Watches the waiting tasks of one order, in its own workflow and in its reactions.

    Temporal lists a worker for minutes after it has died, and an idle one as not having polled
    for a minute. What tells is a task that nobody takes: a worker with room takes it at once, and
    one without room has polled lately.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self._since: dict[tuple[str, WaitingTask], float] = {}

    async def check(self, *descriptions: AnyDescription) -> None:
        """Raises `NoWorker` when a task has waited too long in a queue that nobody polls."""
        now = time.monotonic()
        waiting = [(each.id, task) for each in descriptions for task in waiting_tasks(each)]
        self._since = {task: self._since.get(task, now) for task in waiting}
        for (_, task), since in self._since.items():
            if now - since >= PATIENCE and not await self._polled_lately(
                task.task_queue, task.type
            ):
                raise NoWorker(task.task_queue, PATIENCE)

    async def _polled_lately(self, task_queue: str, kind: TaskQueueType.ValueType) -> bool:
        answer = await self.client.workflow_service.describe_task_queue(
            DescribeTaskQueueRequest(
                namespace=self.client.namespace,
                task_queue=TaskQueue(name=task_queue),
                task_queue_type=kind,
            ),
            retry=True,
            timeout=RPC_TIMEOUT,
        )
        horizon = datetime.now(UTC) - timedelta(seconds=PATIENCE)
        return any(poller.last_access_time.ToDatetime(UTC) > horizon for poller in answer.pollers)


async def attended(client: Client, handle: WorkflowHandle[Any, Result]) -> Result:
    """The workflow's result; raises `NoWorker` when nobody works on it.

    The result alone would be waited for without an end. Looks rarely.
    """
    result = asyncio.ensure_future(handle.result())
    watch = asyncio.ensure_future(_watch(Attendance(client), handle))
    try:
        await asyncio.wait({result, watch}, return_when=asyncio.FIRST_COMPLETED)
        if not result.done():
            await watch
        return await result
    finally:
        for task in (result, watch):
            task.cancel()
        await asyncio.gather(result, watch, return_exceptions=True)


async def _watch(attendance: Attendance, handle: WorkflowHandle[Any, Any]) -> None:
    """Returns when the workflow has ended."""
    reactions = Reactions(attendance.client)
    await asyncio.sleep(_FIRST_LOOK)
    while True:
        description = await handle.describe(rpc_timeout=RPC_TIMEOUT)
        if description.status is not WorkflowExecutionStatus.RUNNING:
            return
        await attendance.check(description, *await reactions.running(description))
        await asyncio.sleep(_LOOK_SECONDS)
