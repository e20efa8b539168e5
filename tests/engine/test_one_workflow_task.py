"""A cancel and the end of a call that reach the saga in one and the same workflow task."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle

from models.saga import SagaState, SagaStatus
from models.steps import COMPENSATABLE, Service
from tests.house import SplitHouse, open_split_house
from workflows.order_saga import OrderSaga

Handle = WorkflowHandle[OrderSaga, SagaState]
REMOTE = [step for step in COMPENSATABLE if step.service is not Service.ORDERS]


@pytest.fixture
async def split_house(engine: Client, tmp_path: Path) -> AsyncIterator[SplitHouse]:
    async with open_split_house(engine, tmp_path) as house:
        yield house


@pytest.mark.parametrize("operation", [step.activity for step in REMOTE] + ["refund_payment"])
async def test_cancel_and_the_end_of_a_call_in_one_workflow_task(
    split_house: SplitHouse, operation: str
) -> None:
    house = split_house.house
    order = house.order("same-task")
    if operation == "refund_payment":
        house.injure(order, "create_shipment", "refuse")
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        begun.set()
        await go_on.wait()

    house.services.before[order.order_id, operation] = wait
    async with split_house.workflows():
        handle = await house.place(order)
        await begun.wait()
    # Nobody takes workflow tasks now: the cancel and the call's end wait for the same one.
    await handle.cancel()
    go_on.set()
    async with asyncio.timeout(20):
        while (await handle.describe()).raw_description.pending_activities:
            await asyncio.sleep(0.02)
    async with split_house.workflows():
        state = await house.end_of(handle, order)
    assert state.status is SagaStatus.COMPENSATED
    assert await _in_one_task(handle)


async def _in_one_task(handle: Handle) -> bool:
    """Whether the cancel and the end of a call came before the same workflow task."""
    both = {
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED,
        EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED,
    }
    waiting: set[int] = set()
    async for event in handle.fetch_history_events():
        waiting.add(event.event_type)
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED:
            if both <= waiting:
                return True
            waiting.clear()
    return False
