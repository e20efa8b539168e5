"""The relay: tells another system of every order that ended, until it has understood.

Events leave the outbox as CloudEvents by HTTP POST, at least once each, and those of one order
one after the other. Nothing waits for them: the saga has written its event with the order's
record and does not know of the relay.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

from services.database import Database, StoreError
from services.leases import Lease
from services.orders.outbox import Outbox, OutboxEvent
from services.orders.tables import leases

SOURCE = "/order-saga/orders"
CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"

logger = logging.getLogger("services.orders.relay")


class Undelivered(Exception):
    """The other system did not take an event. Never tells its address, which is a secret."""


class Relay:
    """Delivers the outbox of the orders service to one address, as long as `run` runs.

    Of several relays on one store, one works at a time; when its process dies, another one
    takes over after the lease.
    """

    POLL_SECONDS = 0.5
    """Between two looks into an outbox that is empty: one read, without a lock."""
    TIMEOUT_SECONDS = 5.0
    """For one POST in all."""
    AT_ONCE = 16
    """Events of different orders under way; a lease outlasts them."""
    LEASE = timedelta(seconds=15)
    RETRY_SECONDS = 1.0
    """After the first failure of an event, doubling; a random part of it less."""
    LONGEST_RETRY_SECONDS = 60.0
    LONGEST_PAUSE_SECONDS = 30.0
    """Between two attempts at a system that takes nothing at all."""

    def __init__(self, database: Database, url: str) -> None:
        self._outbox = Outbox(database)
        self._lease = Lease(database, leases, "outbox relay", self.LEASE)
        self._url = url
        self._stopping = asyncio.Event()
        self._failures = 0
        """Rounds in which nothing was delivered, since the last in which something was."""

    def stop(self) -> None:
        """Let `run` return once the events under way are settled."""
        self._stopping.set()

    async def run(self) -> None:
        """Deliver until `stop`. What goes wrong with store or receiver is logged and retried."""
        async with aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=self.TIMEOUT_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "order-saga"},
        ) as session:
            while not self._stopping.is_set():
                pause = await self._round(session)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), pause)
        with contextlib.suppress(StoreError):
            await self._lease.give_back()

    async def _round(self, session: aiohttp.ClientSession) -> float:
        """Deliver some events; how many seconds to wait before the next round."""
        try:
            if not await self._outbox.due(1) or not await self._lease.take():
                return self.POLL_SECONDS
            # While nothing is taken, one event is enough to find out that it is taken again.
            events = await self._outbox.due(1 if self._failures else self.AT_ONCE)
            delivered = await self._deliver(session, events)
        except StoreError as error:
            logger.warning("the outbox cannot be used", extra={"reason": str(error)})
            delivered = False
        self._failures = 0 if delivered else self._failures + 1
        if not self._failures:
            return 0
        return min(2.0 ** (self._failures - 1), self.LONGEST_PAUSE_SECONDS)

    async def _deliver(self, session: aiohttp.ClientSession, events: list[OutboxEvent]) -> bool:
        """Whether any of them was taken."""
        errors = await asyncio.gather(*(self._attempt(session, event) for event in events))
        now = datetime.now(UTC)
        failed = {
            event.event_id: now + self._backoff(event.attempts)
            for event, error in zip(events, errors, strict=True)
            if error is not None
        }
        delivered = [event.event_id for event in events if event.event_id not in failed]
        await self._outbox.settle(delivered, failed, now)
        return bool(delivered)

    def _backoff(self, attempts: int) -> timedelta:
        longest = min(self.RETRY_SECONDS * 2.0 ** min(attempts, 30), self.LONGEST_RETRY_SECONDS)
        return timedelta(seconds=random.uniform(longest / 2, longest))

    async def _attempt(
        self, session: aiohttp.ClientSession, event: OutboxEvent
    ) -> Undelivered | None:
        about = {"order_id": event.order_id, "event_id": event.event_id}
        try:
            await self._post(session, event)
        except Undelivered as error:
            attempts = event.attempts + 1
            logger.warning(
                "event not delivered", extra=about | {"attempts": attempts, "reason": str(error)}
            )
            return error
        logger.info("event delivered", extra=about | {"attempts": event.attempts + 1})
        return None

    async def _post(self, session: aiohttp.ClientSession, event: OutboxEvent) -> None:
        async with (
            _told_without_address(),
            session.post(
                self._url,
                json=cloud_event(event),
                headers={"Content-Type": CONTENT_TYPE},
                # A redirected POST would arrive as a GET.
                allow_redirects=False,
            ) as response,
        ):
            if not 200 <= response.status < 300:
                raise Undelivered(f"answered {response.status}")


def cloud_event(event: OutboxEvent) -> dict[str, Any]:
    """The event as CloudEvents 1.0, in structured mode.

    Whoever gets one twice sees it by `id`, which is the same on every attempt.
    """
    return {
        "specversion": "1.0",
        "id": event.event_id,
        "source": SOURCE,
        "type": event.type,
        "subject": event.order_id,
        "time": event.created_at.isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": event.event,
    }


@contextlib.asynccontextmanager
async def _told_without_address() -> AsyncIterator[None]:
    """Errors of the HTTP client quote the address."""
    try:
        yield
    except TimeoutError:
        raise Undelivered("no answer in time") from None
    except aiohttp.ClientConnectorError as error:
        reason = error.os_error.strerror or type(error).__name__
        raise Undelivered(f"not reachable: {reason}") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise Undelivered(f"no proper answer: {type(error).__name__}") from None
