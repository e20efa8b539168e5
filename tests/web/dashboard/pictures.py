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
    for _ in range(4):
        await premises.until(await premises.place("ORD"), "COMPLETED")
    await camera.take("dashboard-calm", "/", DESKTOP, ENGLISH)
    await camera.take("dashboard-calm-ko", "/", DESKTOP, KOREAN)
    await camera.take("dashboard-phone-calm-ko", "/", PHONE, KOREAN)
    undone = await premises.place("UNDONE")
    await premises.until(undone, "COMPENSATED")
    stuck = [await premises.place("STUCK"), await premises.place("DEMO-refund_payment")]
    for order_id in stuck:
        await premises.until_stuck(order_id)
    await premises.place("ORD")
    await premises.place("OPEN")
    await premises.place("OPEN")
    await asyncio.sleep(12)
    await premises.place("SLOW")
    await camera.take("dashboard", "/", DESKTOP, ENGLISH)
    await premises.place("SLOW")
    await camera.take("dashboard-ko", "/", DESKTOP, KOREAN)
    await camera.take("dashboard-phone", "/", PHONE, ENGLISH)
    await camera.take("dashboard-phone-ko", "/", PHONE, KOREAN)
    for suffix, language in (("", ENGLISH), ("-ko", KOREAN)):
        await camera.take(f"order{suffix}", f"/orders/{stuck[1]}", DESKTOP, language)
        await camera.take(f"order-phone{suffix}", f"/orders/{undone}", PHONE, language)
        await camera.take(f"interventions{suffix}", "/interventions", DESKTOP, language)
        await camera.take(f"interventions-phone{suffix}", "/interventions", PHONE, language)
        await camera.take(f"place{suffix}", "/place", DESKTOP, language)


async def main() -> None:
    """Make them all."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        with worker(home, *write_files(Path(folder))):
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
