"""An audit that cannot look into a store says which one, and never that all is well."""

from pathlib import Path

import pytest

from audit.auditor import audit
from audit.stores import opened
from models.steps import Service
from runtime.settings import Settings
from services.database import Database, StoreError, StoreUnavailable
from tests.audit.shop import Shop
from tests.databases import Stores
from tests.services.orders import order


async def failing(shop: Shop, service: Service, url: str) -> StoreError:
    """The error of an audit for which one store is somewhere else."""
    elsewhere = Database(url)
    try:
        with pytest.raises(StoreError) as raised:
            await audit({**shop.stores, service: elsewhere}, None)
    finally:
        await elsewhere.close()
    return raised.value


@pytest.mark.parametrize("service", Service)
async def test_a_store_that_is_not_there_is_named(
    sqlite_shop: Shop, tmp_path: Path, service: Service
) -> None:
    await sqlite_shop.complete(order())
    error = await failing(sqlite_shop, service, f"sqlite:///{tmp_path}/{service}.db")
    assert isinstance(error, StoreUnavailable)
    assert error.service == service
    assert "does not exist" in str(error)


async def test_a_server_that_does_not_answer_is_named(sqlite_shop: Shop) -> None:
    error = await failing(sqlite_shop, Service.POINTS, "postgresql://kim:secret@127.0.0.1:1/points")
    assert isinstance(error, StoreUnavailable)
    assert "points" in str(error)
    assert "secret" not in str(error)


async def test_a_file_that_is_no_database_is_named(sqlite_shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "payments.db"
    path.write_bytes(b"not a database, but as long as the header of one: " * 4)
    error = await failing(sqlite_shop, Service.PAYMENTS, f"sqlite:///{path}")
    assert error.service == Service.PAYMENTS


async def test_a_store_that_was_never_migrated_is_named(sqlite_shop: Shop, stores: Stores) -> None:
    await sqlite_shop.complete(order())
    url = await stores.empty_url(Service.SHIPPING)
    Path(url.removeprefix("sqlite:///")).touch() if stores.kind == "sqlite" else None
    error = await failing(sqlite_shop, Service.SHIPPING, url)
    assert "shipping" in str(error)


async def test_no_store_is_made_where_there_is_none(tmp_path: Path) -> None:
    async with opened(Settings.load(home=tmp_path)) as stores:
        with pytest.raises(StoreUnavailable):
            await audit(stores, None)
    assert list(tmp_path.iterdir()) == []
