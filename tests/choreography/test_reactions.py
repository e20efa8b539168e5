"""Single reactions, delivered by hand in an order in which no publisher would."""

import asyncio
from datetime import UTC, datetime

from models.events import DeadLetter, Delivery, EventData, EventType, Failure, Outcome, SagaEvent
from models.order import Order
from models.saga import SagaInput, SagaKind
from models.steps import ErrorCode, Service, Step
from tests.house import House
from workflows.choreography.publishing import new_event, reaction_id


def payment_failed(order: Order) -> SagaEvent:
    """That a payment was refused, of an order that no service has heard of."""
    now = datetime.now(UTC)
    failure = Failure(
        step=Step.PAYMENT_PROCESSED,
        outcome=Outcome.REFUSED,
        code=ErrorCode.PAYMENT_PROCESSING_FAILED,
        message="the card was declined",
    )
    data = EventData(
        saga=SagaInput(order=order),
        placed_at=now,
        executed=(Step.ORDER_CREATED, Step.INVENTORY_RESERVED),
        failure=failure,
    )
    return new_event(f"order-{order.order_id}", EventType.PAYMENT_FAILED, data, now)


async def react(house: House, event: SagaEvent, service: Service) -> object:
    handle = await house.client.start_workflow(
        "Reaction",
        Delivery(event=event, service=service),
        id=reaction_id(event, service),
        task_queue=service.value,
    )
    return await handle.result()


async def test_undo_that_is_announced_before_anybody_waits_for_it_is_counted(house: House) -> None:
    """Inventory alone is told of the failure; its announcement brings the orders service in."""
    order = house.order("overtaken")
    event = payment_failed(order)
    assert await react(house, event, Service.INVENTORY) == EventType.INVENTORY_RELEASED
    closing = house.client.get_workflow_handle(reaction_id(event, Service.ORDERS))
    assert await closing.result() == EventType.ORDER_FAILED
    record = await house.record(order)
    assert (record.kind, record.status, record.error_code) == (
        SagaKind.CHOREOGRAPHED,
        "COMPENSATED",
        ErrorCode.PAYMENT_PROCESSING_FAILED,
    )
    assert record.state["compensated_steps"] == ["INVENTORY_RESERVED", "ORDER_CREATED"]


async def test_forward_event_that_is_overtaken_by_its_undo_has_no_effect(house: House) -> None:
    order = house.order("tombstone")
    await react(house, payment_failed(order), Service.INVENTORY)
    created = new_event(
        f"order-{order.order_id}",
        EventType.ORDER_CREATED,
        EventData(
            saga=SagaInput(order=order),
            placed_at=datetime.now(UTC),
            executed=(Step.ORDER_CREATED,),
        ),
        datetime.now(UTC),
    )
    assert await react(house, created, Service.INVENTORY) == EventType.SHIPMENT_FAILED
    assert await house.pieces_held(order) == 0


async def test_undo_is_tried_again_as_often_as_its_event_says(house: House) -> None:
    order = house.order("retries")
    house.injure(order, "release_inventory", "fail", times=-1)
    event = payment_failed(order).model_copy(update={"max_retries": 1})
    reaction = await house.client.start_workflow(
        "Reaction",
        Delivery(event=event, service=Service.INVENTORY),
        id=reaction_id(event, Service.INVENTORY),
        task_queue=Service.INVENTORY.value,
    )
    letter: DeadLetter | None = None
    async with asyncio.timeout(30):
        while letter is None:
            letter = await reaction.query(
                "dead_letter",
                result_type=DeadLetter | None,  # type: ignore[arg-type]  # for its decoder
            )
    assert (letter.retry_count, letter.max_retries) == (1, 1)
    await reaction.terminate("a test")
