"""Zombies: a call that everybody has given up reaches its service after its own undo."""

import asyncio

import pytest

from models.saga import SagaStatus
from models.steps import COMPENSATABLE, Compensatable, Service
from services.operations import operation_key
from tests.house import House
from tests.services import ledgers

REMOTE = [step for step in COMPENSATABLE if step.service is not Service.ORDERS]


@pytest.mark.parametrize("step", REMOTE, ids=lambda step: step.activity)
async def test_call_that_arrives_after_its_undo_is_fenced_and_counted(
    house: House, step: Compensatable
) -> None:
    order = house.order("zombie")
    undone = asyncio.Event()

    async def freeze() -> None:
        """Like a process that was suspended: it learns neither of its timeout nor of a cancel."""
        while not undone.is_set():
            try:
                await undone.wait()
            except asyncio.CancelledError:
                continue

    house.services.before[order.order_id, step.activity] = freeze
    # The attempt is timed out at the end of the step's time, so there is no second one.
    state = await house.run(order, step_seconds=1)
    assert state.status is SagaStatus.COMPENSATED
    assert state.error_code is step.failed
    assert state.compensated_steps[0] is step.step
    assert step.step not in state.executed_steps

    undone.set()
    key = operation_key(order.order_id, step.activity)
    async with asyncio.timeout(20):
        while (await ledgers.operation(house.stores[step.service], key)).fenced_calls == 0:
            await asyncio.sleep(0.02)
    await house.check_books(order, state)
