"""A real Temporal server and a house on it, for what the time-skipping server cannot show."""

from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client

from tests.house import House, open_house
from tests.servers import server_in_memory


@pytest.fixture(scope="package")
async def engine() -> AsyncIterator[Client]:
    async with server_in_memory() as client:
        yield client


@pytest.fixture(scope="module")
async def house(engine: Client, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with open_house(engine, tmp_path_factory.mktemp("house")) as house:
        yield house
