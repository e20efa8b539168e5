"""A store that an older program has filled is the same store to this one."""

from datetime import timedelta
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, insert, select, table
from sqlalchemy import column as c

from models.saga import SagaStatus
from models.steps import Service
from services import migration
from services.columns import Instant
from services.database import Database
from services.orders.figures import OrderFigures, WaitingEvents
from services.orders.outbox import Outbox
from services.orders.records import OrderRecords
from services.orders.tables import saga_records
from tests.databases import Stores
from tests.services.orders import ENDED_AT, PLACED_AT, order, state

TOOK = timedelta(seconds=5, microseconds=3)


def _upgrade_to(connection: Connection, revision: str) -> None:
    config = Config(attributes={"connection": connection})
    config.set_main_option("path_separator", "newline")
    config.set_main_option("script_location", str(migration._SERVICES / "migrations"))
    config.set_main_option("version_locations", str(migration._versions(Service.ORDERS)))
    command.upgrade(config, revision)


async def _older_store(stores: Stores) -> Database:
    """At revision 0001, with one order that has ended and one that has not."""
    store = await stores.open(Service.ORDERS, await stores.empty_url(Service.ORDERS))
    if stores.kind == "sqlite":
        store._engines.create()
    async with store._engines.writing.begin() as connection:
        await connection.run_sync(_upgrade_to, "0001")
        await connection.execute(
            insert(_table("saga_records")),
            [_record("ORD-done", ended=True), _record("ORD-open", ended=False)],
        )
        await connection.execute(
            insert(_table("outbox")).values(
                event_id="ORD-done:OrderCompleted",
                type="OrderCompleted",
                order_id="ORD-done",
                event={"status": "COMPLETED"},
                created_at=ENDED_AT,
            )
        )
    return store


def _table(name: str) -> Any:
    """As the older program knew it."""
    if name == "outbox":
        return table(
            name, c("event_id"), c("type"), c("order_id"), _json("event"), c("created_at", Instant)
        )
    return table(
        name,
        *(c(each) for each in ("saga_id", "order_id", "kind", "customer_id", "content_hash")),
        c("status"),
        c("created_at", Instant),
        c("ended_at", Instant),
        _json("state"),
    )


def _json(name: str) -> Any:
    return c(name, saga_records.c.state.type)


def _record(order_id: str, *, ended: bool) -> dict[str, Any]:
    done = state(order(order_id), SagaStatus.COMPLETED).model_dump(mode="json")
    return {
        "saga_id": f"order-{order_id}",
        "order_id": order_id,
        "kind": "orchestrated",
        "customer_id": "CUST-1",
        "content_hash": "0",
        "status": "COMPLETED" if ended else "STARTED",
        "created_at": PLACED_AT,
        "ended_at": PLACED_AT + TOOK if ended else None,
        "state": done if ended else None,
    }


async def test_records_and_events_of_an_older_store_are_kept(stores: Stores) -> None:
    store = await _older_store(stores)
    await store.migrate(Service.ORDERS)
    record = await OrderRecords(store).get("ORD-done")
    assert record is not None
    assert record.ended_at == PLACED_AT + TOOK
    async with store.reading() as connection:
        query = select(saga_records.c.order_id, saga_records.c.took)
        took = {row.order_id: row.took for row in await connection.execute(query)}
    assert took == {"ORD-done": 5_000_003, "ORD-open": None}
    figures = OrderFigures(store)
    assert (await figures.ended_ever()).microseconds == 5_000_003
    assert await figures.waiting_events() == WaitingEvents(count=1, oldest=ENDED_AT)
    [event] = await Outbox(store).due(10)
    assert (event.event_id, event.attempts) == ("ORD-done:OrderCompleted", 0)
