"""The tracker: what it makes of events in any order, of silence, and of Temporal's own actions."""

import asyncio
import random
from typing import Any

import pytest
from temporalio.client import WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter

from models.events import EventType, HeardEvent, SagaEvent
from models.saga import SagaKind, SagaState, SagaStatus
from models.steps import STEPS, Step
from tests.alerts.targets import HttpTarget
from tests.house import House
from workflows.choreography.story import told_by

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

CHOREOGRAPHED = SagaKind.CHOREOGRAPHED
ALL_STEPS = [step.step for step in STEPS]


async def heard_by(handle: WorkflowHandle[Any, SagaState]) -> list[SagaEvent]:
    """Every event that the tracker was told, as it was told."""
    events = []
    async for entry in handle.fetch_history_events():
        told = entry.workflow_execution_signaled_event_attributes
        if told.signal_name == "hear":
            decoded = await pydantic_data_converter.decode(told.input.payloads, [SagaEvent])
            events += decoded
    return events


async def test_executes_every_step_when_all_services_agree(house: House) -> None:
    order = house.order()
    handle = await house.place(order, CHOREOGRAPHED)
    state = await house.end_of(handle, order)
    assert state.status is SagaStatus.COMPLETED
    assert state.executed_steps == ALL_STEPS
    assert (state.progress, state.current_step) == (100, "COMPLETED")
    record = await house.record(order)
    assert (record.kind, record.ended_at) == ("choreographed", state.completed_at)
    events = await handle.query("events", result_type=list[HeardEvent])
    assert [event.event_type for event in events] == [
        EventType.ORDER_PLACED,
        EventType.ORDER_CREATED,
        EventType.INVENTORY_RESERVED,
        EventType.PAYMENT_PROCESSED,
        EventType.POINTS_DEDUCTED,
        EventType.SHIPMENT_CREATED,
        EventType.ORDER_COMPLETED,
        EventType.NOTIFICATION_SENT,
    ]
    assert [event.event_id for event in events] == [
        f"{order.order_id}:{event.event_type}" for event in events
    ]


@pytest.mark.parametrize("refused", [None, "create_shipment", "process_payment"])
async def test_state_does_not_depend_on_the_order_of_events(
    house: House, refused: str | None
) -> None:
    order = house.order("any-order")
    if refused:
        house.injure(order, refused, "refuse")
    handle = await house.place(order, CHOREOGRAPHED)
    state = await house.end_of(handle, order)
    events = await heard_by(handle)
    assert told_by(events) == state
    shuffled = random.Random(4711)
    for _ in range(200):
        told = events * 2
        shuffled.shuffle(told)
        assert told_by(told) == state


async def test_cancel_request_loses_nothing(house: House) -> None:
    order = house.order("cancelled")
    house.injure(order, "process_payment", "delay", seconds=2)
    handle = await house.place(order, CHOREOGRAPHED)
    await house.until(handle, lambda state: state.current_step == "PROCESSING_PAYMENT")
    await handle.cancel(reason="by mistake")
    reaction = f"{handle.id}/{EventType.INVENTORY_RESERVED}/payments"
    await house.client.get_workflow_handle(reaction).cancel(reason="by mistake")
    state = await house.end_of(handle, order)
    assert state.status is SagaStatus.COMPLETED
    assert len(state.warnings) == 2
    assert any(reaction in warning for warning in state.warnings)
    assert all("by mistake" in warning for warning in state.warnings)


async def test_silence_is_alerted_once_and_nothing_is_undone(
    house: House, hook: HttpTarget
) -> None:
    order = house.order("silence")
    speak = asyncio.Event()

    async def wait() -> None:
        await speak.wait()

    house.services.before[order.order_id, "deduct_points"] = wait
    handle = await house.place(order, CHOREOGRAPHED, deadline_seconds=2, alert_targets=1)
    (alert,) = await asyncio.to_thread(hook.alerts_of, order.order_id)
    assert "is silent" in alert
    assert "last event: PaymentProcessed" in alert
    state = await house.until(handle, lambda state: bool(state.warnings))
    assert state.status is SagaStatus.IN_PROGRESS
    speak.set()
    ended = await house.end_of(handle, order)
    assert ended.status is SagaStatus.COMPLETED
    assert len(hook.alerts_of(order.order_id)) == 1
    assert Step.POINTS_DEDUCTED in ended.executed_steps


async def test_history_of_a_completed_order_stays_short(house: House) -> None:
    order = house.order("short")
    handle = await house.place(order, CHOREOGRAPHED)
    await handle.result()
    lengths = {"tracker": len([event async for event in handle.fetch_history_events()])}
    for event, service in (
        (EventType.ORDER_PLACED, "orders"),
        (EventType.POINTS_DEDUCTED, "shipping"),
        (EventType.SHIPMENT_CREATED, "orders"),
    ):
        reaction = house.client.get_workflow_handle(f"{handle.id}/{event}/{service}")
        await reaction.result()
        history = [event async for event in reaction.fetch_history_events()]
        lengths[f"{event}/{service}"] = len(history)
    assert lengths["tracker"] <= 60, lengths
    assert all(length <= 25 for name, length in lengths.items() if name != "tracker"), lengths
