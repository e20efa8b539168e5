"""Alerting every target once, each in an activity of its own."""

import asyncio
from collections.abc import Callable
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

from workflows import calls


class Alarm:
    """One alert to every target; a retry reaches only the target that did not take it."""

    def __init__(
        self,
        about: str,
        activity: Callable[[Any, Any], Any],
        argument: Callable[[int], Any],
        *,
        delivered: Callable[[], None],
        warned: Callable[[str], None],
    ) -> None:
        """`argument` makes the activity's from a target's index.

        `delivered` is called for each target that took it, `warned` for each that did not.
        """
        self._about = about
        self._activity = activity
        self._argument = argument
        self._delivered = delivered
        self._warned = warned
        self._alerts: list[asyncio.Task[None]] = []

    def sound(self, targets: int) -> None:
        """Tell so many targets."""
        self._alerts += [
            asyncio.create_task(self._alert_target(target)) for target in range(targets)
        ]

    def silence(self) -> None:
        """Stop telling: what has not reached its target would fetch a person for nothing."""
        for alert in self._alerts:
            alert.cancel()

    async def _alert_target(self, target: int) -> None:
        about = f"alert target {target}"
        try:
            await workflow.execute_activity_method(
                self._activity, self._argument(target), **calls.alert(f"{about}: {self._about}")
            )
        except ActivityError as failure:
            if not is_cancelled_exception(failure):
                self._warned(f"{about}: {calls.reason_of(failure)}")
        else:
            self._delivered()
