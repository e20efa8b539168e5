"""The embedded server and a house on it, for what the time-skipping server cannot show."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.client import Client

from runtime.connection import connect
from runtime.embedded import EmbeddedServer
from runtime.settings import Settings
from tests.house import House, open_house


@pytest.fixture(scope="package")
async def engine_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("engine")


@pytest.fixture(scope="package")
async def engine(engine_home: Path) -> AsyncIterator[Client]:
    async with EmbeddedServer.running(Settings.load(home=engine_home)) as server:
        yield await connect(server)


@pytest.fixture(scope="module")
async def house(engine: Client, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with open_house(engine, tmp_path_factory.mktemp("house")) as house:
        yield house
