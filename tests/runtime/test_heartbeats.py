"""Heartbeats keep long activities alive and bring them their cancellation."""

import asyncio
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from temporalio import activity, workflow
from temporalio.client import Client, WorkflowFailureError
from temporalio.common import RetryPolicy
from temporalio.worker import (
    ActivityInboundInterceptor,
    ActivityOutboundInterceptor,
    Interceptor,
    UnsandboxedWorkflowRunner,
    Worker,
)

from runtime.heartbeats import Heartbeats

attempts: list[tuple[str, list[object]]] = []


@activity.defn
async def takes_long(name: str) -> str:
    attempts.append((name, list(activity.info().heartbeat_details)))
    await asyncio.sleep(2.5)
    return "done"


@activity.defn
async def takes_a_moment(name: str) -> str:
    await asyncio.sleep(0.7)
    return "done"


@activity.defn
def blocks_long(name: str) -> str:
    attempts.append((name, list(activity.info().heartbeat_details)))
    activity.wait_for_cancelled_sync(2.5)
    return "done"


@activity.defn
async def reports_then_fails(name: str) -> str:
    details = list(activity.info().heartbeat_details)
    attempts.append((name, details))
    if details:
        return str(details[0])
    activity.heartbeat("halfway")
    await asyncio.sleep(1.8)
    raise RuntimeError("after a beat of ours")


ACTIVITIES = [takes_long, takes_a_moment, blocks_long, reports_then_fails]


@workflow.defn
class OneActivity:
    @workflow.run
    async def run(self, name: str, attempts: int) -> str:
        result: str = await workflow.execute_activity(
            name,
            workflow.info().workflow_id,
            start_to_close_timeout=timedelta(seconds=20),
            heartbeat_timeout=timedelta(seconds=1),
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            retry_policy=RetryPolicy(
                maximum_attempts=attempts, initial_interval=timedelta(seconds=0.1)
            ),
            result_type=str,
        )
        return result


class BrokenHeartbeats(ActivityOutboundInterceptor):
    def heartbeat(self, *details: object) -> None:
        raise ConnectionError("no heartbeat today")


class BreaksHeartbeats(Interceptor):
    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return BreaksHeartbeatsInbound(next)


class BreaksHeartbeatsInbound(ActivityInboundInterceptor):
    def init(self, outbound: ActivityOutboundInterceptor) -> None:
        super().init(BrokenHeartbeats(outbound))


def worker(client: Client, task_queue: str, *interceptors: Interceptor) -> Worker:
    return Worker(
        client,
        task_queue=task_queue,
        workflows=[OneActivity],
        activities=ACTIVITIES,
        activity_executor=ThreadPoolExecutor(2),
        interceptors=interceptors,
        workflow_runner=UnsandboxedWorkflowRunner(),
    )


@pytest.mark.parametrize("name", ["takes_long", "blocks_long"])
async def test_an_activity_outlives_its_heartbeat_timeout(client: Client, name: str) -> None:
    saga = str(uuid.uuid4())
    async with worker(client, saga, Heartbeats()):
        result = await client.execute_workflow(
            OneActivity.run, args=[name, 1], id=saga, task_queue=saga
        )
    assert result == "done"


async def test_an_activity_is_given_up_when_nothing_beats(client: Client) -> None:
    saga = str(uuid.uuid4())
    async with worker(client, saga):
        with pytest.raises(WorkflowFailureError) as raised:
            await client.execute_workflow(
                OneActivity.run, args=["takes_long", 1], id=saga, task_queue=saga
            )
    assert "heartbeat" in str(raised.value.cause.__cause__).lower()


async def test_beats_keep_what_the_activity_reported(client: Client) -> None:
    saga = str(uuid.uuid4())
    async with worker(client, saga, Heartbeats()):
        result = await client.execute_workflow(
            OneActivity.run, args=["reports_then_fails", 2], id=saga, task_queue=saga
        )
    assert result == "halfway"
    assert [details for name, details in attempts if name == saga] == [[], ["halfway"]]


async def test_an_activity_that_has_begun_is_finished_although_it_is_cancelled(
    client: Client,
) -> None:
    saga = str(uuid.uuid4())
    async with worker(client, saga, Heartbeats()):
        handle = await client.start_workflow(
            OneActivity.run, args=["takes_long", 1], id=saga, task_queue=saga
        )
        async with asyncio.timeout(10):
            while saga not in [name for name, _ in attempts]:
                await asyncio.sleep(0.02)
        await handle.cancel()
        assert await handle.result() == "done"


async def test_an_activity_goes_on_when_a_beat_fails(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    saga = str(uuid.uuid4())
    async with worker(client, saga, BreaksHeartbeats(), Heartbeats()):
        result = await client.execute_workflow(
            OneActivity.run, args=["takes_a_moment", 1], id=saga, task_queue=saga
        )
    assert result == "done"
    assert "a heartbeat failed" in caplog.text
    assert "no heartbeat today" in caplog.text
