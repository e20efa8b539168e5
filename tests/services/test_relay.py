"""Events out: each ended order is told at least once, in order, whatever the receiver does."""

import asyncio
import logging
import sys
from collections import Counter
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import TextClause, func, select, text, update

from models.saga import SagaStatus
from services.database import Database
from services.orders.outbox import Outbox, due_query
from services.orders.service import OrdersService
from services.orders.tables import outbox
from tests.databases import Stores
from tests.services.orders import closing, creating, order
from tests.services.relaying import relaying
from tests.services.sink import Sink


@pytest.fixture
def sink() -> Sink:
    return Sink()


async def end(orders: OrdersService, order_id: str, *ends: SagaStatus) -> None:
    """Open the order, and close it in this way (and then, after a reset, in that way)."""
    await orders.create_order(creating(order(order_id)))
    for status in ends:
        close = orders.complete_order if status is SagaStatus.COMPLETED else orders.cancel_order
        await close(closing(order(order_id), status))


async def complete(orders: OrdersService, count: int) -> list[str]:
    """Complete so many orders; the ids of their events."""
    for number in range(count):
        await end(orders, f"ORD-{number}", SagaStatus.COMPLETED)
    return [f"ORD-{number}:OrderCompleted" for number in range(count)]


async def unpublished(store: Database) -> int:
    query = select(func.count()).select_from(outbox).where(outbox.c.published_at.is_(None))
    async with store.reading() as connection:
        return int(await connection.scalar(query))


async def attempts(store: Database) -> int:
    async with store.reading() as connection:
        return int(await connection.scalar(select(func.sum(outbox.c.attempts))))


async def test_a_completed_order_is_told_as_a_cloud_event(
    orders: OrdersService, orders_store: Database, sink: Sink
) -> None:
    await end(orders, "주문-1", SagaStatus.COMPLETED)
    async with sink.listening(), relaying(orders_store, sink.url):
        await sink.until_told(1)
    [event] = sink.told
    assert sink.content_types == ["application/cloudevents+json; charset=utf-8"]
    data = event.pop("data")
    assert event == {
        "specversion": "1.0",
        "id": "주문-1:OrderCompleted",
        "source": "/order-saga/orders",
        "type": "OrderCompleted",
        "subject": "주문-1",
        "time": "2026-01-02T03:04:09Z",
        "datacontenttype": "application/json",
    }
    assert data == {
        "saga_id": "order-주문-1",
        "kind": "orchestrated",
        "order_id": "주문-1",
        "customer_id": "CUST-1",
        "currency": "USD",
        "total_amount": "100.00",
        "amount_charged": "90.00",
        "points_to_use": 10,
        "status": "COMPLETED",
    }
    assert await unpublished(orders_store) == 0


@pytest.mark.parametrize("status", [SagaStatus.COMPENSATED, SagaStatus.FAILED])
async def test_a_failed_order_is_told_with_code_and_message(
    status: SagaStatus, orders: OrdersService, orders_store: Database, sink: Sink
) -> None:
    await end(orders, "ORD-1", status)
    async with sink.listening(), relaying(orders_store, sink.url):
        await sink.until_told(1)
    [event] = sink.told
    assert event["type"] == "OrderFailed"
    assert event["data"]["status"] == status
    assert event["data"]["error_code"] == "PAYMENT_PROCESSING_FAILED"
    assert event["data"]["error_message"] == "the card was declined"


async def test_nothing_is_lost_while_the_receiver_is_down(
    orders: OrdersService, orders_store: Database, sink: Sink
) -> None:
    async with sink.listening():
        pass  # now it has a port, and nobody listens there
    expected = await complete(orders, 5)
    async with relaying(orders_store, sink.url):
        async with asyncio.timeout(30):
            while await attempts(orders_store) < 3:
                await asyncio.sleep(0.01)
        # Nothing of it holds an order up.
        await end(orders, "ORD-late", SagaStatus.COMPLETED)
        async with sink.listening():
            await sink.until_told(6)
    assert Counter(sink.ids) == Counter([*expected, "ORD-late:OrderCompleted"])


@pytest.mark.parametrize("status", [302, 400, 410, 500, 503])
async def test_what_the_receiver_does_not_take_blocks_no_other_order(
    status: int, orders: OrdersService, orders_store: Database, sink: Sink
) -> None:
    poison = "ORD-0:OrderCompleted"

    async def answer(event: dict[str, Any]) -> int:
        return status if event["id"] == poison else 200

    sink.answer = answer
    expected = await complete(orders, 8)
    async with sink.listening(), relaying(orders_store, sink.url):
        await sink.until_told(7)
        await sink.until(lambda: sink.asked.count(poison) >= 3)
        assert await unpublished(orders_store) == 1
        sink.answer = None
        await sink.until_told(8)
    assert sorted(sink.ids) == sorted(expected)
    assert sink.ids[-1] == poison


async def test_a_receiver_that_does_not_answer_blocks_no_other_order(
    orders: OrdersService, orders_store: Database, sink: Sink
) -> None:
    async def answer(event: dict[str, Any]) -> int:
        if event["subject"] == "ORD-0":
            await asyncio.sleep(60)
        return 200

    sink.answer = answer
    await complete(orders, 4)
    async with sink.listening(), relaying(orders_store, sink.url):
        await sink.until_told(3)
        await sink.until(lambda: sink.asked.count("ORD-0:OrderCompleted") >= 2)
        sink.answer = None
        await sink.until_told(4)


async def test_an_orders_second_event_waits_for_its_first(
    orders: OrdersService, orders_store: Database, sink: Sink
) -> None:
    refusals = iter([500, 500, 500])

    async def answer(event: dict[str, Any]) -> int:
        return next(refusals, 200) if event["type"] == "OrderCompleted" else 200

    sink.answer = answer
    await end(orders, "ORD-1", SagaStatus.COMPLETED, SagaStatus.COMPENSATED)
    async with sink.listening(), relaying(orders_store, sink.url):
        await sink.until_told(2)
    assert sink.ids == ["ORD-1:OrderCompleted", "ORD-1:OrderFailed"]
    assert sink.asked.index("ORD-1:OrderFailed") == 4


async def test_an_event_whose_relay_dies_before_it_is_noted_is_told_again(
    orders: OrdersService, orders_store: Database, stores: Stores, sink: Sink
) -> None:
    url = stores._opened[orders_store]
    await end(orders, "ORD-1", SagaStatus.COMPLETED)

    async def answer(_event: dict[str, Any]) -> int:
        process.kill()
        return 200

    sink.answer = answer
    async with sink.listening():
        program = [sys.executable, "-m", "tests.services.relaying", url, sink.url]
        process = await asyncio.create_subprocess_exec(*program)
        async with asyncio.timeout(30):
            assert await process.wait() == -9
        assert await unpublished(orders_store) == 1
        sink.answer = None
        async with relaying(orders_store, sink.url):
            await sink.until(lambda: len(sink.asked) >= 2)
            async with asyncio.timeout(30):
                while await unpublished(orders_store):
                    await asyncio.sleep(0.01)
    assert set(sink.asked) == {"ORD-1:OrderCompleted"}


async def test_of_several_relays_one_works_at_a_time(
    orders: OrdersService, orders_store: Database, stores: Stores, sink: Sink
) -> None:
    async with sink.listening(), AsyncExitStack() as stack:
        for _ in range(3):
            store = await stores.open_again(orders_store)
            await stack.enter_async_context(relaying(store, sink.url))
        expected = await complete(orders, 40)
        await sink.until(lambda: set(sink.ids) >= set(expected))
    # One whose delivery could not be noted comes again; three that work come thrice.
    assert len(sink.asked) < 2 * len(expected)


async def test_the_receivers_address_is_in_no_log_line(
    orders: OrdersService,
    orders_store: Database,
    sink: Sink,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    async with sink.listening():
        pass
    await complete(orders, 2)
    answers = iter([500, 302])

    async def answer(_event: dict[str, Any]) -> int:
        return next(answers, 200)

    sink.answer = answer
    async with relaying(orders_store, sink.url):
        async with asyncio.timeout(30):
            while await attempts(orders_store) < 2:
                await asyncio.sleep(0.01)
        async with sink.listening():
            await sink.until_told(2)
    told = [record for record in caplog.records if record.name == "services.orders.relay"]
    reasons = {getattr(record, "reason", "") for record in told}
    assert {"answered 500", "answered 302"} <= reasons
    assert any("not reachable" in reason for reason in reasons)
    everything = str([record.__dict__ for record in caplog.records])
    for secret in ("s3cret", "hush", f":{sink.port}"):
        assert secret not in everything


async def test_an_order_that_ends_is_told_within_a_moment(
    orders: OrdersService, orders_store: Database, sink: Sink
) -> None:
    async with sink.listening(), relaying(orders_store, sink.url):
        for number in range(3):
            await end(orders, f"ORD-{number}", SagaStatus.COMPLETED)
            await sink.until_told(number + 1)


async def test_due_events_are_found_by_an_index(
    orders: OrdersService, orders_store: Database
) -> None:
    await complete(orders, 3)
    query = due_query(datetime.fromisoformat("2026-02-02T00:00:00+00:00"), 10).compile(
        dialect=orders_store._engines.reading.dialect, compile_kwargs={"literal_binds": True}
    )
    async with orders_store.reading() as connection:
        if connection.dialect == "postgresql":
            await connection.execute(_text("SET LOCAL enable_seqscan = off"))
            explain = f"EXPLAIN {query}"
        else:
            explain = f"EXPLAIN QUERY PLAN {query}"
        plan = str((await connection.execute(_text(explain))).all())
    assert "outbox_unpublished" in plan
    assert "TEMP B-TREE" not in plan


async def test_events_that_have_been_delivered_are_not_due(
    orders: OrdersService, orders_store: Database
) -> None:
    await complete(orders, 3)
    async with orders_store.transaction() as connection:
        gone = update(outbox).where(outbox.c.order_id == "ORD-1")
        await connection.execute(gone.values(published_at=outbox.c.created_at))
    due = await Outbox(orders_store).due(10)
    assert [event.order_id for event in due] == ["ORD-0", "ORD-2"]
    assert (await Outbox(orders_store).due(1)) == due[:1]


def _text(statement: str) -> TextClause:
    return text(statement.replace(":", "\\:"))
