"""How fast the board is over many orders: `python -m benchmarks.web 100000 [--postgresql]`.

Fills the orders store with orders that ended within the last week and writes, as one JSON
object, how many milliseconds lists and figures take: the median and the 95th percentile.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from benchmarks.ended_orders import fill
from client.board import Board
from client.records import Records
from client.sagas import Sagas
from client.views import OrderFilter, Range
from models.saga import SagaKind, SagaStatus
from models.steps import Service
from runtime.connection import connect
from runtime.embedded import EmbeddedServer
from runtime.settings import Settings
from services.database import Database
from tests.postgresql import local_postgresql

ROUNDS = 25
PAGE = 50
WEEK = timedelta(days=7)
FILTERS = {
    "all": OrderFilter(),
    "completed": OrderFilter(status=SagaStatus.COMPLETED),
    "compensated": OrderFilter(status=SagaStatus.COMPENSATED),
    "failed, none": OrderFilter(status=SagaStatus.FAILED),
    "customer": OrderFilter(customer_id="CUST-7"),
    "customer and status": OrderFilter(customer_id="CUST-7", status=SagaStatus.COMPENSATED),
    "kind": OrderFilter(kind=SagaKind.ORCHESTRATED),
    "kind, none": OrderFilter(kind=SagaKind.CHOREOGRAPHED),
    "order id begins with, all": OrderFilter(order_id="ORD-"),
    "order id begins with, 1 of 16": OrderFilter(order_id="ORD-a"),
    "order id begins with, 1 of 4096": OrderFilter(order_id="ORD-abc"),
    "order id begins with, none": OrderFilter(order_id="ORD-z"),
}


async def timed(call: Callable[[], Awaitable[object]]) -> dict[str, float]:
    """Milliseconds of a call, over some rounds.

    `cpu_ms` does not depend on what else the machine does; a PostgreSQL server's is not in it.
    """
    took, worked = [], []
    for _ in range(ROUNDS):
        began, worked_before = time.perf_counter(), time.process_time()
        await call()
        took.append(1000 * (time.perf_counter() - began))
        worked.append(1000 * (time.process_time() - worked_before))
    return {
        "p50_ms": round(statistics.median(took), 1),
        "p95_ms": round(statistics.quantiles(took, n=20)[-1], 1),
        "cpu_ms": round(statistics.median(worked), 1),
    }


async def measured(board: Board) -> dict[str, Any]:
    """Every list and every figure."""
    pages = {
        name: await timed(lambda only=only: board.page(only, limit=PAGE))  # type: ignore[misc]  # bound in the loop
        for name, only in FILTERS.items()
    }
    first = await board.page(OrderFilter(), limit=PAGE)
    pages["the second page"] = await timed(
        lambda: board.page(OrderFilter(), limit=PAGE, cursor=first.next_cursor)
    )
    figures = {
        over.value: await timed(lambda over=over: board.figures(over))  # type: ignore[misc]  # bound in the loop
        for over in Range
    }
    return {"page": pages, "figures": figures, "totals": await timed(board.totals)}


async def measure(home: Path, count: int, database_url: str | None) -> dict[str, Any]:
    """Fill the store and measure, with a Temporal server on which nothing runs."""
    settings = Settings.load(home=home, database_url=database_url)
    settings.prepare_home()
    store = Database(settings.database_url_for(Service.ORDERS))
    try:
        await fill({Service.ORDERS: store}, count, datetime.now(UTC) - WEEK, WEEK / count)
    finally:
        await store.close()
    if database_url is not None:
        await vacuum(settings.database_url_for(Service.ORDERS))
    async with (
        EmbeddedServer.running(settings) as server,
        Records.opened(settings) as records,
    ):
        sagas = Sagas(await connect(server), records, settings)
        return {"orders": count} | await measured(Board(sagas, server, records))


async def vacuum(url: str) -> None:
    """What PostgreSQL does by itself within a minute or so of a hundred thousand new rows."""
    engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text("VACUUM ANALYZE"))
    await engine.dispose()


async def fresh_database(url: str) -> str:
    """A new database on the server, and its URL with a place for the service's name."""
    server = make_url(url.replace("{service}", "postgres")).set(drivername="postgresql+asyncpg")
    engine = create_async_engine(server, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text("CREATE DATABASE board_orders"))
    await engine.dispose()
    template = server.set(drivername="postgresql", database="board_SERVICE")
    return template.render_as_string(hide_password=False).replace("SERVICE", "{service}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("count", type=int, nargs="?", default=100_000)
    parser.add_argument("--postgresql", action="store_true", help="instead of SQLite")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="board-")))
        url = None
        if arguments.postgresql:
            url = asyncio.run(fresh_database(stack.enter_context(local_postgresql())))
        result = asyncio.run(measure(home, arguments.count, url))
    sys.stdout.write(f"{json.dumps(result, indent=2)}\n")


if __name__ == "__main__":
    main()
