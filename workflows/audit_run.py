"""One scheduled audit: check, and alert every target when something is wrong."""

import asyncio
from collections.abc import Iterable

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.alerts import AlertActivities
    from activities.audits import AuditActivities
    from models.calls import AuditSummary, SendAuditAlertInput
    from workflows.calls import audit, audit_alert, reason_of


@workflow.defn(name="AuditRun")
class AuditRun:
    """Started by a Temporal Schedule; its result is what was found.

    Fails when an audit could not look at everything, so that the schedule shows it; that nobody
    checks is alerted like a finding.
    """

    @workflow.run
    async def run(self, alert_targets: int) -> AuditSummary:
        targets = range(alert_targets)
        try:
            summary = await workflow.execute_activity_method(AuditActivities.run_audit, **audit())
        except ActivityError as failure:
            if not is_cancelled_exception(failure):
                trouble = reason_of(failure)
                workflow.logger.error("the audit could not look at everything: %s", trouble)
                await self._alert(SendAuditAlertInput(target=n, trouble=trouble) for n in targets)
            raise
        if summary.findings:
            await self._alert(SendAuditAlertInput(target=n, summary=summary) for n in targets)
        return summary

    async def _alert(self, alerts: Iterable[SendAuditAlertInput]) -> None:
        await asyncio.gather(*(self._alert_target(alert) for alert in alerts))

    async def _alert_target(self, alert: SendAuditAlertInput) -> None:
        try:
            await workflow.execute_activity_method(
                AlertActivities.send_audit_alert,
                alert,
                **audit_alert(f"alert target {alert.target}: audit"),
            )
        except ActivityError as failure:
            workflow.logger.error("alert target %d: %s", alert.target, reason_of(failure))
