"""Services that react again, or too late, to events that they have reacted to."""

from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from models.events import EventType
from models.order import Order
from models.saga import SagaKind
from tests.choreography.disturbances import POST, disturbed
from tests.choreography.operator import on_duty
from tests.choreography.test_differential import from_books
from tests.house import House, open_house


@pytest.fixture(scope="module")
async def house(engine: Client, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with (
        open_house(disturbed(engine), tmp_path_factory.mktemp("house")) as house,
        POST.redelivered(engine),
        on_duty(engine),
    ):
        yield house


async def redelivered(house: House, order: Order) -> None:
    """Let every service react again to everything, though its first reaction has ended."""
    mine = {
        name: each for name, each in POST.delivered.items() if f"order-{order.order_id}/" in name
    }
    assert len(mine) >= 3
    again = [
        await house.client.start_workflow(
            "Reaction",
            delivery,
            id=name,
            task_queue=delivery.service.value,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            # The one that closes the order asks for undos itself.
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )
        for name, delivery in mine.items()
    ]
    for reaction in again:
        await reaction.result()


@pytest.mark.parametrize("token", [None, "tok_declined"])
async def test_reacting_again_to_everything_has_no_second_effect(
    house: House, token: str | None
) -> None:
    order = house.order("again", payment_token=token)
    state = await house.run(order, SagaKind.CHOREOGRAPHED)
    before = await from_books(house, order)
    await redelivered(house, order)
    assert await from_books(house, order) == before
    await house.check_books(order, state)


async def test_forward_event_that_comes_after_its_undo_has_no_effect(house: House) -> None:
    order = house.order("late")
    house.injure(order, "create_shipment", "refuse")
    state = await house.run(order, SagaKind.CHOREOGRAPHED)
    created = POST.delivered[f"{state.saga_id}/OrderCreated/inventory"].event
    # Inventory hears of the order only now: another reaction, because the first is known.
    handle = await house.client.start_workflow(
        "Reaction",
        {"event": created.model_dump(mode="json"), "service": "inventory"},
        id=f"{state.saga_id}/OrderCreated/late",
        task_queue="inventory",
    )
    assert await handle.result() == EventType.SHIPMENT_FAILED
    await house.check_books(order, state)
