"""One data folder with a server and workers for all tests of the command line."""

import json
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runtime.embedded import EmbeddedServer
from runtime.settings import Settings
from tests.starter.programs import Starter, worker

SHOP = {
    "products": [
        {"product_id": "PROD-789", "price": 50.0, "stock": 1_000_000},
        {"product_id": "RARE", "price": 50.0, "stock": 1},
        {"product_id": "상품", "price": 1500, "currency": "KRW", "stock": 1000},
    ],
    "customers": [
        {"customer_id": "CUST-456", "points": 1_000_000},
        {"customer_id": "POOR", "points": 1},
        {"customer_id": "고객", "points": 1000},
    ],
}
FAULTS = [
    {"operation": "reserve_inventory", "kind": "delay", "order_id": "SLOW-*", "seconds": 3},
    {"operation": "reserve_inventory", "kind": "fail", "order_id": "RETRY-*", "times": 2},
    {"operation": "release_inventory", "kind": "fail", "order_id": "HARD-*", "times": 2},
    {"operation": "release_inventory", "kind": "refuse", "order_id": "STUCK-*", "times": -1},
    {"operation": "reserve_inventory", "kind": "fail", "order_id": "WAIT-*", "times": 5},
    {"operation": "release_inventory", "kind": "refuse", "order_id": "HEAL-*", "times": 1},
    {"operation": "release_inventory", "kind": "fail", "order_id": "DOWN-*", "times": -1},
    {"operation": "complete_order", "kind": "fail", "order_id": "PIVOT-*", "times": -1},
    {"operation": "send_notification", "kind": "fail", "order_id": "QUIET-*", "times": -1},
]


@pytest.fixture(scope="package")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starter]:
    """The command line on a data folder where workers run."""
    folder = tmp_path_factory.mktemp("starter")
    shop, faults = folder / "shop.json", folder / "faults.json"
    shop.write_text(json.dumps(SHOP))
    faults.write_text(json.dumps(FAULTS))
    with worker(folder / "home", "--shop", str(shop), "--faults", str(faults)):
        yield Starter(folder / "home")


@pytest.fixture
async def forgetful(starter: Starter, tmp_path: Path) -> AsyncIterator[Starter]:
    """The command line with the same stores, and a Temporal server that knows nothing of them.

    So is Temporal when its retention is over. Nobody works for this server.
    """
    home = tmp_path / "forgetful"
    stores = f"sqlite:///{starter.home}/{{service}}.db"
    async with EmbeddedServer.running(Settings.load(home=home)):
        yield Starter(home, {"ORDER_SAGA_DATABASE_URL": stores})


@pytest.fixture
def alone(tmp_path: Path) -> Starter:
    """The command line on a data folder where nothing runs."""
    return Starter(tmp_path / "home")


@pytest.fixture
def order() -> Callable[..., dict[str, Any]]:
    """Makes order documents with fresh ids; a `...` leaves a field out."""

    def make(name: str = "ORD", **changes: Any) -> dict[str, Any]:
        document = {
            "order_id": f"{name}-{uuid.uuid4().hex[:12]}",
            "customer_id": "CUST-456",
            "items": [{"product_id": "PROD-789", "quantity": 2, "price": 50.0}],
            "payment_method": "credit_card",
            "points_to_use": 10,
            "shipping_address": "1 Main Street, Springfield",
        } | changes
        return {field: value for field, value in document.items() if value is not ...}

    return make
