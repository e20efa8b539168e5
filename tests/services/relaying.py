"""A relay in no time, in this process or in one of its own: `python -m tests.services.relaying`."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from services.database import Database
from services.orders.relay import Relay


class QuickRelay(Relay):
    """As the relay is, with shorter waits."""

    POLL_SECONDS = 0.02
    TIMEOUT_SECONDS = 0.5
    LEASE = timedelta(seconds=1)
    RETRY_SECONDS = 0.02
    LONGEST_RETRY_SECONDS = 0.1
    LONGEST_PAUSE_SECONDS = 0.1


@asynccontextmanager
async def relaying(database: Database, url: str) -> AsyncIterator[None]:
    """A relay that runs while the block does."""
    relay = QuickRelay(database, url)
    run = asyncio.create_task(relay.run())
    try:
        yield
    finally:
        relay.stop()
        await run


async def main(store: str, url: str) -> None:
    async with relaying(Database(store), url):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
