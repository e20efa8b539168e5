"""Scheduled audits: whatever keeps them from saying that all is well is alerted."""

import asyncio
import itertools

import pytest
from pydantic import SecretStr
from temporalio.client import WorkflowFailureError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.alerts import AlertActivities
from activities.audits import AuditActivities
from models.calls import AuditSummary
from models.steps import Service
from runtime.heartbeats import Heartbeats
from services.database import StoreUnavailable
from tests.alerts.targets import HttpTarget, http_target
from worker import SANDBOX
from workflows.audit_run import AuditRun

pytestmark = [
    # Apprise loads it where Python still has it.
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]

NUMBERS = itertools.count(1)


async def run(
    environment: WorkflowEnvironment, hook: HttpTarget, audit: AuditSummary | Exception
) -> AuditSummary:
    """One run, alerting the target, with an audit that ends like this."""

    async def told() -> AuditSummary:
        if isinstance(audit, Exception):
            raise audit
        return audit

    alerts = AlertActivities([SecretStr(hook.url)])
    async with Worker(
        environment.client,
        task_queue=Service.ORDERS,
        workflows=[AuditRun],
        activities=[AuditActivities(told).run_audit, alerts.send_audit_alert],
        workflow_runner=SANDBOX,
        interceptors=[Heartbeats()],
    ):
        return await environment.client.execute_workflow(
            AuditRun.run, 1, id=f"audit-{next(NUMBERS)}", task_queue=Service.ORDERS
        )


async def test_findings_are_alerted_by_rule(environment: WorkflowEnvironment) -> None:
    found = AuditSummary(orders=7, findings=3, findings_by_rule={"money_matches_outcome": 3})
    with http_target() as hook:
        assert await run(environment, hook, found) == found
        [alert] = hook.taken
    lines = alert.splitlines()
    assert lines[0] == "The audit found 3 violations in 7 orders"
    assert "money_matches_outcome: 3" in lines
    assert "  python starter.py audit" in lines


async def test_audit_without_findings_tells_nobody(environment: WorkflowEnvironment) -> None:
    sound = AuditSummary(orders=7, findings=0, findings_by_rule={})
    with http_target() as hook:
        assert await run(environment, hook, sound) == sound
        assert hook.taken == []


async def test_audit_that_cannot_look_at_a_store_fails_and_is_alerted(
    environment: WorkflowEnvironment,
) -> None:
    unreadable = StoreUnavailable("payments", "(db.example.com:5432/payments) does not answer")
    with http_target() as hook:
        with pytest.raises(WorkflowFailureError):
            await run(environment, hook, unreadable)
        [alert] = hook.taken
    lines = alert.splitlines()
    assert lines[0] == "The audit could not look at everything"
    assert "payments" in next(line for line in lines if line.startswith("error: "))


async def test_target_that_is_down_does_not_change_what_was_found(
    environment: WorkflowEnvironment,
) -> None:
    found = AuditSummary(orders=1, findings=1, findings_by_rule={"customer_is_told_once": 1})
    with http_target() as hook:
        hook.refuses = lambda alert: True
        async with asyncio.timeout(60):
            assert await run(environment, hook, found) == found
        assert hook.refused > 1
