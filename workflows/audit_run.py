"""One scheduled audit: check, and alert every target when something was found."""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.alerts import AlertActivities
    from activities.audits import AuditActivities
    from models.calls import AuditSummary, SendAuditAlertInput
    from workflows import calls


@workflow.defn(name="AuditRun")
class AuditRun:
    """Started by a Temporal Schedule; its result is what was found.

    Fails when an audit could not look at everything, so that the schedule shows it.
    """

    @workflow.run
    async def run(self, alert_targets: int) -> AuditSummary:
        summary = await workflow.execute_activity_method(AuditActivities.run_audit, **calls.audit())
        if summary.findings:
            await asyncio.gather(*(self._alert(target, summary) for target in range(alert_targets)))
        return summary

    async def _alert(self, target: int, summary: AuditSummary) -> None:
        try:
            await workflow.execute_activity_method(
                AlertActivities.send_audit_alert,
                SendAuditAlertInput(target=target, summary=summary),
                **calls.alert(f"alert target {target}: audit"),
            )
        except ActivityError as failure:
            workflow.logger.error("alert target %d: %s", target, calls.reason_of(failure))
