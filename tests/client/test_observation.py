"""Which tasks wait for a worker, read from what Temporal describes."""

from datetime import UTC, datetime

from temporalio.api.enums.v1 import PendingActivityState, PendingWorkflowTaskState
from temporalio.api.workflow.v1 import PendingActivityInfo, WorkflowExecutionInfo
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionResponse
from temporalio.client import WorkflowExecutionDescription
from temporalio.contrib.pydantic import pydantic_data_converter

from client.observation import pending_calls, waiting_tasks

SCHEDULED = PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED
STARTED = PendingActivityState.PENDING_ACTIVITY_STATE_STARTED


async def described(
    *activities: PendingActivityInfo, task: PendingWorkflowTaskState.ValueType | None = None
) -> WorkflowExecutionDescription:
    response = DescribeWorkflowExecutionResponse(
        workflow_execution_info=WorkflowExecutionInfo(task_queue="orders"),
        pending_activities=activities,
    )
    if task is not None:
        response.pending_workflow_task.state = task
    return await WorkflowExecutionDescription._from_raw_description(
        response, "default", pydantic_data_converter
    )


def activity(
    state: PendingActivityState.ValueType, attempt: int = 1, *, retried_at: datetime | None = None
) -> PendingActivityInfo:
    info = PendingActivityInfo(activity_id="1", state=state, attempt=attempt)
    info.activity_type.name = "process_payment"
    if retried_at is not None:
        info.next_attempt_schedule_time.FromDatetime(retried_at)
        info.last_failure.message = "connection lost"
    return info


async def test_a_call_that_no_worker_has_taken_waits_in_its_services_queue() -> None:
    [task] = waiting_tasks(await described(activity(SCHEDULED)))
    assert task.task_queue == "payments"


async def test_each_attempt_waits_anew() -> None:
    first = [*waiting_tasks(await described(activity(SCHEDULED, 1)))]
    second = [*waiting_tasks(await described(activity(SCHEDULED, 2)))]
    assert first == [*waiting_tasks(await described(activity(SCHEDULED, 1)))]
    assert first != second


async def test_what_runs_or_backs_off_waits_for_no_worker() -> None:
    at = datetime(2026, 1, 2, tzinfo=UTC)
    running, backing_off = activity(STARTED), activity(SCHEDULED, 3, retried_at=at)
    description = await described(running, backing_off)
    assert [*waiting_tasks(description)] == []
    calls = pending_calls(description)
    assert [call.attempt for call in calls] == [1, 3]
    assert (calls[1].last_error, calls[1].next_attempt_at) == ("connection lost", at)


async def test_a_workflow_task_waits_in_the_orders_queue() -> None:
    scheduled = PendingWorkflowTaskState.PENDING_WORKFLOW_TASK_STATE_SCHEDULED
    started = PendingWorkflowTaskState.PENDING_WORKFLOW_TASK_STATE_STARTED
    [task] = waiting_tasks(await described(task=scheduled))
    assert task.task_queue == "orders"
    assert [*waiting_tasks(await described(task=started))] == []
