"""One shop with workers and a web process, and one Chromium, for all tests of the dashboard."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

from tests.starter.programs import worker
from tests.web.dashboard.looking import Looker
from tests.web.dashboard.premises import Premises, chromium, sagas_of, serving, write_files

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="package")
async def premises(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Premises]:
    folder: Path = tmp_path_factory.mktemp("dashboard")
    home = folder / "home"
    with worker(home, *write_files(folder)), serving(home) as web:
        async with sagas_of(home) as sagas:
            yield Premises(home, sagas, web)


@pytest.fixture(scope="package")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
async def looker(browser: Browser, premises: Premises) -> AsyncIterator[Looker]:
    """Somebody who looks at the dashboard, and sees when something goes wrong in the browser."""
    async with Looker.at(browser, premises.web.url) as looker:
        yield looker
    assert looker.trouble == []
