"""The list: every row tells what the saga itself tells, and no order is lost or doubled."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import update
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest

from client.cursor import BadCursor
from client.running import RUNNING
from client.views import OrderFilter, OrderRow
from models.order import Order
from models.saga import SagaKind, SagaState, SagaStatus
from models.steps import Service, Step
from services.database import Database
from services.orders.tables import saga_records
from tests.board.conftest import KIM, Premises
from workflows.order_saga import OrderSaga


async def agrees(shop: Premises, order: Order, row: OrderRow) -> SagaState:
    """The saga's own state, with which the row has to agree."""
    state = await shop.house.handle(order).query(OrderSaga.state)
    assert (row.status, row.current_step, row.progress) == (
        state.status,
        state.current_step,
        state.progress,
    )
    assert (row.needs_operator, row.held) == (bool(state.interventions), state.held is not None)
    assert (row.order_id, row.saga_id, row.customer_id) == (
        state.order_id,
        state.saga_id,
        state.customer_id,
    )
    assert (row.currency, row.total_amount, row.amount_charged) == (
        state.currency,
        state.total_amount,
        state.amount_charged,
    )
    assert row.created_at == state.created_at
    return state


async def test_a_step_that_is_retried_shows_attempt_and_since_when(shop: Premises) -> None:
    order = shop.house.order()
    shop.house.injure(order, "process_payment", "fail", times=-1)
    began = datetime.now(UTC)
    await shop.place(order)
    row = await shop.row(order, lambda row: (row.attempt or 0) >= 3)
    await agrees(shop, order, row)
    assert (row.current_step, row.progress) == ("PROCESSING_PAYMENT", 28)
    assert row.last_error == "process_payment was made to fail by a fault file"
    assert row.retrying_since is not None
    assert began < row.retrying_since < datetime.now(UTC)
    later = await shop.row(order, lambda later: (later.attempt or 0) > (row.attempt or 0))
    assert abs((later.retrying_since or began) - row.retrying_since).total_seconds() < 0.01


async def test_an_undo_that_waits_for_a_person_shows_all_its_attempts(shop: Premises) -> None:
    order = shop.house.order()
    shop.house.injure(order, "create_shipment", "refuse")
    shop.house.injure(order, "release_inventory", "fail", times=-1)
    await shop.place(order)
    row = await shop.row(order, lambda row: row.needs_operator and (row.attempt or 0) > 6)
    await agrees(shop, order, row)
    assert (row.status, row.progress) == (SagaStatus.COMPENSATING, 57)
    assert row.current_step == "RELEASING_INVENTORY"
    assert row.retrying_since is not None
    assert row.retrying_since < row.updated_at


async def test_an_undo_that_was_refused_for_good_waits_at_rest(shop: Premises) -> None:
    order = shop.house.order()
    shop.house.injure(order, "create_shipment", "refuse")
    shop.house.injure(order, "release_inventory", "refuse", times=-1)
    await shop.place(order)
    row = await shop.row(order, lambda row: row.needs_operator and row.attempt is None)
    await agrees(shop, order, row)
    assert not row.held
    assert row.last_error == "release_inventory was refused by a fault file"


async def test_a_held_order_shows_that_it_is_held(shop: Premises) -> None:
    order = shop.house.order()
    shop.house.injure(order, "reserve_inventory", "delay", seconds=1)
    await shop.place(order)
    await shop.house.handle(order).execute_update(OrderSaga.hold, KIM)
    row = await shop.row(order, lambda row: row.held)
    await agrees(shop, order, row)
    assert (row.current_step, row.attempt) == ("RESERVING_INVENTORY", None)
    await shop.house.handle(order).execute_update(OrderSaga.resume, KIM)
    await shop.row(order, lambda row: row.status is SagaStatus.COMPLETED and not row.held)


async def test_ended_orders_show_how_they_ended(shop: Premises) -> None:
    completed, undone = shop.house.order(points_to_use=0), shop.house.order()
    shop.house.injure(undone, "process_payment", "refuse")
    await shop.place(completed, undone)
    row = await shop.row(completed, lambda row: row.current_step == "COMPLETED")
    assert (row.status, row.progress, row.error_code) == (SagaStatus.COMPLETED, 100, None)
    assert row.ended_at is not None
    row = await shop.row(undone, lambda row: row.status is SagaStatus.COMPENSATED)
    state = await shop.house.state_at_end(shop.house.handle(undone))
    assert (row.progress, row.error_code) == (state.progress, state.error_code)
    assert (row.ended_at, row.last_error) == (state.compensated_at, state.error_message)


async def test_a_completed_order_shows_that_its_customer_is_still_being_told(
    shop: Premises,
) -> None:
    order = shop.house.order()
    shop.house.injure(order, "send_notification", "fail", times=-1)
    await shop.place(order)
    row = await shop.row(order, lambda row: (row.attempt or 0) >= 2)
    assert (row.status, row.progress) == (SagaStatus.COMPLETED, 100)
    assert row.current_step == "SENDING_NOTIFICATIONS"
    await shop.until_listed(OrderFilter(step="SENDING_NOTIFICATIONS"), {order.order_id})


async def test_filters_pass_what_they_should(shop: Premises) -> None:
    stuck, slow, done = (shop.house.order(name) for name in ("stuck", "slow", "done"))
    shop.house.injure(stuck, "create_shipment", "refuse")
    shop.house.injure(stuck, "refund_payment", "refuse", times=-1)
    shop.house.injure(slow, "process_payment", "fail", times=-1)
    await shop.place(stuck, slow, done)
    every: dict[str, set[str]] = {
        "": {stuck.order_id, slow.order_id, done.order_id},
        "stuck": {stuck.order_id},
        "slow": {slow.order_id},
        "done": {done.order_id},
        "none": set(),
    }
    expected: list[tuple[dict[str, Any], str]] = [
        ({}, ""),
        ({"needs_operator": True}, "stuck"),
        ({"status": SagaStatus.COMPENSATING}, "stuck"),
        ({"status": SagaStatus.IN_PROGRESS}, "slow"),
        ({"status": SagaStatus.STARTED}, "none"),
        ({"status": SagaStatus.COMPLETED}, "done"),
        ({"status": SagaStatus.FAILED}, "none"),
        ({"step": "PROCESSING_PAYMENT"}, "slow"),
        ({"step": "REFUNDING_PAYMENT"}, "none"),  # it waits at rest; the last undo has ended
        ({"step": "NOT_A_STEP"}, "none"),
        ({"customer_id": "CUST-1"}, ""),
        ({"customer_id": "CUST-"}, "none"),
        ({"customer_id": "O'Hara \\' OR 1=1"}, "none"),
        ({"order_id": slow.order_id[:-1]}, "slow"),
        ({"order_id": "ord-"}, "none"),
        ({"kind": SagaKind.ORCHESTRATED}, ""),
        ({"kind": SagaKind.CHOREOGRAPHED}, "none"),
        ({"kind": SagaKind.ORCHESTRATED, "status": SagaStatus.COMPLETED}, "done"),
        ({"customer_id": "CUST-1", "needs_operator": True}, "stuck"),
    ]
    for values, names in expected:
        await shop.until_listed(OrderFilter(**values), every[names])
    await shop.until_listed(OrderFilter(needs_operator=False), {slow.order_id, done.order_id})


@pytest.mark.parametrize("size", [1, 3])
async def test_pages_lose_and_double_nothing_while_orders_come_in_and_end(
    size: int, shop: Premises
) -> None:
    orders = [shop.house.order(f"{number}") for number in range(6)]
    for order in orders[::3]:
        shop.house.injure(order, "process_payment", "fail", times=-1)
    await shop.place(*orders)
    await shop.until_listed(OrderFilter(), {order.order_id for order in orders})
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = await shop.board.page(OrderFilter(), limit=size, cursor=cursor)
        assert len(page.orders) <= size
        found += [row.order_id for row in page.orders]
        cursor = page.next_cursor
        if cursor is None:
            break
        await shop.place(shop.house.order("later"))
        shop.house.heal(orders[0])
    assert found == [order.order_id for order in reversed(orders)]


async def test_an_order_behind_the_page_is_not_read(shop: Premises) -> None:
    behind, shown = shop.house.order("behind"), shop.house.order("shown")
    await shop.place(behind, shown)
    for order in (behind, shown):
        await shop.row(order, lambda row: row.ended_at is not None)
    store = Database(shop.split.settings.database_url_for(Service.ORDERS))
    async with store.transaction() as connection:
        record = saga_records.c.order_id == behind.order_id
        await connection.execute(update(saga_records).where(record).values(state={}))
    await store.close()
    page = await shop.board.page(OrderFilter(), limit=1)
    assert [row.order_id for row in page.orders] == [shown.order_id]
    with pytest.raises(ValidationError):
        await shop.board.page(OrderFilter(), limit=1, cursor=page.next_cursor)


async def test_sparse_filters_go_on_behind_a_page_that_is_not_full(shop: Premises) -> None:
    orders = [shop.house.order(f"{number}") for number in range(8)]
    for order in orders[:1]:
        shop.house.injure(order, "process_payment", "fail", times=-1)
    for order in orders[1:]:
        shop.house.injure(order, "reserve_inventory", "fail", times=-1)
    await shop.place(*orders)
    only = OrderFilter(step="PROCESSING_PAYMENT")
    await shop.until_listed(only, {orders[0].order_id})
    assert await paged(shop, only) == [orders[0].order_id]


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "!!!", "bm90IGpzb24", "W10", "WzEsMl0", "WyIyMDI2LTAxLTAxIiwgInNhZ2EiXQ", "ㄱ" * 9],
)
async def test_a_garbled_cursor_is_refused(cursor: str, closed: Premises) -> None:
    with pytest.raises(BadCursor):
        await closed.board.page(OrderFilter(), cursor=cursor)


async def test_an_intervention_is_listed_with_its_step(shop: Premises) -> None:
    order = shop.house.order()
    shop.house.injure(order, "create_shipment", "refuse")
    shop.house.injure(order, "restore_points", "refuse", times=-1)
    await shop.place(order)
    await shop.until_listed(OrderFilter(needs_operator=True), {order.order_id})
    [case] = await shop.board.interventions()
    assert (case.order_id, case.step) == (order.order_id, Step.POINTS_DEDUCTED)


async def test_an_order_whose_workflow_was_reset_keeps_its_place(shop: Premises) -> None:
    orders = [shop.house.order(f"{number}") for number in range(3)]
    for order in orders:
        shop.house.injure(order, "process_payment", "fail", times=-1)
    await shop.place(*orders)
    first = orders[0]
    await shop.row(first, lambda row: row.current_step == "PROCESSING_PAYMENT")
    run_id = (await shop.house.handle(first).describe()).run_id
    await shop.house.client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=shop.house.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=f"order-{first.order_id}"),
            workflow_task_finish_event_id=4,
            reason="test",
            request_id="1",
        )
    )
    async with asyncio.timeout(30):
        while True:
            running = [each async for each in shop.house.client.list_workflows(RUNNING)]
            if len(running) == 3 and run_id not in {each.run_id for each in running}:
                break
            await asyncio.sleep(0.05)
    assert running[0].id == f"order-{first.order_id}"
    assert await paged(shop, OrderFilter()) == [order.order_id for order in reversed(orders)]


@pytest.mark.parametrize("only", [OrderFilter(), OrderFilter(status=SagaStatus.STARTED)])
async def test_orders_that_no_worker_has_taken_are_paged_too(
    only: OrderFilter, closed: Premises
) -> None:
    orders = [closed.house.order(f"{number}") for number in range(4)]
    await closed.place(*orders)
    await closed.until_listed(only, {order.order_id for order in orders})
    assert await paged(closed, only) == [order.order_id for order in reversed(orders)]


async def paged(shop: Premises, only: OrderFilter) -> list[str]:
    """The ids of all orders that pass the filter, one page for each."""
    found: list[str] = []
    page = await shop.board.page(only, limit=1)
    while page.next_cursor is not None:
        found += [row.order_id for row in page.orders]
        page = await shop.board.page(only, limit=1, cursor=page.next_cursor)
    return [*found, *(row.order_id for row in page.orders)]
