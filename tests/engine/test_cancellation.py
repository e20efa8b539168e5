"""Cancels that race with a step, on the real server: nothing is lost and nothing is told wrong."""

import pytest

from models.saga import SagaStatus
from models.steps import COMPENSATABLE, Compensatable, ErrorCode, Service
from tests.house import House

REMOTE = [step for step in COMPENSATABLE if step.service is not Service.ORDERS]


@pytest.mark.parametrize("step", REMOTE, ids=lambda step: step.activity)
@pytest.mark.parametrize("phase", ["before", "after"])
async def test_cancel_request_in_the_middle_of_a_step_is_settled(
    house: House, step: Compensatable, phase: str
) -> None:
    order = house.order("raced")

    async def cancel() -> None:
        await house.handle(order).cancel()

    hooks = house.services.before if phase == "before" else house.services.after
    hooks[order.order_id, step.activity] = cancel
    state = await house.run(order)
    assert state.status is SagaStatus.COMPENSATED
    assert state.error_code is ErrorCode.ORDER_CANCELLED
    assert state.compensated_steps[0] is step.step


@pytest.mark.parametrize("kind", ["fail", "lose_reply"])
async def test_cancelled_step_that_fails_is_undone_and_not_retried(house: House, kind: str) -> None:
    order = house.order("raced")
    house.injure(order, "create_shipment", kind, times=-1)

    async def cancel() -> None:
        await house.handle(order).cancel()
        await house.until(house.handle(order), lambda state: state.error_code is not None)

    house.services.before[order.order_id, "create_shipment"] = cancel
    state = await house.run(order)
    assert state.error_code is ErrorCode.ORDER_CANCELLED
    assert state.compensated_steps[0] == "SHIPMENT_CREATED"


@pytest.mark.parametrize("at", ["restore_points", "refund_payment", "cancel_order"])
async def test_cancel_during_the_undo_cuts_nothing_off(house: House, at: str) -> None:
    order = house.order("undo")
    house.injure(order, "create_shipment", "refuse")

    async def cancel() -> None:
        await house.handle(order).cancel()

    house.services.before[order.order_id, at] = cancel
    state = await house.run(order)
    assert state.status is SagaStatus.COMPENSATED
    assert state.error_code is ErrorCode.SHIPMENT_CREATION_FAILED
    assert len(state.compensated_steps) == 4


async def test_cancel_while_the_saga_waits_for_a_timer(house: House) -> None:
    order = house.order("timer")
    house.injure(order, "refund_payment", "fail", times=4)
    house.injure(order, "create_shipment", "fail", times=-1)
    handle = await house.place(order)
    await house.until(handle, lambda state: state.current_step == "CREATING_SHIPMENT")
    await handle.cancel()  # in the step's backoff
    state = await house.end_of(handle, order)
    assert state.error_code is ErrorCode.ORDER_CANCELLED
    assert state.status is SagaStatus.COMPENSATED
