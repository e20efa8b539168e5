"""Measures the dashboard: first paint over many ended orders, and its cost while rows change.

    python -m benchmarks.dashboard [--orders 100000] [--rows 100] [--seconds 20]

The web runs as a process of its own, on a Temporal server where `--rows` orders are open, and is
looked at by one Chromium. Their rows are really read each time; that all of them have changed
since the last time is brought about by counting up their attempts in that process.
"""

import argparse
import asyncio
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import psutil
from playwright.async_api import Browser, Page, async_playwright

from benchmarks.ended_orders import fill
from client.board import Board
from client.records import Records
from client.sagas import Sagas
from client.views import OrderPage
from models.order import Order, OrderLine
from models.steps import Service
from runtime.connection import connect
from runtime.embedded import EmbeddedServer
from runtime.program import ExitCode, run_program
from runtime.settings import Settings
from services.database import Database
from web.server import serving

PAINTS = 5
STEP = "CREATING_ORDER"
WEEK = timedelta(days=7)
# When the first rows of the list stand on the screen, in milliseconds from the navigation.
ROWS_SHOWN = """
() => new Promise((resolve) => {
  const look = () => document.querySelectorAll("tr[data-order]").length > 0
    ? requestAnimationFrame(() => resolve(performance.now())) : requestAnimationFrame(look);
  look();
})
"""


async def serve() -> int:
    """The web, whose board says each time that every order is at one more attempt."""
    counter = count(1)
    read = Board.page

    async def changing(self: Board, *arguments: Any, **options: Any) -> OrderPage:
        page = await read(self, *arguments, **options)
        attempt = next(counter)
        now = {"attempt": attempt, "retrying_since": datetime.now(UTC), "current_step": STEP}
        rows = (row.model_copy(update=now) for row in page.orders)
        return page.model_copy(update={"orders": tuple(rows)})

    setattr(Board, "page", changing)  # noqa: B010  # mypy knows that methods stay
    async with serving(Settings.load()) as ended:
        await ended()
    return ExitCode.DONE


@dataclass(frozen=True)
class Web:
    """The web process and where it is."""

    url: str
    process: psutil.Process


@asynccontextmanager
async def web(home: Path, seconds: float = 30) -> AsyncIterator[Web]:
    """The web process on this data folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.dashboard",
        "--serve",
        env={"ORDER_SAGA_HOME": str(home), "ORDER_SAGA_WEB_PORT": str(port), "PATH": ""},
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                break
        yield Web(f"http://127.0.0.1:{port}", psutil.Process(process.pid))
    finally:
        process.terminate()
        await process.wait()


async def first_paint(browser: Browser, url: str) -> tuple[float, float]:
    """Milliseconds to the first paint, and to the first rows, of a browser that was never here."""
    context = await browser.new_context(viewport={"width": 1440, "height": 900})
    page = await context.new_page()
    await page.goto(url, wait_until="commit")
    rows = float(await page.evaluate(ROWS_SHOWN))
    paint = await page.evaluate(
        "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? performance.now()"
    )
    await context.close()
    return float(paint), rows


async def cost(page: Page, web: Web, seconds: float) -> dict[str, float]:
    """What the web process needs while one page is open, and how often its rows change."""
    await page.goto(f"{web.url}/?rows=100")
    await page.wait_for_function("document.querySelectorAll('tr[data-order]').length > 0")
    await asyncio.sleep(3)
    rows = await page.locator("tr[data-order]").count()
    await page.evaluate(
        "() => { window.changes = 0; new MutationObserver((all) => { window.changes += "
        "all.filter((each) => each.type === 'characterData').length; })"
        ".observe(document.querySelector('tbody'), {characterData: true, subtree: true}); }"
    )
    before, began = web.process.cpu_times(), time.monotonic()
    await asyncio.sleep(seconds)
    after, took = web.process.cpu_times(), time.monotonic() - began
    used = after.user + after.system - before.user - before.system
    return {
        "rows": rows,
        "cpu_percent_of_a_core": 100 * used / took,
        "row_changes_per_second": await page.evaluate("window.changes") / took,
        "memory_mb": web.process.memory_info().rss / 2**20,
    }


async def measure(arguments: argparse.Namespace) -> None:
    """Fill, look, and print."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.load(home=Path(folder) / "home")
        settings.prepare_home()
        await fill_store(settings, arguments.orders)
        async with (
            EmbeddedServer.running(settings) as server,
            web(settings.home) as process,
            Records.opened(settings) as records,
            async_playwright() as playwright,
        ):
            browser = await playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
            )
            for _ in range(PAINTS):
                paint, rows = await first_paint(browser, process.url)
                print(f"first paint {paint:.0f} ms, first rows {rows:.0f} ms")  # noqa: T201 -- a program's output
            sagas = Sagas(await connect(server), records, settings)
            for number in range(arguments.rows):
                await sagas.place(_order(number))
            figures = await cost(await browser.new_page(), process, arguments.seconds)
            for name, figure in figures.items():
                print(f"{name}: {figure:.1f}")  # noqa: T201 -- a program's output
            await browser.close()


async def fill_store(settings: Settings, orders: int) -> None:
    """Ended orders, spread over the week that figures look back on."""
    store = Database(settings.database_url_for(Service.ORDERS))
    since = datetime.now(UTC) - WEEK
    await fill({Service.ORDERS: store}, orders, since, WEEK / (orders + 1))
    await store.close()


def _order(number: int) -> Order:
    line = OrderLine(product_id="PROD-1", quantity=2, unit_price=5000)
    return Order(
        order_id=f"OPEN-{number}",
        customer_id="CUST-1",
        lines=(line,),
        currency="USD",
        total_amount=line.amount,
        payment_method="credit_card",
        shipping_address="1 Main Street",
    )


async def main() -> int:
    """Parse the command line and measure, or serve what is measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--orders", type=int, default=100_000)
    parser.add_argument("--rows", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        return await serve()
    await measure(arguments)
    return ExitCode.DONE


if __name__ == "__main__":
    run_program(main)
