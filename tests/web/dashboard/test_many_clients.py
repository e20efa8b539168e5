"""Fifty browsers' worth of WebSockets for a minute: each is told of every order."""

import ast
import asyncio
import re
import time
import uuid
from urllib.parse import urlencode

import httpx2
import psutil
import pytest
import socketio  # type: ignore[import-untyped]  # it has no type hints

from tests.web.dashboard.premises import Premises, serving

CLIENTS = 50
SECONDS = 60
LARGEST_MEMORY = 200 * 2**20


class Listener:
    """What a page's script does: fetches the page, connects, and takes what is pushed."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._socket = socketio.AsyncClient(reconnection=False)
        self.heard: set[str] = set()
        self.reloads = 0
        self._socket.on("run_javascript", self._take)

    async def connect(self, http: httpx2.AsyncClient) -> None:
        page = await http.get(f"{self._url}/?order_id=MANY-", timeout=60)
        assert page.status_code == 200
        found = re.search(r"query: (\{.*?\}),\n", page.text)
        assert found is not None
        query = ast.literal_eval(found[1])  # the framework writes it as Python does
        query |= {"document_id": uuid.uuid4().hex, "tab_id": uuid.uuid4().hex, "old_tab_id": ""}
        query["implicit_handshake"] = "true"
        await self._socket.connect(
            f"{self._url}?{urlencode(query)}",
            socketio_path="/_nicegui_ws/socket.io",
            transports=["websocket"],
            wait_timeout=30,
        )

    async def leave(self) -> None:
        assert self._socket.connected
        await self._socket.disconnect()

    async def _take(self, message: dict[str, str]) -> None:
        self.heard |= set(re.findall(r"MANY-[0-9a-f]{10}", message["code"]))
        self.reloads += "reload" in message["code"]


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_fifty_clients_hear_of_every_order_for_a_minute(premises: Premises) -> None:
    with serving(premises.home) as web:
        listeners = [Listener(web.url) for _ in range(CLIENTS)]
        async with httpx2.AsyncClient() as http:
            await asyncio.gather(*(listener.connect(http) for listener in listeners))
        placed = []
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            placed.append(await premises.place("MANY"))
            await asyncio.sleep(1)
        async with asyncio.timeout(30):
            while any(set(placed) - listener.heard for listener in listeners):
                await asyncio.sleep(0.1)
        assert web.process is not None
        memory = psutil.Process(web.process.pid).memory_info().rss
        for listener in listeners:
            assert listener.reloads == 0
            await listener.leave()
        log = web.log.read_text()
    assert '"level": "error"' not in log
    assert memory < LARGEST_MEMORY
