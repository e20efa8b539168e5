"""Another system that is told of events by HTTP, on the loopback interface."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Answer = Callable[[dict[str, Any]], Awaitable[int]]


async def _elsewhere(_request: web.Request) -> web.Response:
    return web.Response()


@dataclass
class Sink:
    """What it was told, in the order in which it understood."""

    port: int = 0
    told: list[dict[str, Any]] = field(default_factory=list)
    content_types: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    """The ids of all events that came in, also of those that it did not take."""
    answer: Answer | None = None
    """The status to answer an event with; without it, every event is taken."""

    @property
    def url(self) -> str:
        return f"http://user:hush@127.0.0.1:{self.port}/hooks/s3cret?token=s3cret"

    @property
    def ids(self) -> list[str]:
        """Of the events that it took."""
        return [event["id"] for event in self.told]

    async def until_told(self, count: int) -> None:
        """Wait until it has taken so many."""
        await self.until(lambda: len(self.told) >= count)

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(30):
            while not condition():
                await asyncio.sleep(0.01)

    async def take(self, request: web.Request) -> web.Response:
        event = await request.json()
        self.asked.append(event["id"])
        status = 204 if self.answer is None else await self.answer(event)
        if 200 <= status < 300:
            self.told.append(event)
            self.content_types.append(request.headers["Content-Type"])
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["Sink"]:
        """While the block runs; on the same port each time."""
        application = web.Application()
        application.router.add_post("/hooks/s3cret", self.take)
        application.router.add_get("/elsewhere", _elsewhere)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self.port)
        await site.start()
        _, self.port, *_ = runner.addresses[0]
        try:
            yield self
        finally:
            await runner.cleanup()
