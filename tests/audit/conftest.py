"""A shop whose stores are audited."""

import pytest

from tests.audit.shop import Shop
from tests.databases import Stores


@pytest.fixture
async def shop(stores: Stores) -> Shop:
    """A shop over fresh stores, in each kind of database."""
    return await Shop.opened(stores)


@pytest.fixture
async def sqlite_shop(sqlite_stores: Stores) -> Shop:
    """A shop over fresh SQLite stores."""
    return await Shop.opened(sqlite_stores)
