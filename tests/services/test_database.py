"""What a store promises: finished transactions, private files, and errors that tell no secrets."""

import asyncio
import sqlite3
import stat
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import func, insert, make_url, select, text, update

from models.errors import Fenced
from models.steps import Service
from services.database import Database, StoreError, StoreUnavailable, finished
from services.inventory.service import InventoryService
from services.inventory.tables import operations, products
from services.shipping.tables import shipments
from tests.databases import Stores
from tests.services.ledgers import rows, stock
from tests.services.orders import OTHER_PRODUCT, PLACED_AT, PRODUCT, line, order, reserving, undoing


def assert_nothing_leaked(database: Database) -> None:
    for engine in (database._engines.writing, database._engines.reading):
        assert engine.pool.status().count("Current Checked out connections: 0") == 1


async def test_leaves_every_store_whole_when_calls_are_cancelled_at_any_point(
    inventory: InventoryService, inventory_store: Database, stores: Stores
) -> None:
    random = Random(1)
    other_process = await stores.open_again(inventory_store)
    cancelled = 0
    for number in range(80):
        wanted = order(f"ORD-{number}", line(PRODUCT), line(OTHER_PRODUCT))
        call = asyncio.create_task(inventory.reserve_inventory(reserving(wanted)))
        beside = asyncio.create_task(inventory.reserve_inventory(reserving(wanted)))
        await asyncio.sleep(random.uniform(0, 0.012))
        call.cancel()
        results = await asyncio.gather(call, beside, return_exceptions=True)
        cancelled += isinstance(results[0], asyncio.CancelledError)
        assert not isinstance(results[1], BaseException)
        assert_nothing_leaked(inventory_store)
        undo = asyncio.create_task(inventory.release_inventory(undoing(wanted)))
        await asyncio.sleep(random.uniform(0, 0.008))
        undo.cancel()
        await asyncio.gather(undo, return_exceptions=True)
        # Another process finds no lock that the cancelled one left behind.
        await InventoryService(other_process).release_inventory(undoing(wanted))
        with pytest.raises(Fenced):
            await inventory.reserve_inventory(reserving(wanted))
    assert cancelled > 10
    assert_nothing_leaked(inventory_store)
    assert await stock(inventory_store, PRODUCT.product_id) == (100, 0)
    assert await stock(inventory_store, OTHER_PRODUCT.product_id) == (10, 0)


async def test_rolls_back_when_the_caller_is_cancelled_inside_a_transaction(
    inventory: InventoryService, inventory_store: Database
) -> None:
    changed = asyncio.Event()

    async def change() -> None:
        async with inventory_store.transaction() as connection:
            await connection.execute(update(products).values(available=0))
            changed.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(change())
    await changed.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert_nothing_leaked(inventory_store)
    assert await stock(inventory_store, PRODUCT.product_id) == (100, 0)


async def test_a_caller_that_waits_for_its_turn_is_cancelled_at_once(
    inventory_store: Database,
) -> None:
    holding = [await _hold(inventory_store) for _ in range(inventory_store._engines.writers)]
    waiting = asyncio.create_task(InventoryService(inventory_store).stock_products([PRODUCT]))
    await asyncio.sleep(0.05)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(waiting, 1)
    for release, holder in holding:
        release.set()
        await holder
    assert_nothing_leaked(inventory_store)


async def _hold(database: Database) -> tuple[asyncio.Event, "asyncio.Task[None]"]:
    held, release = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with database.transaction():
            held.set()
            await release.wait()

    holder = asyncio.create_task(hold())
    await held.wait()
    return release, holder


async def test_finishes_its_work_when_cancelled_and_then_goes_on_being_cancelled() -> None:
    started, goes_on, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        started.set()
        await goes_on.wait()
        ended.set()

    task = asyncio.create_task(finished(work()))
    await started.wait()
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
    assert not task.done()
    goes_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_reading_sees_one_snapshot_and_cannot_write(
    inventory: InventoryService, inventory_store: Database
) -> None:
    count = select(func.count()).select_from(operations)
    async with inventory_store.reading() as connection:
        assert await connection.scalar(count) == 0
        await inventory.reserve_inventory(reserving(order()))
        assert await connection.scalar(count) == 0
    with pytest.raises(StoreError):
        async with inventory_store.reading() as connection:
            await connection.execute(update(products).values(available=0))
    assert await stock(inventory_store, PRODUCT.product_id) == (98, 2)


async def test_errors_hold_no_personal_data(shipping_store: Database) -> None:
    row = {
        "shipment_id": "SHP-1",
        "order_id": "ORD-1",
        "customer_id": "CUST-1",
        "shipping_address": "1 Secret Street",
        "lines": [],
        "status": "LOST",
        "booked_at": PLACED_AT,
        "changed_at": PLACED_AT,
    }
    with pytest.raises(StoreError, match="status_known") as raised:
        async with shipping_store.transaction() as connection:
            await connection.execute(insert(shipments).values(**row))
    assert "Secret" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert await rows(shipping_store, shipments) == []


async def test_sqlite_files_are_their_owners_alone(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'orders.db'}")
    await database.migrate(Service.ORDERS)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == dict.fromkeys(["orders.db", "orders.db-wal", "orders.db-shm"], 0o600)
    await database.close()


async def test_sqlite_keeps_what_was_committed_through_a_power_cut(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'orders.db'}")
    await database.migrate(Service.ORDERS)
    async with database.transaction() as connection:
        assert await connection.scalar(text("PRAGMA synchronous")) == 2
        assert await connection.scalar(text("PRAGMA journal_mode")) == "wal"
        assert await connection.scalar(text("PRAGMA foreign_keys")) == 1
        assert await connection.scalar(text("PRAGMA busy_timeout")) == 5000
    await database.close()


@pytest.mark.parametrize(
    ("content", "folder", "why"),
    [
        (None, "missing", "its folder does not exist"),
        (None, ".", "the file does not exist"),
        (b"not a database" * 500, ".", "file is not a database"),
    ],
)
async def test_says_which_store_and_why_when_a_file_cannot_be_used(
    content: bytes | None, folder: str, why: str, tmp_path: Path
) -> None:
    path = tmp_path / folder / "points.db"
    if content is not None:
        path.write_bytes(content)
    database = Database(f"sqlite:///{path}")
    with pytest.raises(StoreUnavailable, match=f"the points store .*{why}"):
        async with database.reading():
            pass
    if content is not None or folder == "missing":
        with pytest.raises(StoreUnavailable, match=f"the points store .*{why}"):
            await database.migrate(Service.POINTS)
    else:
        assert not path.exists()
    await database.close()


async def test_says_where_it_tried_and_no_password_when_a_server_is_unreachable() -> None:
    database = Database("postgresql://shop:s3cret@127.0.0.1:1/saga_points")
    with pytest.raises(StoreUnavailable, match=r"1/saga_points.* cannot be reached") as why:
        async with database.transaction():
            pass
    assert "s3cret" not in str(why.value)
    assert why.value.__cause__ is None
    await database.close()


async def test_says_so_when_the_server_has_no_such_database(postgresql_url: str) -> None:
    url = make_url(postgresql_url.replace("{service}", "postgres")).set(database="nowhere")
    database = Database(url.render_as_string(hide_password=False))
    with pytest.raises(StoreUnavailable, match=r'nowhere.*"nowhere" does not exist'):
        await database.migrate(Service.POINTS)
    await database.close()


async def test_waits_for_another_process_that_writes(tmp_path: Path) -> None:
    path = tmp_path / "inventory.db"
    database = Database(f"sqlite:///{path}")
    await database.migrate(Service.INVENTORY)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    stocking = asyncio.create_task(InventoryService(database).stock_products([PRODUCT]))
    await asyncio.sleep(0.3)
    assert not stocking.done()
    other.execute("ROLLBACK")
    other.close()
    await stocking
    assert await stock(database, PRODUCT.product_id) == (100, 0)
    await database.close()


@pytest.mark.parametrize("url", ["", "points", "sqlite://", "mysql://u:pw@h/d", "postgresql://h"])
def test_refuses_a_url_that_names_no_store(url: str) -> None:
    with pytest.raises(ValueError, match="URL") as refused:
        Database(url)
    assert "pw" not in str(refused.value)
