"""One house with workers, and the API on it: open to all, and behind tokens."""

import json
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from runtime.connection import connect
from runtime.embedded import EmbeddedServer
from runtime.settings import Settings
from tests.house import House, open_house
from tests.web.api.browsing import NOBODY, TOKENS, Api
from web.access import Access
from web.api.app import create_api
from web.app import guarded
from web.backend import Backend
from web.context import WebContext


@pytest.fixture(scope="package", autouse=True)
def _no_settings_from_outside() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith(("TEMPORAL_", "ORDER_SAGA_", "XDG_")):
                patch.delenv(name)
        yield


@pytest.fixture(scope="package")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The settings of the house and of the API on it."""
    home = tmp_path_factory.mktemp("web-api") / "home"
    return Settings.load(home=home, default_address=NOBODY)


@pytest_asyncio.fixture(scope="package")
async def house(settings: Settings) -> AsyncIterator[House]:
    """All workers, on an embedded Temporal server."""
    async with (
        EmbeddedServer.running(settings) as server,
        open_house(await connect(server), settings.home) as house,
    ):
        yield house


@pytest_asyncio.fixture(scope="package")
async def backend(settings: Settings, house: House) -> AsyncIterator[Backend]:
    """What both forms of the API work with."""
    async with Backend.running(settings) as backend:
        yield backend


@pytest_asyncio.fixture(scope="package")
async def api(settings: Settings, backend: Backend) -> AsyncIterator[Api]:
    """The API without tokens, as on a developer's machine."""
    async with _opened(settings, backend) as api:
        yield api


@pytest_asyncio.fixture(scope="package")
async def locked(settings: Settings, backend: Backend) -> AsyncIterator[Api]:
    """The API with one token for each role."""
    entries = [{"token": token, "role": name, "name": name} for name, token in TOKENS.items()]
    with_tokens = Settings.load(
        home=settings.home, default_address=NOBODY, api_tokens=json.dumps(entries)
    )
    async with _opened(with_tokens, backend) as api:
        yield api


def _opened(settings: Settings, backend: Backend) -> Api:
    context = WebContext(settings, backend, Access.of(settings))
    app = create_api(context)
    return Api(app, guarded(app, context))


@pytest.fixture
def order(house: House) -> Callable[..., dict[str, Any]]:
    """Makes order documents with fresh ids; a `...` leaves a field out."""

    def make(**changes: Any) -> dict[str, Any]:
        document = {
            "order_id": house.order("HTTP").order_id,
            "customer_id": "CUST-1",
            "items": [{"product_id": "PROD-1", "quantity": 2, "price": 25.0}],
            "payment_method": "credit_card",
            "points_to_use": 10,
            "shipping_address": "1 Main Street, Springfield",
        } | changes
        return {field: value for field, value in document.items() if value is not ...}

    return make


@pytest.fixture
def tokens_file(tmp_path: Path) -> Callable[[Any], str]:
    """Writes a file of tokens; what the setting has to be for it."""

    def write(entries: Any) -> str:
        path = tmp_path / "tokens.json"
        path.write_text(json.dumps(entries))
        return f"@{path}"

    return write
