"""The schedule on which Temporal has the stores audited."""

import contextlib
from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
)
from temporalio.service import RPCError, RPCStatusCode

from models.steps import Service
from workflows.audit_run import AuditRun

AUDIT_SCHEDULE = "order-saga-audit"


async def schedule_audits(client: Client, every: timedelta | None, alert_targets: int) -> None:
    """Have the audit run at this interval, or, with None, no more; safe to repeat.

    An audit that is still running when the next is due makes that one be left out.
    """
    handle = client.get_schedule_handle(AUDIT_SCHEDULE)
    if every is None:
        with contextlib.suppress(RPCError):  # there is none, or the server knows no schedules
            await handle.delete()
        return
    schedule = Schedule(
        action=ScheduleActionStartWorkflow(
            AuditRun.run, alert_targets, id="audit", task_queue=Service.ORDERS.value
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=every)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP),
    )
    try:
        await client.create_schedule(AUDIT_SCHEDULE, schedule)
    except (ScheduleAlreadyRunningError, RPCError) as error:
        if isinstance(error, RPCError) and error.status is not RPCStatusCode.ALREADY_EXISTS:
            raise
        await handle.update(lambda _: ScheduleUpdate(schedule=schedule))
