"""The orders service's rules and its records."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from models.errors import Fenced, OrderGivenUp, OrderIdTaken, OrderNotOpen
from models.order import Order
from models.saga import SagaKind, SagaStatus
from services.database import Database
from services.orders import tables
from services.orders.records import OrderRecords, SagaRecord, content_hash
from services.orders.service import OrdersService
from tests.services.cases import other_content
from tests.services.ledgers import operation, rows
from tests.services.orders import ENDED_AT, PLACED_AT, closing, creating, line, order, state


async def _status(store: Database, order_id: str = "ORD-1") -> str:
    (row,) = await rows(store, tables.orders, order_id=order_id)
    return str(row.status)


async def test_opens_the_order_and_its_record(
    orders: OrdersService, orders_store: Database
) -> None:
    assert (await orders.create_order(creating(order()))).order_id == "ORD-1"
    assert await _status(orders_store) == "PENDING"
    record = await OrderRecords(orders_store).get("ORD-1")
    assert record is not None
    assert record.status is SagaStatus.STARTED
    assert (record.saga_id, record.kind) == ("order-ORD-1", SagaKind.ORCHESTRATED)
    assert (record.created_at, record.ended_at, record.state) == (PLACED_AT, None, None)
    assert record.content_hash == content_hash(order())


async def test_opens_the_same_order_again_at_another_time(orders: OrdersService) -> None:
    await orders.create_order(creating(order()))
    again = creating(order()).model_copy(update={"placed_at": PLACED_AT + timedelta(hours=1)})
    assert (await orders.create_order(again)).order_id == "ORD-1"


async def test_refuses_an_id_that_stands_for_other_content_or_another_kind(
    orders: OrdersService,
) -> None:
    await orders.create_order(creating(order()))
    elsewhere = order().model_copy(update={"shipping_address": "부산광역시"})
    with pytest.raises(OrderIdTaken, match="ORD-1"):
        await orders.create_order(creating(elsewhere))
    with pytest.raises(OrderIdTaken):
        await orders.create_order(creating(order(), SagaKind.CHOREOGRAPHED))


async def test_closes_a_completed_order(orders: OrdersService, orders_store: Database) -> None:
    await orders.create_order(creating(order()))
    await orders.complete_order(closing(order(), SagaStatus.COMPLETED))
    assert await _status(orders_store) == "COMPLETED"
    record = await OrderRecords(orders_store).get("ORD-1")
    assert record is not None
    assert (record.status, record.ended_at) == (SagaStatus.COMPLETED, ENDED_AT)
    assert record.state == state(order(), SagaStatus.COMPLETED)
    (event,) = await rows(orders_store, tables.outbox)
    assert (event.event_id, event.type) == ("ORD-1:OrderCompleted", "OrderCompleted")
    assert event.event["amount_charged"] == "90.00"
    assert "error_code" not in event.event


@pytest.mark.parametrize("status", [SagaStatus.COMPENSATED, SagaStatus.FAILED])
async def test_closes_an_undone_order(
    status: SagaStatus, orders: OrdersService, orders_store: Database
) -> None:
    await orders.create_order(creating(order()))
    await orders.cancel_order(closing(order(), status))
    assert await _status(orders_store) == "CANCELLED"
    record = await OrderRecords(orders_store).get("ORD-1")
    assert record is not None
    assert (record.status, record.ended_at) == (status, ENDED_AT)
    assert record.error_code == "PAYMENT_PROCESSING_FAILED"
    (event,) = await rows(orders_store, tables.outbox)
    assert (event.event_id, event.event["status"]) == ("ORD-1:OrderFailed", status)
    assert event.event["error_message"] == "the card was declined"


async def test_records_a_cancelled_order_that_was_never_opened(
    orders: OrdersService, orders_store: Database
) -> None:
    await orders.cancel_order(closing(order(), SagaStatus.COMPENSATED))
    record = await OrderRecords(orders_store).get("ORD-1")
    assert record is not None
    assert (record.status, record.created_at) == (SagaStatus.COMPENSATED, PLACED_AT)
    with pytest.raises(Fenced):
        await orders.create_order(creating(order()))


async def test_order_that_was_given_up_is_told_from_another_one_under_its_id(
    orders: OrdersService,
) -> None:
    await orders.create_order(creating(order()))
    await orders.cancel_order(closing(order(), SagaStatus.FAILED))
    with pytest.raises(OrderGivenUp, match="accepted loss"):
        await orders.create_order(creating(order()))
    with pytest.raises(OrderGivenUp, match="accepted loss"):
        await orders.complete_order(closing(order(), SagaStatus.COMPLETED))
    with pytest.raises(OrderIdTaken):
        await orders.create_order(creating(other_content(order())))


async def test_turns_a_completed_order_that_was_undone_after_a_reset(
    orders: OrdersService, orders_store: Database
) -> None:
    await orders.create_order(creating(order()))
    await orders.complete_order(closing(order(), SagaStatus.COMPLETED))
    await orders.cancel_order(closing(order(), SagaStatus.COMPENSATED))
    assert await _status(orders_store) == "CANCELLED"
    record = await OrderRecords(orders_store).get("ORD-1")
    assert record is not None
    assert record.status is SagaStatus.COMPENSATED
    assert {row.type for row in await rows(orders_store, tables.outbox)} == {
        "OrderCompleted",
        "OrderFailed",
    }
    with pytest.raises(Fenced):
        await orders.complete_order(closing(order(), SagaStatus.COMPLETED))
    assert await _status(orders_store) == "CANCELLED"


async def test_completes_no_order_that_was_never_opened_or_was_cancelled(
    orders: OrdersService, orders_store: Database
) -> None:
    with pytest.raises(OrderNotOpen):
        await orders.complete_order(closing(order("ORD-2"), SagaStatus.COMPLETED))
    await orders.create_order(creating(order()))
    await orders.cancel_order(closing(order(), SagaStatus.COMPENSATED))
    with pytest.raises(Fenced):
        await orders.complete_order(closing(order(), SagaStatus.COMPLETED))
    assert await _status(orders_store) == "CANCELLED"


async def test_the_undo_of_a_refused_order_leaves_the_order_that_has_its_id_alone(
    orders: OrdersService, orders_store: Database
) -> None:
    await orders.create_order(creating(order()))
    intruder = order("ORD-1", line(quantity=5))
    with pytest.raises(OrderIdTaken):
        await orders.create_order(creating(intruder))
    await orders.cancel_order(closing(intruder, SagaStatus.COMPENSATED))
    assert await _status(orders_store) == "PENDING"
    assert not (await operation(orders_store, "ORD-1:create_order")).fenced
    await orders.complete_order(closing(order(), SagaStatus.COMPLETED))
    await orders.cancel_order(closing(order(), SagaStatus.COMPENSATED))
    assert await _status(orders_store) == "CANCELLED"


async def test_an_order_of_a_newer_program_is_the_same_order() -> None:
    class NewerOrder(Order):
        gift_wrapped: bool = False

    newer = NewerOrder.model_validate(order().model_dump())
    assert content_hash(newer) == content_hash(order())
    wrapped = newer.model_copy(update={"gift_wrapped": True})
    assert content_hash(wrapped) != content_hash(order())


MANY = 100_000
FILL = """
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 100000)
INSERT INTO saga_records (saga_id, order_id, kind, customer_id, content_hash, status, created_at)
SELECT 'order-' || n, 'ORD-' || n, 'orchestrated', 'CUST-1', 'x',
    CASE WHEN n % 1000 = 0 THEN 'FAILED' ELSE 'COMPLETED' END, {instant} FROM numbers
"""
INSTANT = {
    # Ten orders share each second.
    "sqlite": "strftime('%Y-%m-%d %H:%M:%S.000000', 1700000000 + n / 10, 'unixepoch')",
    "postgresql": "to_timestamp(1700000000 + n / 10)",
}


async def test_lists_records_newest_first_page_by_page(orders_store: Database) -> None:
    async with orders_store.transaction() as connection:
        await connection.execute(text(FILL.format(instant=INSTANT[connection.dialect])))
    records = OrderRecords(orders_store)
    first = await records.list(limit=15)
    second = await records.list(limit=15, after=first[-1].cursor)
    listed = [*first, *second]
    assert listed == sorted(listed, key=lambda record: record.cursor, reverse=True)
    assert len({record.saga_id for record in listed}) == 30
    assert first[0].order_id == "ORD-100000"
    failed = await records.list(SagaStatus.FAILED, limit=1000)
    assert len(failed) == MANY // 1000
    everything = await records.list(SagaStatus.FAILED, limit=3, after=failed[-3].cursor)
    assert everything == failed[-2:]
    assert await records.get("ORD-77777") is not None
    assert await records.get("ORD-0") is None


@pytest.mark.parametrize("status", [None, SagaStatus.FAILED])
async def test_lists_records_by_an_index(status: SagaStatus | None, orders_store: Database) -> None:
    records = OrderRecords(orders_store)
    cursor = (await _recorded(orders_store, records)).cursor
    query = records.query(status, 10, cursor).compile(
        dialect=orders_store._engines.reading.dialect, compile_kwargs={"literal_binds": True}
    )
    if orders_store._engines.reading.dialect.name == "sqlite":
        explain = f"EXPLAIN QUERY PLAN {query}"
    else:
        explain = f"EXPLAIN {query}"
    async with orders_store.reading() as connection:
        if connection.dialect == "postgresql":
            # A table this small is not worth an index to it; the question is whether one fits.
            await connection.execute(text("SET LOCAL enable_seqscan = off"))
        plan = str((await connection.execute(text(explain))).all())
    assert "saga_records_newest" in plan
    assert "SORT" not in plan.upper()
    assert "TEMP B-TREE" not in plan


async def _recorded(store: Database, records: OrderRecords) -> SagaRecord:
    await OrdersService(store).create_order(creating(order()))
    record = await records.get("ORD-1")
    assert record is not None
    return record
