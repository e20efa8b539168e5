"""Alerts to operators: which order waits for a person, since when, and what to run."""

from collections.abc import Sequence

from pydantic import SecretStr
from temporalio import activity
from temporalio.exceptions import ApplicationError

from models.calls import SendAlertInput


class AlertActivities:
    """Delivers alerts by Apprise; a target's address is a secret and stays in the worker."""

    def __init__(self, targets: Sequence[SecretStr]) -> None:
        self._targets = targets

    @activity.defn(name="send_alert")
    async def send_alert(self, call: SendAlertInput) -> None:
        """Tell one target; fails, to be retried, when the target does not take it."""
        # Half a second to import, and most workers never send an alert.
        from apprise import Apprise

        if call.target >= len(self._targets):
            raise ApplicationError(
                f"alert target {call.target} is not set on this worker", type="UnknownAlertTarget"
            )
        target = Apprise()
        target.add(self._targets[call.target].get_secret_value())
        if not await target.async_notify(title=_title(call), body=_body(call)):
            raise ApplicationError(
                f"alert target {call.target} did not take the alert", type="AlertNotDelivered"
            )


def _title(call: SendAlertInput) -> str:
    return f"Order {call.order_id} needs a person: {call.intervention.compensation}"


def _body(call: SendAlertInput) -> str:
    case = call.intervention
    action = f"{call.order_id} {case.step} --by NAME --reason WHY"
    return "\n".join(
        [
            f"order: {call.order_id}",
            f"step: {case.step}",
            f"call: {case.compensation}",
            f"error: {case.last_error}",
            f"attempts: {case.attempts} or more",
            f"since: {case.since:%Y-%m-%d %H:%M:%S} UTC",
            "",
            "The machine goes on trying. To take it over:",
            f"  python starter.py claim {action}",
            "then, once it is done by hand or given up:",
            f"  python starter.py resolve {action}",
            f"  python starter.py abandon {action}",
        ]
    )
