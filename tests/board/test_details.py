"""One order's page: with a worker, without one, after its end, and cut short in Temporal."""

import pytest

from client.board import Board
from client.errors import SagaMissing, UnknownOrder
from client.records import Records
from client.sagas import Sagas
from client.views import Lane, OrderFilter, RunOutcome
from models.saga import SagaStatus
from models.steps import Step
from runtime.connection import connect
from runtime.embedded import EmbeddedServer
from runtime.settings import Settings
from tests.board.conftest import Premises
from workflows.order_saga import OrderSaga


async def test_shows_state_timeline_and_the_way_to_temporal(shop: Premises) -> None:
    order = shop.house.order(points_to_use=0)
    shop.house.injure(order, "create_shipment", "refuse")
    shop.house.injure(order, "refund_payment", "refuse", times=-1)
    await shop.place(order)
    await shop.row(order, lambda row: row.needs_operator)
    # The next undo begins when this one has become an intervention.
    await shop.house.until(
        shop.house.handle(order), lambda state: Step.INVENTORY_RESERVED in state.compensated_steps
    )
    details = await shop.board.details(order.order_id)
    assert details.complete
    assert details.state == await shop.house.handle(order).query(OrderSaga.state)
    assert details.workflow_url is not None
    assert details.workflow_url.endswith(f"/workflows/order-{order.order_id}")
    told = [(run.step, run.lane, run.outcome) for run in details.timeline]
    assert sorted(told) == sorted(
        [
            (Step.ORDER_CREATED, Lane.FORWARD, RunOutcome.DONE),
            (Step.INVENTORY_RESERVED, Lane.FORWARD, RunOutcome.DONE),
            (Step.PAYMENT_PROCESSED, Lane.FORWARD, RunOutcome.DONE),
            (Step.POINTS_DEDUCTED, Lane.FORWARD, RunOutcome.SKIPPED),
            (Step.SHIPMENT_CREATED, Lane.FORWARD, RunOutcome.REFUSED),
            (Step.PAYMENT_PROCESSED, Lane.UNDO, RunOutcome.WAITS),
            (Step.INVENTORY_RESERVED, Lane.UNDO, RunOutcome.DONE),
        ]
    )


async def test_without_a_worker_the_history_tells_how_far_it_is(closed: Premises) -> None:
    order = closed.house.order()
    closed.house.injure(order, "process_payment", "fail", times=-1)
    async with closed.split.workflows():
        await closed.place(order)
        await closed.row(order, lambda row: (row.attempt or 0) >= 2)
    waiting = closed.house.order()
    await closed.place(waiting)
    details = await closed.board.details(order.order_id)
    assert not details.complete
    assert details.state.status is SagaStatus.IN_PROGRESS
    assert details.state.current_step == "PROCESSING_PAYMENT"
    assert details.state.executed_steps == [Step.ORDER_CREATED, Step.INVENTORY_RESERVED]
    assert details.timeline[-1].outcome is RunOutcome.RETRYING
    row = await closed.row(waiting)
    assert (row.status, row.progress, row.total_amount) == (SagaStatus.STARTED, 0, "60.00")
    assert not row.held
    details = await closed.board.details(waiting.order_id)
    assert (details.complete, details.timeline) == (False, ())
    assert details.state.items[0].price == "25.00"
    both = {order.order_id, waiting.order_id}
    await closed.until_listed(OrderFilter(customer_id="CUST-1"), both)
    await closed.until_listed(OrderFilter(status=SagaStatus.STARTED), {waiting.order_id})


async def test_a_workflow_that_was_ended_in_temporal_is_told(shop: Premises) -> None:
    order = shop.house.order()
    shop.house.injure(order, "process_payment", "fail", times=-1)
    await shop.place(order)
    await shop.row(order, lambda row: row.current_step == "PROCESSING_PAYMENT")
    await shop.house.handle(order).terminate()
    row = await shop.row(order, lambda row: row.last_error and "terminated" in row.last_error)
    assert (row.status, row.held) == (SagaStatus.IN_PROGRESS, False)
    details = await shop.board.details(order.order_id)
    assert not details.complete
    assert "terminated" in details.state.warnings[0]
    assert details.state.executed_steps == [Step.ORDER_CREATED, Step.INVENTORY_RESERVED]


async def test_there_is_no_page_of_an_order_that_does_not_exist(closed: Premises) -> None:
    with pytest.raises(UnknownOrder):
        await closed.board.details("ORD-none")


async def test_records_outlive_what_temporal_keeps(
    shop: Premises, tmp_path_factory: pytest.TempPathFactory
) -> None:
    ended, running = shop.house.order(), shop.house.order()
    shop.house.injure(running, "process_payment", "fail", times=-1)
    await shop.place(ended, running)
    await shop.row(ended, lambda row: row.current_step == "COMPLETED")
    await shop.row(running, lambda row: row.current_step == "PROCESSING_PAYMENT")
    forgetful = Settings.load(home=tmp_path_factory.mktemp("forgetful"))
    async with (
        EmbeddedServer.running(forgetful) as server,
        Records.opened(shop.split.settings) as records,
    ):
        sagas = Sagas(await connect(server), records, shop.split.settings)
        board = Board(sagas, server, records)
        lost, kept = (await board.page(OrderFilter())).orders
        assert kept == await shop.row(ended)
        assert (lost.order_id, lost.status) == (running.order_id, SagaStatus.STARTED)
        assert lost.last_error == "Temporal has no workflow for this order"
        details = await board.details(ended.order_id)
        assert (details.state.status, details.timeline) == (SagaStatus.COMPLETED, ())
        assert details.workflow_url is None
        with pytest.raises(SagaMissing):
            await board.details(running.order_id)
