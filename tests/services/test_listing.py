"""Lists of orders: every filter, page by page, with ties and while orders are being added."""

from typing import Any

import pytest
from sqlalchemy import text

from models.saga import SagaKind, SagaStatus
from models.steps import Service
from services.database import Database
from services.orders.listing import FEW, OrderListing, RecordFilter, listing_query
from services.orders.records import Cursor
from tests.databases import Stores
from tests.services.filling import fill, random_records

COUNT = 1500
FILTERS = [
    RecordFilter(),
    RecordFilter(status=SagaStatus.FAILED),
    RecordFilter(customer_id="CUST-3"),
    RecordFilter(kind=SagaKind.CHOREOGRAPHED),
    RecordFilter(order_id="ORD-"),
    RecordFilter(order_id="ORD-00"),
    RecordFilter(order_id="주문-0"),
    RecordFilter(order_id="ÿ"),
    RecordFilter(order_id="Z_-000"),
    RecordFilter(order_id="Z%"),
    RecordFilter(order_id="o"),
    RecordFilter(customer_id="CUST-3", status=SagaStatus.COMPLETED),
    RecordFilter(order_id="ord-", customer_id="CUST-1", kind=SagaKind.ORCHESTRATED),
    RecordFilter(customer_id="CUST"),
]


@pytest.fixture
async def store(stores: Stores) -> Database:
    return await stores.open(Service.ORDERS)


def expected(records: list[dict[str, Any]], only: RecordFilter) -> list[str]:
    """By hand: the saga ids in the list's order."""
    passing = [
        record
        for record in records
        if only.status in (None, record["status"])
        and only.customer_id in (None, record["customer_id"])
        and only.kind in (None, record["kind"])
        and record["order_id"].startswith(only.order_id or "")
    ]
    passing.sort(key=lambda record: (record["created_at"], record["saga_id"]), reverse=True)
    return [record["saga_id"] for record in passing]


async def listed(listing: OrderListing, only: RecordFilter, size: int) -> list[str]:
    """Page by page to the end."""
    found: list[str] = []
    after: Cursor | None = None
    while page := await listing.places(only, size, after):
        found += [each.saga_id for each in page]
        after = page[-1]
    return found


async def test_every_filter_lists_what_it_should_page_by_page(store: Database) -> None:
    records = random_records(COUNT, seed=11)
    await fill(store, records)
    for only in FILTERS:
        assert await listed(OrderListing(store), only, 37) == expected(records, only), only
    assert len(expected(records, FILTERS[4])) > 100
    assert len({record["created_at"] for record in records}) < COUNT  # some share a moment


async def test_a_common_beginning_is_searched_from_the_newest_on(store: Database) -> None:
    records = random_records(FEW * 6, seed=2)
    await fill(store, records)
    common, rare = RecordFilter(order_id="ORD-"), RecordFilter(order_id="ORD-000")
    assert len(expected(records, common)) > FEW > len(expected(records, rare))
    for only in (common, rare):
        assert await listed(OrderListing(store), only, 400) == expected(records, only)


async def test_orders_that_come_in_meanwhile_neither_repeat_nor_hide_others(
    store: Database,
) -> None:
    records = random_records(COUNT, seed=13)
    first, later = records[:1000], records[1000:]
    await fill(store, first)
    listing, found = OrderListing(store), list[str]()
    after: Cursor | None = None
    while page := await listing.places(RecordFilter(), 50, after):
        found += [each.saga_id for each in page]
        after = page[-1]
        if later:
            await fill(store, later[:25])
            del later[:25]
    assert len(found) == len(set(found))
    assert set(found) >= {record["saga_id"] for record in first}
    assert found == [saga_id for saga_id in expected(records, RecordFilter()) if saga_id in found]


async def test_orders_are_listed_with_what_they_cost(store: Database) -> None:
    await fill(store, random_records(10, seed=1))
    listing = OrderListing(store)
    [place] = await listing.places(RecordFilter(), 1)
    [(saga_id, first)] = (await listing.of([place.saga_id, "order-none"])).items()
    assert (saga_id, first.record.saga_id, first.record.cursor) == (place.saga_id, saga_id, place)
    assert (first.currency, first.total_amount, first.amount_charged) == ("USD", 10_000, 9_000)


@pytest.mark.parametrize(
    ("only", "few", "index"),
    [
        (RecordFilter(), False, "saga_records_newest"),
        (RecordFilter(status=SagaStatus.FAILED), False, "saga_records_newest_of_status"),
        (RecordFilter(kind=SagaKind.CHOREOGRAPHED), False, "saga_records_newest_of_kind"),
        (
            RecordFilter(customer_id="C", status=SagaStatus.COMPLETED, kind=SagaKind.ORCHESTRATED),
            False,
            "saga_records_newest_of_customer",
        ),
        (RecordFilter(order_id="ORD", customer_id="C"), True, "order_id"),
    ],
)
async def test_each_filter_has_its_index(
    only: RecordFilter, few: bool, index: str, store: Database
) -> None:
    after = Cursor(random_records(1, seed=1)[0]["created_at"], "order-x")
    query = listing_query(only, 10, after, few=few).compile(
        dialect=store._engines.reading.dialect, compile_kwargs={"literal_binds": True}
    )
    statement = str(query).replace(":", "\\:")
    async with store.reading() as connection:
        if connection.dialect == "postgresql":
            # A table this small is not worth an index to it; the question is whether one fits.
            await connection.execute(text("SET LOCAL enable_seqscan = off"))
            await connection.execute(text("SET LOCAL enable_bitmapscan = off"))
            rows = (await connection.execute(text(f"EXPLAIN {statement}"))).all()
        else:
            rows = (await connection.execute(text(f"EXPLAIN QUERY PLAN {statement}"))).all()
    used = [str(row) for row in rows if "saga_records" in str(row)]
    assert any(index in line for line in used), rows
    if not few:
        assert "TEMP B-TREE" not in str(rows)
        assert "Sort" not in str(rows)
