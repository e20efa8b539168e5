"""Operators on the real server, at the moments that the time-skipping one does not have."""

import pytest
from sqlalchemy import update

from models.saga import OperatorAction, SagaState, SagaStatus
from models.steps import COMPENSATABLE, Compensatable, Service, Step
from services.inventory.tables import operations
from services.orders.tables import orders
from tests.house import House
from workflows.order_saga import OrderSaga

WHO = {"actor": "jimin", "reason": "looked into it"}
UNDONE = [step for step in COMPENSATABLE if step.step is not Step.SHIPMENT_CREATED]


@pytest.mark.parametrize("step", UNDONE, ids=lambda step: step.compensation.activity)
async def test_claim_waits_for_the_attempt_in_flight_and_its_success_closes_the_case(
    house: House, step: Compensatable
) -> None:
    order = house.order("claimed")
    undo = step.compensation.activity
    house.injure(order, "create_shipment", "refuse")
    house.injure(order, undo, "fail", times=5)
    house.injure(order, undo, "delay_reply", seconds=3)
    handle = await house.place(order)
    await house.until(handle, lambda state: len(state.interventions) == 1)
    # The sixth attempt, whose effect lands at once and whose reply takes its time.
    await house.until_called(order, undo, times=6)
    action = OperatorAction(step=step.step, **WHO)
    claimed = await handle.execute_update("claim", action, result_type=SagaState)
    assert claimed.interventions == []
    state = await house.end_of(handle, order)
    assert state.status is SagaStatus.COMPENSATED
    assert [one.action for one in state.resolutions] == ["claim"]


async def test_pivot_that_was_refused_can_be_retried_once_the_cause_is_mended(
    house: House,
) -> None:
    order = house.order("pivot-refused")
    store = house.stores[Service.ORDERS]

    async def set_status(status: str) -> None:
        async with store.transaction() as connection:
            await connection.execute(
                update(orders).where(orders.c.order_id == order.order_id).values(status=status)
            )

    async def close() -> None:
        await set_status("CANCELLED")

    house.services.before[order.order_id, "complete_order"] = close
    handle = await house.place(order)
    await house.until(handle, lambda state: len(state.interventions) == 1)
    await set_status("PENDING")
    await handle.execute_update(OrderSaga.retry, OperatorAction(step=Step.ORDER_COMPLETED, **WHO))
    assert (await house.end_of(handle, order)).status is SagaStatus.COMPLETED


async def test_key_that_stands_for_another_request_leaves_the_outcome_unknown(
    house: House,
) -> None:
    order = house.order("key-reused")
    house.injure(order, "reserve_inventory", "lose_reply")

    async def change_hash() -> None:
        async with house.stores[Service.INVENTORY].transaction() as connection:
            await connection.execute(
                update(operations)
                .where(operations.c.key == f"{order.order_id}:reserve_inventory")
                .values(request_hash="of another version")
            )
        house.services.after.pop((order.order_id, "reserve_inventory"), None)

    async def arm() -> None:
        house.services.before[order.order_id, "reserve_inventory"] = change_hash

    house.services.before[order.order_id, "reserve_inventory"] = arm
    state = await house.run(order)
    assert state.status is SagaStatus.COMPENSATED
    assert state.compensated_steps == [Step.INVENTORY_RESERVED, Step.ORDER_CREATED]


async def test_what_operators_did_to_the_last_undo_is_on_the_record(house: House) -> None:
    order = house.order("recorded")
    house.injure(order, "create_shipment", "refuse")
    house.injure(order, "cancel_order", "fail", times=-1)
    handle = await house.place(order)
    await house.until(handle, lambda state: len(state.interventions) == 1)
    action = OperatorAction(step=Step.ORDER_CREATED, **WHO)
    await handle.execute_update("claim", action, result_type=SagaState)
    house.heal(order)
    await handle.execute_update(OrderSaga.retry, action)
    await house.end_of(handle, order)
    resolutions = (await house.record(order)).state["resolutions"]
    assert [one["action"] for one in resolutions] == ["claim", "retry"]
