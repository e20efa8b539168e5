"""A forward call that comes after its own undo: the order closes with the last undo, no sooner."""

import asyncio

import pytest

from client.dead_letters import open_dead_letters, redrive
from models.events import EventType
from models.order import Order
from models.saga import OperatorAction, SagaKind, SagaState, SagaStatus
from tests.engine.test_history_tricks import reset
from tests.house import House

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

CHOREOGRAPHED = SagaKind.CHOREOGRAPHED
WHO = OperatorAction(actor="jimin", reason="the cause is mended")


async def with_parked_refund(house: House) -> Order:
    """An order whose points were refused, whose pieces are back, and whose money is not."""
    order = house.order("fenced")
    house.injure(order, "deduct_points", "refuse")
    house.injure(order, "refund_payment", "fail", times=-1)
    handle = await house.place(order, CHOREOGRAPHED)
    await house.until(
        handle,
        lambda state: bool(state.interventions) and "INVENTORY_RESERVED" in state.compensated_steps,
    )
    return order


async def parked(house: House, order: Order, event_type: EventType) -> str:
    """The id of the parked refund that this event asked for."""
    async with asyncio.timeout(60):
        while True:
            for letter in await open_dead_letters(house.client):
                if letter.order_id == order.order_id and letter.event_type is event_type:
                    assert letter.call == "refund_payment"
                    return letter.reaction_id
            await asyncio.sleep(0.1)


@pytest.mark.parametrize(
    "driven_first", [EventType.POINT_DEDUCTION_FAILED, EventType.SHIPMENT_FAILED]
)
async def test_redelivered_event_closes_no_order_whose_refund_is_parked(
    house: House, driven_first: EventType
) -> None:
    order = await with_parked_refund(house)
    handle = house.handle(order)
    again = f"{handle.id}/OrderCreated/inventory"
    await reset(house.client, again)
    assert await house.client.get_workflow_handle(again).result() == EventType.SHIPMENT_FAILED
    letters = {
        event_type: await parked(house, order, event_type)
        for event_type in (EventType.POINT_DEDUCTION_FAILED, EventType.SHIPMENT_FAILED)
    }
    state = await house.until(handle, lambda state: len(state.interventions) == 2)
    assert state.status is SagaStatus.COMPENSATING
    assert (await house.record(order)).status == SagaStatus.STARTED
    house.heal(order)
    for number, event_type in enumerate(sorted(letters, key=lambda each: each != driven_first)):
        await redrive(house.client, letters[event_type], WHO, request_id=f"{number}")
    ended = await house.end_of(handle, order)
    await both_tell_the_same(house, order, ended)


async def both_tell_the_same(house: House, order: Order, ended: SagaState) -> None:
    record = await house.record(order)
    assert ended.status is SagaStatus.COMPENSATED
    assert (record.status, record.error_code, record.error_message) == (
        ended.status,
        ended.error_code,
        ended.error_message,
    )
    assert await house.paid(order) == 0
