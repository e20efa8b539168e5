"""The audit as Temporal calls it, on a schedule."""

from collections.abc import Awaitable, Callable

from temporalio import activity

from models.calls import AuditSummary

logger = activity.logger


class AuditActivities:
    """Runs the audit that it is given: this room may not read the stores itself."""

    def __init__(self, audit: Callable[[], Awaitable[AuditSummary]]) -> None:
        self._audit = audit

    @activity.defn(name="run_audit")
    async def run_audit(self) -> AuditSummary:
        """Check every rule over the six stores and Temporal; findings are logged at ERROR."""
        summary = await self._audit()
        if summary.findings:
            logger.error("the audit found something", extra=summary.model_dump())
        else:
            logger.info("the audit found nothing", extra={"orders": summary.orders})
        return summary
