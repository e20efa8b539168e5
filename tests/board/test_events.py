"""Events out of the worker: orders that end are told, and none waits for the receiver."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pydantic import SecretStr

from client.views import OrderRow
from models.saga import SagaStatus
from models.steps import Service
from tests.board.conftest import Premises
from tests.services.sink import Sink
from worker import WorkerOptions, running_workers


@asynccontextmanager
async def telling(shop: Premises, sink: Sink) -> AsyncIterator[None]:
    """The orders worker runs and has somebody to tell."""
    settings = shop.split.settings.model_copy(update={"event_url": SecretStr(sink.url)})
    options = WorkerOptions(services=(Service.ORDERS,), faults=shop.house.services)
    async with running_workers(settings, shop.house.client, options):
        yield


def ended(row: OrderRow) -> bool:
    return row.status.ended


async def test_orders_end_while_the_receiver_hangs_and_are_told_later(closed: Premises) -> None:
    silence = asyncio.Event()

    async def answer(_event: dict[str, Any]) -> int:
        await silence.wait()
        return 200

    sink = Sink(answer=answer)
    done, undone = closed.house.order("done"), closed.house.order("undone")
    closed.house.injure(undone, "process_payment", "refuse")
    async with sink.listening(), telling(closed, sink):
        await closed.place(done)
        await closed.row(done, ended)
        await sink.until(lambda: sink.asked)
        await closed.place(undone)
        row = await closed.row(undone, ended)
        assert row.status is SagaStatus.COMPENSATED
        assert sink.told == []
        silence.set()
        await sink.until(lambda: len(set(sink.ids)) == 2)
    events = {event["subject"]: event for event in sink.told}
    assert events[done.order_id]["type"] == "OrderCompleted"
    data = events[undone.order_id]["data"]
    assert data["error_code"] == "PAYMENT_PROCESSING_FAILED"
    assert data["amount_charged"] == "50.00"


async def test_what_a_worker_could_not_tell_the_next_one_tells(closed: Premises) -> None:
    async def answer(_event: dict[str, Any]) -> int:
        return 503

    sink = Sink(answer=answer)
    order = closed.house.order()
    async with sink.listening():
        async with telling(closed, sink):
            await closed.place(order)
            await closed.row(order, ended)
            await sink.until(lambda: sink.asked)
        sink.answer = None
        async with telling(closed, sink):
            await sink.until_told(1)
    assert set(sink.ids) == {f"{order.order_id}:OrderCompleted"}
