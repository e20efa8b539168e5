"""Reactions that somebody terminates: whoever delivers to one again starts it anew."""

import pytest

from models.events import EventType
from models.saga import OperatorAction, SagaKind, SagaStatus
from models.steps import Step
from tests.choreography.test_dead_letters import parked
from tests.engine.test_history_tricks import reset
from tests.house import House

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

WHO = OperatorAction(actor="jimin", reason="the cause is mended")


async def test_closing_reaction_that_was_cut_short_hears_of_every_undo(house: House) -> None:
    """It had heard of one; the next starts it anew, and it asks for those before."""
    order = house.order("cut-closing")
    house.injure(order, "deduct_points", "refuse")
    house.injure(order, "refund_payment", "refuse")
    handle = await house.place(order, SagaKind.CHOREOGRAPHED)
    letter = await parked(house, order)
    event = f"{handle.id}/{EventType.POINT_DEDUCTION_FAILED}"
    released = house.client.get_workflow_handle(f"{event}/inventory")
    assert await released.result() == EventType.INVENTORY_RELEASED  # and so it was told
    await house.client.get_workflow_handle(f"{event}/orders").terminate("a test")
    refund = house.client.get_workflow_handle(letter.reaction_id)
    await refund.execute_update("redrive", WHO)
    state = await house.end_of(handle, order)
    assert state.status is SagaStatus.COMPENSATED
    assert state.compensated_steps[-1] is Step.ORDER_CREATED
    assert (await house.record(order)).state["compensated_steps"] == state.compensated_steps


async def test_event_that_is_published_again_starts_what_was_cut_short(house: House) -> None:
    order = house.order("cut-forward")
    house.injure(order, "process_payment", "delay", seconds=2)
    handle = await house.place(order, SagaKind.CHOREOGRAPHED)
    await house.until_called(order, "process_payment", 1)
    cut = house.client.get_workflow_handle(f"{handle.id}/InventoryReserved/payments")
    await cut.terminate("a test")
    await reset(house.client, f"{handle.id}/OrderCreated/inventory")
    assert (await house.end_of(handle, order)).status is SagaStatus.COMPLETED


async def test_event_that_is_published_again_starts_nothing_that_ended_well(house: House) -> None:
    order = house.order("again")
    handle = await house.place(order, SagaKind.CHOREOGRAPHED)
    await house.end_of(handle, order)
    ended = house.client.get_workflow_handle(f"{handle.id}/OrderCreated/inventory")
    first = (await ended.describe()).run_id
    await reset(house.client, f"{handle.id}/OrderPlaced/orders")
    again = house.client.get_workflow_handle(f"{handle.id}/OrderPlaced/orders")
    assert await again.result() == EventType.ORDER_CREATED
    assert (await ended.describe()).run_id == first
