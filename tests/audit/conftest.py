"""A shop whose stores are audited, and a real Temporal server beside it."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from audit.patience import Patience
from runtime.search_attributes import register_search_attributes
from tests.audit.shop import Shop
from tests.audit.toy_saga import ToySaga
from tests.databases import Stores
from tests.servers import server_in_memory

TOY_QUEUE = "toy-orders"


@pytest.fixture
async def shop(stores: Stores) -> Shop:
    """A shop over fresh stores, in each kind of database."""
    return await Shop.opened(stores)


@pytest.fixture
async def sqlite_shop(sqlite_stores: Stores) -> Shop:
    """A shop over fresh SQLite stores."""
    return await Shop.opened(sqlite_stores)


@pytest.fixture
def at_once() -> Patience:
    """Nothing is under way, so nothing has to be waited for."""
    return Patience(settle=timedelta(0))


@pytest_asyncio.fixture(scope="package")
async def client() -> AsyncIterator[Client]:
    """A client of a server on which toy sagas run."""
    async with server_in_memory() as client:
        await register_search_attributes(client)
        async with Worker(
            client,
            task_queue=TOY_QUEUE,
            workflows=[ToySaga],
            workflow_runner=UnsandboxedWorkflowRunner(),
        ):
            yield client
