"""Figures equal what counting every record by hand gives, to the microsecond."""

import itertools
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, text

from models.saga import SagaStatus
from models.steps import Service
from services.database import Database
from services.orders.figures import EndedOrders, OrderFigures, WaitingEvents, ended_query
from services.orders.service import OrdersService
from services.orders.tables import outbox, saga_records
from tests.databases import Stores
from tests.services.filling import NOW, fill, random_records
from tests.services.orders import ENDED_AT, PLACED_AT, closing, creating, order, state

COUNT = 2000
NOTHING = EndedOrders(completed=0, compensated=0, failed=0, microseconds=0)


@pytest.fixture
async def store(stores: Stores) -> Database:
    return await stores.open(Service.ORDERS)


def counted(records: list[dict[str, Any]], since: datetime, until: datetime) -> EndedOrders:
    """By hand."""
    ended = [
        record for record in records if record["ended_at"] and since <= record["ended_at"] < until
    ]
    completed = [record for record in ended if record["status"] == "COMPLETED"]
    took = sum((each["ended_at"] - each["created_at"] for each in completed), timedelta())
    return EndedOrders(
        completed=len(completed),
        compensated=sum(record["status"] == "COMPENSATED" for record in ended),
        failed=sum(record["status"] == "FAILED" for record in ended),
        microseconds=took // timedelta(microseconds=1),
    )


@pytest.mark.parametrize("stretch", [timedelta(minutes=7), timedelta(hours=4), timedelta(days=9)])
async def test_figures_equal_a_recount(stretch: timedelta, store: Database) -> None:
    records = random_records(COUNT, seed=7)
    await fill(store, records)
    bounds = [NOW - number * stretch for number in range(43)][::-1]
    expected = [counted(records, *stretch) for stretch in itertools.pairwise(bounds)]
    assert await OrderFigures(store).ended(bounds) == expected
    assert sum(each.completed for each in expected) > 10


async def test_an_order_belongs_to_the_stretch_that_begins_when_it_ended(store: Database) -> None:
    records = random_records(COUNT, seed=3)
    moment = next(record["ended_at"] for record in records if record["ended_at"])
    await fill(store, records)
    tick = timedelta(microseconds=1)
    bounds = [moment - tick, moment, moment + tick]
    before, then = await OrderFigures(store).ended(bounds)
    assert before == counted(records, *bounds[:2])
    assert then == counted(records, *bounds[1:])
    assert then != NOTHING


async def test_all_orders_that_ever_ended_are_counted(store: Database) -> None:
    figures = OrderFigures(store)
    assert await figures.ended_ever() == NOTHING
    records = random_records(COUNT, seed=5)
    await fill(store, records)
    ever = await figures.ended_ever()
    assert ever == counted(records, NOW - timedelta(days=365), NOW + timedelta(days=1))


@pytest.mark.parametrize("status", [SagaStatus.COMPLETED, SagaStatus.COMPENSATED])
async def test_closing_a_record_notes_how_long_the_order_took(
    status: SagaStatus, store: Database
) -> None:
    orders = OrdersService(store)
    await orders.create_order(creating(order()))
    close = orders.complete_order if status is SagaStatus.COMPLETED else orders.cancel_order
    later = ENDED_AT + timedelta(microseconds=123_457)
    ended = state(order(), status).model_copy(
        update={"completed_at": later, "compensated_at": later}
    )
    await close(closing(order(), status).model_copy(update={"state": ended}))
    async with store.reading() as connection:
        row = (await connection.execute(select(saga_records))).one()
    assert row.took == (later - PLACED_AT) // timedelta(microseconds=1) == 4_123_457


async def test_waiting_events_are_those_not_delivered(store: Database) -> None:
    figures = OrderFigures(store)
    assert await figures.waiting_events() == WaitingEvents(count=0, oldest=None)
    rows: list[dict[str, Any]] = [
        {
            "event_id": f"ORD-{number}:OrderCompleted",
            "type": "OrderCompleted",
            "order_id": f"ORD-{number}",
            "event": {},
            "created_at": NOW + timedelta(seconds=number),
            "published_at": NOW if number < 3 else None,
        }
        for number in range(10)
    ]
    async with store.transaction() as connection:
        await connection.execute(insert(outbox), rows)
    expected = WaitingEvents(count=7, oldest=NOW + timedelta(seconds=3))
    assert await figures.waiting_events() == expected


async def test_figures_come_from_an_index_alone(store: Database) -> None:
    bounds = [NOW + timedelta(hours=number) for number in range(5)]
    query = ended_query(bounds).compile(
        dialect=store._engines.reading.dialect, compile_kwargs={"literal_binds": True}
    )
    statement = str(query).replace(":", "\\:")
    async with store.reading() as connection:
        if connection.dialect == "sqlite":
            plan = (await connection.execute(text(f"EXPLAIN QUERY PLAN {statement}"))).all()
            searches = [row.detail for row in plan if "saga_records" in row.detail]
            assert searches
            assert all("COVERING INDEX saga_records_ended" in search for search in searches)
        else:
            await connection.execute(text("SET LOCAL enable_seqscan = off"))
            await connection.execute(text("SET LOCAL enable_bitmapscan = off"))
            typed = re.sub(r"('\d{4}-\d\d-\d\d [^']*')", r"CAST(\1 AS TIMESTAMPTZ)", statement)
            plan = (await connection.execute(text(f"EXPLAIN {typed}"))).all()
            assert str(plan).count("Index Only Scan using saga_records_ended") == 4
