"""A shop for the dashboard's tests: workers with faults, and a web process that comes and goes."""

import asyncio
import contextlib
import json
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from client.documents import parse_order
from client.records import Records
from client.sagas import Sagas
from models.saga import SagaKind, SagaState
from runtime.connection import connect, embedded_server
from runtime.settings import Settings
from tests.starter.programs import ROOT, environment

SECONDS = 60
SHOP = {
    "products": [{"product_id": "PROD-789", "price": 50.0, "stock": 1_000_000}],
    "customers": [{"customer_id": "CUST-456", "points": 1_000_000}],
}
FAULTS = [
    {"operation": "reserve_inventory", "kind": "delay", "order_id": "SLOW-*", "seconds": 2},
    {"operation": "process_payment", "kind": "fail", "order_id": "RETRY-*", "times": 4},
    {"operation": "process_payment", "kind": "fail", "order_id": "OPEN-*", "times": -1},
    {"operation": "process_payment", "kind": "refuse", "order_id": "STUCK-*"},
    {"operation": "release_inventory", "kind": "refuse", "order_id": "STUCK-*", "times": -1},
    {"operation": "create_shipment", "kind": "refuse", "order_id": "UNDONE-*"},
    {"operation": "send_notification", "kind": "refuse", "order_id": "QUIET-*"},
]
DEMONSTRATION = ROOT / "examples" / "demonstration-faults.json"


def chromium() -> str:
    """The browser's path; without one the tests fail, and say what is missing."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    assert path, "these tests need Chromium: `apt-get install -y chromium fonts-nanum`"
    return path


@dataclass
class Web:
    """A web process on an address that stays the same while it is stopped and started again."""

    home: Path
    port: int
    variables: Mapping[str, str] = field(default_factory=dict)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.home.parent / f"web-{self.port}.log"

    def start(self) -> None:
        """Start it, and return when it answers."""
        variables = {"ORDER_SAGA_WEB_PORT": str(self.port), **self.variables}
        with self.log.open("ab") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.web.dashboard.serve"],
                cwd=ROOT,
                env=environment(self.home, **variables),
                stdin=subprocess.DEVNULL,
                stderr=stderr,
                start_new_session=True,
            )
        deadline = time.monotonic() + SECONDS
        while not self._answers():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop it as an operator does."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            assert self.process.wait(SECONDS) == 0, self.log.read_text()

    def kill(self) -> None:
        """Let it die at once."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


@contextlib.contextmanager
def serving(home: Path, **variables: str) -> Iterator[Web]:
    """A web process on this data folder, until the block is left."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        web = Web(home, free.getsockname()[1], variables)
    try:
        web.start()
        yield web
        web.stop()
    finally:
        web.kill()


@dataclass(frozen=True)
class Premises:
    """What a test of the dashboard can do besides looking."""

    home: Path
    sagas: Sagas
    web: Web

    async def place(
        self, kind: str = "ORD", saga: SagaKind = SagaKind.ORCHESTRATED, **changes: Any
    ) -> str:
        """Place an order that meets the fault of this kind; its id."""
        document = {
            "order_id": f"{kind}-{uuid.uuid4().hex[:10]}",
            "customer_id": "CUST-456",
            "items": [{"product_id": "PROD-789", "quantity": 2, "price": 50.0}],
            "points_to_use": 10,
            "payment_method": "credit_card",
            "shipping_address": "1 Main Street, Springfield",
        } | changes
        order = parse_order(json.dumps(document).encode())
        await self.sagas.place(order, saga)
        return order.order_id

    async def until(self, order_id: str, status: str) -> SagaState:
        """Wait until the order has this status."""
        async with asyncio.timeout(SECONDS):
            while (state := await self.sagas.state(order_id)).status != status:
                await asyncio.sleep(0.05)
        return state

    async def until_stuck(self, order_id: str) -> SagaState:
        """Wait until the order needs a person."""
        async with asyncio.timeout(SECONDS):
            while not (state := await self.sagas.state(order_id)).interventions:
                await asyncio.sleep(0.05)
        return state


def write_files(folder: Path, more: Sequence[Mapping[str, Any]] = ()) -> tuple[str, ...]:
    """The worker's arguments for the shop, and for the faults of these tests and some more."""
    faults = [*json.loads(DEMONSTRATION.read_text()), *FAULTS, *more]
    shop_file, fault_file = folder / "shop.json", folder / "faults.json"
    shop_file.write_text(json.dumps(SHOP))
    fault_file.write_text(json.dumps(faults))
    return "--shop", str(shop_file), "--faults", str(fault_file)


@contextlib.asynccontextmanager
async def sagas_of(home: Path) -> AsyncIterator[Sagas]:
    """The sagas of a data folder whose server runs."""
    settings = Settings.load(home=home)
    server = embedded_server(settings)
    assert server is not None
    client = await connect(server)
    async with Records.opened(settings) as records:
        yield Sagas(client, records, settings)
