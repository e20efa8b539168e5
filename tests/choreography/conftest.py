"""A house on a real server without a file, for choreographed orders.

They are many workflows each, and a server that writes to no disk takes half the time. Not the
time-skipping one: that stops skipping once a workflow's publisher has closed before it, as that
of every reaction but the first has; so nothing here may have to wait for long.
"""

from collections.abc import AsyncIterator, Iterator

import pytest
from pydantic import SecretStr
from temporalio.client import Client

from tests.alerts.targets import HttpTarget, http_target
from tests.house import House, open_house
from tests.servers import server_in_memory


@pytest.fixture(scope="package")
async def engine() -> AsyncIterator[Client]:
    async with server_in_memory() as client:
        yield client


@pytest.fixture(scope="module")
def hook() -> Iterator[HttpTarget]:
    with http_target() as target:
        yield target


@pytest.fixture(scope="module")
async def house(
    engine: Client, hook: HttpTarget, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    """Operators are alerted at the hook, about orders with an alert target."""
    folder = tmp_path_factory.mktemp("house")
    async with open_house(engine, folder, alert_urls=(SecretStr(hook.url),)) as house:
        yield house
