"""What can be seen of a running saga from outside: its state, and the calls that it waits for."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from temporalio.api.enums.v1 import PendingActivityState, PendingWorkflowTaskState, TaskQueueType
from temporalio.api.workflow.v1 import PendingActivityInfo

from client.description import AnyDescription
from models.saga import SagaState
from models.steps import OPERATIONS, Service

SCHEDULED = PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED


@dataclass(frozen=True)
class PendingCall:
    """A call to a service that has been asked for and not answered yet."""

    operation: str
    attempt: int
    last_error: str | None
    """Of the attempt before."""
    next_attempt_at: datetime | None
    """None while an attempt runs or waits for a worker."""


@dataclass(frozen=True)
class Observation:
    """A saga at one moment."""

    state: SagaState
    pending: tuple[PendingCall, ...] = ()


@dataclass(frozen=True)
class WaitingTask:
    """A task that lies in a queue until a worker takes it."""

    task_queue: str
    type: TaskQueueType.ValueType
    identity: str = field(repr=False)
    """The same as long as it is the same task."""


def pending_calls(description: AnyDescription) -> tuple[PendingCall, ...]:
    """The calls under way, and which attempt each is at."""
    return tuple(
        PendingCall(
            operation=activity.activity_type.name,
            attempt=activity.attempt,
            last_error=activity.last_failure.message or None,
            next_attempt_at=(
                activity.next_attempt_schedule_time.ToDatetime(UTC)
                if _backs_off(activity)
                else None
            ),
        )
        for activity in description.raw_description.pending_activities
    )


def waiting_tasks(description: AnyDescription) -> Iterator[WaitingTask]:
    """The tasks that any worker could take at once."""
    raw = description.raw_description
    task = raw.pending_workflow_task
    if task.state == PendingWorkflowTaskState.PENDING_WORKFLOW_TASK_STATE_SCHEDULED:
        yield WaitingTask(
            description.task_queue,
            TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
            f"{task.scheduled_time.ToNanoseconds()}",
        )
    for activity in raw.pending_activities:
        if activity.state == SCHEDULED and not _backs_off(activity):
            yield WaitingTask(
                _task_queue(activity),
                TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
                f"{activity.activity_id}/{activity.attempt}",
            )


def _task_queue(activity: PendingActivityInfo) -> str:
    options = activity.activity_options
    return options.task_queue.name or OPERATIONS.get(activity.activity_type.name, Service.ORDERS)


def _backs_off(activity: PendingActivityInfo) -> bool:
    return activity.state == SCHEDULED and activity.HasField("next_attempt_schedule_time")
