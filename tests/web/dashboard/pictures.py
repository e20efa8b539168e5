"""Makes the pictures in docs/images: `python -m tests.web.dashboard.pictures`.

A day of ended orders is written into the store as the services leave them; everything that moves
is placed and runs.
"""

import asyncio
import math
import tempfile
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from playwright.async_api import Browser, async_playwright
from sqlalchemy import insert

from benchmarks.ended_orders import Rows, SampleOrder
from models.saga import SagaKind
from models.steps import Service
from runtime.settings import Settings
from services.database import Database
from services.orders.tables import saga_records
from tests.starter.programs import ROOT, worker
from tests.web.dashboard.conftest import ARGUMENTS
from tests.web.dashboard.looking import Looker
from tests.web.dashboard.premises import (
    Premises,
    chromium,
    sagas_of,
    serving,
    write_files,
)

IMAGES = ROOT / "docs" / "images"
DESKTOP: dict[str, Any] = {"viewport": {"width": 1440, "height": 1000}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2}
ENGLISH: dict[str, Any] = {"locale": "en-GB", "timezone_id": "Europe/London"}
KOREAN: dict[str, Any] = {"locale": "ko-KR", "timezone_id": "Asia/Seoul"}
# Ids as a shop makes them; the faults know these orders by their whole id.
UNDONE, NO_STOCK_BACK, NO_REFUND = "ORD-7c41d09be2", "ORD-90b3f6a71c", "ORD-1fe8a45d03"
PARKED = "ORD-58d2c7e914"
"""Choreographed."""
RETRIED = ("ORD-b26c03e8f5", "ORD-4d9a71c6e0")
SLOW = ("ORD-e5710bd42a", "ORD-03c8f9a6b7")
FAULTS: list[dict[str, Any]] = [
    {"operation": "create_shipment", "kind": "refuse", "order_id": UNDONE},
    {"operation": "process_payment", "kind": "refuse", "order_id": NO_STOCK_BACK},
    {"operation": "release_inventory", "kind": "refuse", "order_id": NO_STOCK_BACK},
    {"operation": "reserve_inventory", "kind": "fail", "order_id": NO_REFUND, "times": 2},
    {"operation": "create_shipment", "kind": "refuse", "order_id": NO_REFUND},
    {"operation": "refund_payment", "kind": "refuse", "order_id": NO_REFUND},
    {"operation": "create_shipment", "kind": "refuse", "order_id": PARKED},
    {"operation": "refund_payment", "kind": "refuse", "order_id": PARKED},
    *(
        {"operation": "process_payment", "kind": "fail", "order_id": order_id, "times": -1}
        for order_id in RETRIED
    ),
    *(
        {"operation": "create_shipment", "kind": "delay", "order_id": order_id, "seconds": 8}
        for order_id in SLOW
    ),
]
ORDERS = 2400
DAY = 24 * 3600


async def fill_a_day(home: Path) -> None:
    """Orders that ended in the last day: more by day than by night, some undone, few failed."""
    random, now = Random(7), datetime.now(UTC)
    rows: Rows = defaultdict(list)
    for number in range(ORDERS):
        ago = _some_time_ago(random)
        SampleOrder(number + 1, now - timedelta(seconds=ago)).add_to(rows)
    records = rows[Service.ORDERS, saga_records]
    for number, record in enumerate(records):
        record["state"]["amount_charged"] = f"{random.randrange(8, 400)}.{random.randrange(100):02}"
        if number % 300 == 0:
            record["status"] = record["state"]["status"] = "FAILED"
    store = Database(Settings.load(home=home).database_url_for(Service.ORDERS))
    async with store.transaction() as connection:
        await connection.execute(insert(saga_records), records)
    await store.close()


def _some_time_ago(random: Random) -> float:
    while True:
        ago = random.uniform(600, DAY)
        if random.random() < 0.6 + 0.4 * math.sin(2 * math.pi * ago / DAY):
            return ago


class Photographer:
    """Takes the pictures of one web process."""

    def __init__(self, browser: Browser, url: str) -> None:
        self._browser = browser
        self._url = url

    async def take(
        self, name: str, path: str, *options: dict[str, Any], whole: bool = False
    ) -> None:
        """A picture of the page at this path."""
        merged = {key: value for option in options for key, value in option.items()}
        async with Looker.at(self._browser, self._url, **merged) as looker:
            await looker.open(path)
            await looker.page.wait_for_load_state("networkidle")
            await looker.page.evaluate("document.fonts.ready")
            await looker.page.wait_for_timeout(1500)
            await looker.page.screenshot(path=IMAGES / f"{name}.png", full_page=whole)
            assert looker.trouble == [], looker.trouble


async def take_all(premises: Premises, camera: Photographer) -> None:
    """Calm ones first, and then those with failures."""
    for number in range(4):
        await premises.until(await place(premises, number), "COMPLETED")
    await camera.take("dashboard-calm", "/", DESKTOP, ENGLISH)
    await camera.take("dashboard-calm-ko", "/", DESKTOP, KOREAN)
    await camera.take("dashboard-phone-calm-ko", "/", PHONE, KOREAN)
    await premises.until(await place(premises, 4, UNDONE), "COMPENSATED")
    for order_id in (NO_STOCK_BACK, NO_REFUND):
        await premises.until_stuck(await place(premises, 5, order_id))
    await place(premises, 6)
    await premises.until_stuck(await place(premises, 10, PARKED, SagaKind.CHOREOGRAPHED))
    for order_id in RETRIED:
        await place(premises, 7, order_id)
    await asyncio.sleep(10)
    await place(premises, 8, SLOW[0])
    await camera.take("dashboard", "/", DESKTOP, ENGLISH)
    await place(premises, 9, SLOW[1])
    await camera.take("dashboard-ko", "/", DESKTOP, KOREAN)
    await camera.take("dashboard-phone", "/", PHONE, ENGLISH)
    await camera.take("dashboard-phone-ko", "/", PHONE, KOREAN)
    page = f"/orders/{PARKED}"
    await camera.take("order-choreographed", page, DESKTOP, ENGLISH, whole=True)
    for suffix, language in (("", ENGLISH), ("-ko", KOREAN)):
        await camera.take(f"order{suffix}", f"/orders/{NO_REFUND}", DESKTOP, language)
        await camera.take(f"order-phone{suffix}", f"/orders/{UNDONE}", PHONE, language)
        await camera.take(f"interventions{suffix}", "/interventions", DESKTOP, language)
        await camera.take(f"interventions-phone{suffix}", "/interventions", PHONE, language)
        await camera.take(f"place{suffix}", "/place", DESKTOP, language)


async def place(
    premises: Premises,
    number: int,
    order_id: str | None = None,
    kind: SagaKind = SagaKind.ORCHESTRATED,
) -> str:
    """Place an order of some customer."""
    item = {"product_id": "PROD-789", "quantity": 1 + number * 7 % 4, "price": 50.0}
    changes: dict[str, Any] = {"items": [item], "customer_id": f"CUST-{137 + number * 211 % 700}"}
    if order_id is not None:
        changes["order_id"] = order_id
    return await premises.place(saga=kind, **changes, points_to_use=0)


async def main() -> None:
    """Make them all."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        with worker(home, *write_files(Path(folder), FAULTS)):
            await fill_a_day(home)
            with serving(home) as web:
                async with sagas_of(home) as sagas, async_playwright() as playwright:
                    browser = await playwright.chromium.launch(
                        executable_path=chromium(), args=ARGUMENTS
                    )
                    await take_all(Premises(home, sagas, web), Photographer(browser, web.url))
                    await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
