"""A server of its own, a shop on it, and the board that shows the shop's orders."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.service import RPCError

from client.board import Board
from client.records import Records
from client.sagas import Sagas
from client.views import OrderFilter, OrderRow
from models.order import Order
from models.saga import OperatorAction, SagaKind
from runtime.connection import connect
from runtime.embedded import EmbeddedServer
from runtime.server import Server
from runtime.settings import Settings
from tests.house import House, SplitHouse, open_split_house

_RUNNING = "ExecutionStatus = 'Running'"
KIM = OperatorAction(actor="kim", reason="고객 요청")


@dataclass
class Premises:
    """The shop, whose orders worker comes and goes, and the board."""

    split: SplitHouse
    sagas: Sagas
    board: Board

    @property
    def house(self) -> House:
        return self.split.house

    async def place(self, *orders: Order, kind: SagaKind = SagaKind.ORCHESTRATED) -> None:
        """As the client does, one after the other."""
        for order in orders:
            await self.sagas.place(order, kind)

    async def row(
        self, order: Order, condition: Callable[[OrderRow], object] = lambda row: True
    ) -> OrderRow:
        """The order's row, once it is as it should be: Temporal's list lags a little."""
        only = OrderFilter(order_id=order.order_id)
        async with asyncio.timeout(30):
            while True:
                rows = (await self.board.page(only)).orders
                if rows and condition(rows[0]):
                    assert len(rows) == 1
                    return rows[0]
                await asyncio.sleep(0.05)

    async def until_listed(self, only: OrderFilter, expected: set[str]) -> None:
        """Wait until exactly these of the test's orders pass the filter."""
        async with asyncio.timeout(30):
            while {row.order_id for row in (await self.board.page(only)).orders} != expected:
                await asyncio.sleep(0.05)


@pytest.fixture(scope="package")
def board_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("board")


@pytest.fixture(scope="package")
async def board_server(board_home: Path) -> AsyncIterator[Server]:
    async with EmbeddedServer.running(Settings.load(home=board_home)) as server:
        yield server


@pytest.fixture(scope="package")
async def board_client(board_server: Server) -> Client:
    return await connect(board_server)


@pytest.fixture
async def closed(
    board_server: Server, board_client: Client, tmp_path: Path
) -> AsyncIterator[Premises]:
    """Premises with a store of their own, where nobody works on the orders yet."""
    async with open_split_house(board_client, tmp_path) as split:
        async with Records.opened(split.settings) as records:
            sagas = Sagas(board_client, records, split.settings)
            yield Premises(split, sagas, Board(sagas, board_server, records))
        await _forget_running(board_client)


@pytest.fixture
async def shop(closed: Premises) -> AsyncIterator[Premises]:
    """Premises where everybody works."""
    async with closed.split.workflows():
        yield closed


async def _forget_running(client: Client) -> None:
    """Leave nothing to the next test, whose store has never heard of these orders."""
    async with asyncio.timeout(30):
        while running := [each.id async for each in client.list_workflows(_RUNNING)]:
            for workflow_id in running:
                with contextlib.suppress(RPCError):  # it has just ended
                    await client.get_workflow_handle(workflow_id).terminate()
            await asyncio.sleep(0.05)
