"""`python worker.py` as a process that a test kills, stops and starts again."""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from models.money import decimal_string
from models.steps import Service
from runtime.settings import Settings
from tests.house import SHOP
from tests.starter.programs import ROOT, environment

SECONDS = 30


class Workers:
    """All workers of a data folder, or some, on a given server, with a fault file."""

    def __init__(
        self, settings: Settings, address: str, faults: Sequence[Any], *only: Service
    ) -> None:
        self._only = ["--only", *only] if only else []
        self._home = settings.home
        self._environment = environment(settings.home, TEMPORAL_ADDRESS=address)
        self._faults = settings.home / "faults.json"
        self._faults.write_text(json.dumps(faults))
        self._shop = settings.home / "shop.json"
        self._shop.write_text(json.dumps(_shop_document()))
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start the process, and return when it works."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "worker.py",
            *self._only,
            "--shop",
            str(self._shop),
            "--faults",
            str(self._faults),
            cwd=ROOT,
            env=self._environment,
            stderr=asyncio.subprocess.PIPE,
        )
        assert self._process.stderr is not None
        async with asyncio.timeout(SECONDS):
            while b"workers are polling" not in (line := await self._process.stderr.readline()):
                assert line, "the worker ended before it polled"
        # Somebody must read on, or the worker would stop at a full pipe.
        self._reading = asyncio.create_task(self._process.stderr.read())

    async def until_dead(self) -> None:
        """Wait until the process has died by itself."""
        assert self._process is not None
        async with asyncio.timeout(SECONDS):
            assert await self._process.wait() != 0
            await self._reading

    async def kill(self) -> None:
        """SIGKILL, whatever it is doing."""
        assert self._process is not None
        assert self._process.returncode is None
        self._process.kill()
        await self.until_dead()

    async def stop(self) -> float:
        """SIGTERM; the process drains and exits with 0, after so many seconds."""
        assert self._process is not None
        if self._process.returncode is not None:
            return 0.0
        began = time.monotonic()
        self._process.terminate()
        async with asyncio.timeout(SECONDS):
            assert await self._process.wait() == 0
            await self._reading
        return time.monotonic() - began


def _shop_document() -> dict[str, Any]:
    return {
        "products": [
            {
                "product_id": product.product_id,
                "price": decimal_string(product.price, product.currency),
                "currency": product.currency,
                "stock": product.stock,
            }
            for product in SHOP.products
        ],
        "customers": [customer.model_dump() for customer in SHOP.customers],
    }
