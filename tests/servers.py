"""A Temporal server for tests that do not look at what it leaves on disk."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from runtime.server_process import OPTIONS, program_beside_python


@asynccontextmanager
async def server_in_memory() -> AsyncIterator[Client]:
    """The embedded server's program without a file, which takes half the time.

    It is the real one, with the embedded one's settings, and knows of nothing yet.
    """
    async with await WorkflowEnvironment.start_local(
        data_converter=pydantic_data_converter,
        dev_server_existing_path=str(program_beside_python("temporal")),
        dev_server_extra_args=[option for option in OPTIONS if "sqlite" not in option],
        dev_server_log_level="error",
    ) as server:
        yield server.client
