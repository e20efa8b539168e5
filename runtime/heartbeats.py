"""Heartbeats for every remote activity, so that a dead worker's work is soon given to another."""

import asyncio
import logging
from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.worker import (
    ActivityInboundInterceptor,
    ActivityOutboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
)

logger = logging.getLogger(__name__)


class Heartbeats(Interceptor):
    """Beats the heartbeat of each remote activity that has a heartbeat timeout while it runs.

    Beats come each second, or twice per heartbeat timeout where that is shorter; a call that
    takes less costs nothing. A cancel request does not cut a call off: see `_settled`.
    """

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """Wrap one attempt of an activity."""
        return _BeatingActivity(next)


class _LastDetails(ActivityOutboundInterceptor):
    """Keeps what the activity itself last reported, for our beats not to wipe it out."""

    def __init__(self, next: ActivityOutboundInterceptor) -> None:
        super().__init__(next)
        self._details = tuple(next.info().heartbeat_details)

    def heartbeat(self, *details: Any) -> None:
        self._details = details
        self.next.heartbeat(*details)

    def beat(self) -> None:
        self.next.heartbeat(*self._details)


class _BeatingActivity(ActivityInboundInterceptor):
    def init(self, outbound: ActivityOutboundInterceptor) -> None:
        self._outbound = _LastDetails(outbound)
        super().init(self._outbound)

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        info = self._outbound.info()
        if info.is_local or info.heartbeat_timeout is None:
            return await super().execute_activity(input)
        interval = min(1.0, info.heartbeat_timeout.total_seconds() / 2)
        beats = asyncio.create_task(self._beat_each(interval))
        call = asyncio.ensure_future(super().execute_activity(input))
        try:
            return await _settled(call, info.start_to_close_timeout)
        finally:
            beats.cancel()

    async def _beat_each(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                self._outbound.beat()
            except Exception:
                # The activity itself goes on; without beats the server will soon retry it.
                logger.exception("a heartbeat failed")


async def _settled(call: "asyncio.Future[Any]", limit: timedelta | None) -> Any:
    """The call's result, also when its cancel is requested: what has begun is finished.

    Cut off in the middle, a call whose effect has landed would be told as cancelled, and a person
    who took an undo over would do it a second time. The start-to-close timeout bounds the wait;
    any other end of the attempt (a timeout, the worker's own end) does cut it off.
    """
    try:
        return await asyncio.shield(call)
    except asyncio.CancelledError:
        if not call.done() and _only_requested():
            await asyncio.wait({call}, timeout=limit.total_seconds() if limit else None)
        if call.done() and not call.cancelled():
            return call.result()
        raise
    finally:
        call.cancel()


def _only_requested() -> bool:
    details = activity.cancellation_details()
    return details is not None and details.cancel_requested and not details.worker_shutdown
