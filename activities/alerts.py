"""Alerts to operators: which order waits for a person, since when, and what to run."""

import asyncio
import logging
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import SecretStr
from temporalio import activity
from temporalio.exceptions import ApplicationError

from models.calls import SendAlertInput, SendAuditAlertInput, SendSilenceAlertInput
from models.steps import COMPLETE_ORDER

if TYPE_CHECKING:
    from apprise import Apprise, AppriseResult

_SECONDS = 4.5
"""For one delivery: less than the call's start-to-close timeout, whose error would say less."""
_TALKATIVE = ("apprise", "urllib3", "requests_oauthlib", "oauthlib")
"""Loggers of Apprise and below it. What they say quotes addresses, and those are secrets: one
of them reads `Max retries exceeded with url: /services/…`."""
_HTTP_STATUS = re.compile(r"\berror=(\d{3})\b")


class AlertActivities:
    """Delivers alerts by Apprise; a target's address is a secret and stays in the worker."""

    def __init__(self, targets: Sequence[SecretStr]) -> None:
        self._targets = targets

    @activity.defn(name="send_alert")
    async def send_alert(self, call: SendAlertInput) -> None:
        """Tell one target; fails, to be retried, when the target does not take it.

        A target that took it and was not heard saying so gets it twice.
        """
        await self._tell(call.target, _title(call), _body(call))

    @activity.defn(name="send_audit_alert")
    async def send_audit_alert(self, call: SendAuditAlertInput) -> None:
        """Tell one target how a scheduled audit went wrong; retried like `send_alert`."""
        title, lines = _audit_news(call)
        body = [*lines, "", "Which orders, and what to do:", "  python starter.py audit"]
        await self._tell(call.target, title, "\n".join(body))

    @activity.defn(name="send_silence_alert")
    async def send_silence_alert(self, call: SendSilenceAlertInput) -> None:
        """Tell one target that an order's events have stopped; retried like `send_alert`."""
        body = [
            f"order: {call.order_id}",
            f"last event: {call.last_event}",
            f"nothing since: {call.since:%Y-%m-%d %H:%M:%S} UTC",
            "",
            "Nothing is undone by itself. Which reaction it waits for:",
            f"  python starter.py show {call.order_id}",
            "  python starter.py audit",
        ]
        await self._tell(call.target, f"Order {call.order_id} is silent", "\n".join(body))

    async def _tell(self, target: int, title: str, body: str) -> None:
        if target >= len(self._targets):
            raise ApplicationError(
                f"alert target {target} is not set on this worker", type="UnknownAlertTarget"
            )
        trouble = await _deliver(self._targets[target], title, body)
        if trouble is not None:
            # Retried even when the address is of no use: a worker with a mended one delivers it.
            raise ApplicationError(f"alert target {target} {trouble}", type="AlertNotDelivered")


def unusable_targets(targets: Sequence[SecretStr]) -> list[int]:
    """The indexes of the addresses that no alert can be sent to. Takes a second."""
    return [index for index, address in enumerate(targets) if _target(address) is None]


async def _deliver(address: SecretStr, title: str, body: str) -> str | None:
    """What went wrong, without a word of the address; None when the target took the alert."""
    try:
        # In a thread: loading Apprise and its plugins would hold up the heartbeats of all calls.
        target = await asyncio.to_thread(_target, address)
        if target is None:
            return "has an address that Apprise cannot use: mend ORDER_SAGA_ALERT_URLS"
        result = await target.async_notify(
            title=title, body=body, notify_type="failure", body_format="text"
        )
    except Exception as error:  # its message may quote the address
        return f"cannot be told: {type(error).__name__}"
    return None if result else f"did not take the alert{_reason(result)}"


def _target(address: SecretStr) -> "Apprise | None":
    for name in _TALKATIVE:
        logger = logging.getLogger(name)
        logger.propagate = False
        if not logger.handlers:  # without any, warnings would go to stderr
            logger.addHandler(logging.NullHandler())
    # Half a second to import, and most workers never send an alert.
    from apprise import Apprise, AppriseAsset

    asset = AppriseAsset(app_id="Order saga", service_timeout=_SECONDS)
    # Not `Apprise.add(address)`: it takes one address with a comma for two.
    plugin = Apprise.instantiate(address.get_secret_value(), asset=asset)
    if plugin is None:
        return None
    target = Apprise(asset=asset)
    target.add(plugin)
    return target


def _reason(result: "AppriseResult") -> str:
    """What the target answered, as far as that is surely no secret."""
    for service in result:
        for attempt in service:
            for entry in attempt:
                if found := _HTTP_STATUS.search(entry.message):
                    return f": HTTP status {found[1]}"
    return f" within {_SECONDS:g} s" if result.status.name == "TIMEOUT" else ""


def _audit_news(call: SendAuditAlertInput) -> tuple[str, list[str]]:
    if call.summary is None:
        return "The audit could not look at everything", [f"error: {call.trouble}"]
    title = f"The audit found {call.summary.findings} violations in {call.summary.orders} orders"
    rules = call.summary.findings_by_rule
    return title, [f"{rule}: {count}" for rule, count in rules.items()]


def _title(call: SendAlertInput) -> str:
    return f"Order {call.order_id} needs a person: {call.intervention.compensation}"


def _body(call: SendAlertInput) -> str:
    case = call.intervention
    return "\n".join(
        [
            f"order: {call.order_id}",
            f"step: {case.step}",
            f"call: {case.compensation}",
            f"error: {case.last_error}",
            f"attempts: {case.attempts} or more",
            f"since: {case.since:%Y-%m-%d %H:%M:%S} UTC",
            "",
            *_what_to_run(call),
        ]
    )


def _what_to_run(call: SendAlertInput) -> list[str]:
    if letter := call.intervention.dead_letter:
        return [
            "It is parked, and the machine does not try it again. Once the cause is mended:",
            f"  python starter.py dead-letters --retry {letter} --by NAME --reason WHY",
        ]
    action = f"{call.order_id} {call.intervention.step} --by NAME --reason WHY"
    retry = f"  python starter.py retry {action}"
    if call.intervention.step is COMPLETE_ORDER.step:
        return [
            "The order only goes forward now, and the machine goes on trying. Once the cause is",
            "mended, this makes it try at once:",
            retry,
        ]
    return [
        "The machine goes on trying, unless the service has refused for good. Once the cause is",
        "mended, this makes it try at once:",
        retry,
        "To take it over from the machine:",
        f"  python starter.py claim {action}",
        "and then, once it is done by hand or given up:",
        f"  python starter.py resolve {action}",
        f"  python starter.py abandon {action}",
    ]
