"""Workers that die in the middle of an order: it ends right all the same, each step once."""

import asyncio
import statistics
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.client import Client, WorkflowHandle

from models.saga import SagaState, SagaStatus
from models.steps import STEPS
from runtime.settings import Settings
from tests.engine.workers import Workers
from tests.house import House, closed_house
from workflows.order_saga import OrderSaga

FORWARD = [step.activity for step in STEPS]
UNDOS = ["restore_points", "refund_payment", "release_inventory", "cancel_order"]
KINDS = ["crash", "crash_after"]
EVERY = [(operation, kind) for operation in FORWARD + UNDOS for kind in KINDS]
SOME = [("process_payment", "crash_after"), ("complete_order", "crash_after")]
FAULTS = [
    *(
        {"operation": operation, "kind": kind, "order_id": f"*-{kind}-{operation}*"}
        for operation, kind in EVERY
    ),
    *(
        {"operation": "create_shipment", "kind": "refuse", "order_id": f"*-{undo}"}
        for undo in UNDOS
    ),
    {"operation": "create_shipment", "kind": "delay", "seconds": 1.0, "order_id": "*-drain"},
]


@pytest.fixture
async def house(engine: Client, tmp_path: Path) -> AsyncIterator[House]:
    """Stores and a server, but no workers in this process."""
    async with closed_house(engine, tmp_path / "house") as (house, _):
        yield house


@pytest.fixture
async def workers(engine: Client, house: House, tmp_path: Path) -> AsyncIterator[Workers]:
    """All workers, in a process that may die."""
    settings = Settings.load(home=tmp_path / "house")
    async with Workers(settings, engine.service_client.config.target_host, FAULTS) as workers:
        yield workers


async def survive(house: House, workers: Workers, operation: str, kind: str) -> SagaState:
    """Send an order through a worker that dies in this operation and is started again."""
    order = house.order(f"{kind}-{operation}")
    handle = await house.place(order)
    await workers.until_dead()
    await workers.start()
    return await house.end_of(handle, order)


@pytest.mark.parametrize(("operation", "kind"), SOME)
async def test_order_ends_right_when_its_worker_is_killed(
    house: House, workers: Workers, operation: str, kind: str
) -> None:
    state = await survive(house, workers, operation, kind)
    assert state.status is SagaStatus.COMPLETED
    assert len(state.executed_steps) == 7


@pytest.mark.parametrize("by", ["cancel", "deadline"])
async def test_completed_order_is_not_undone_though_its_worker_died_at_the_pivot(
    house: House, workers: Workers, by: str
) -> None:
    order = house.order("crash_after-complete_order")
    handle = await house.place(order, deadline_seconds=900 if by == "cancel" else 3)
    await workers.until_dead()
    assert (await house.record(order)).status == "COMPLETED"
    if by == "cancel":
        await handle.cancel()
    else:
        await asyncio.sleep(4)  # the deadline passes while nobody works
    await workers.start()
    state = await house.end_of(handle, order)
    assert state.status is SagaStatus.COMPLETED
    assert state.error_code is None


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_order_ends_right_wherever_its_worker_is_killed(
    house: House, workers: Workers
) -> None:
    for operation, kind in EVERY:
        state = await survive(house, workers, operation, kind)
        undone = operation in UNDOS
        assert state.status is (SagaStatus.COMPENSATED if undone else SagaStatus.COMPLETED)


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_next_step_follows_soon_after_a_kill(
    house: House, workers: Workers, capsys: pytest.CaptureFixture[str]
) -> None:
    delays = []
    for number in range(21):
        step = STEPS[1 + number % 3]
        following = STEPS[STEPS.index(step) + 1]
        order = house.order(f"crash-{step.activity}")
        handle = await house.place(order)
        await workers.until_dead()
        died = datetime.now(UTC)
        await workers.start()
        await house.end_of(handle, order)
        delays.append((await scheduled_at(handle, following.activity) - died).total_seconds())
    with capsys.disabled():
        print(  # noqa: T201 -- the figure is what the test is for
            f"\nkill to next step: p50 {statistics.median(delays):.1f} s, max {max(delays):.1f} s"
        )
    assert statistics.median(delays) <= 6
    assert max(delays) <= 10


async def test_terminated_worker_finishes_what_it_has_begun(
    house: House, workers: Workers, capsys: pytest.CaptureFixture[str]
) -> None:
    order = house.order("drain")
    handle = await house.place(order)
    await house.until(handle, lambda state: state.current_step == "CREATING_SHIPMENT")
    await until_begun(handle)
    seconds = await workers.stop()
    await workers.start()
    state = await house.end_of(handle, order)
    assert state.status is SagaStatus.COMPLETED
    with capsys.disabled():
        print(  # noqa: T201 -- a figure that is reported
            f"\nSIGTERM with a call of 1 s under way: ended after {seconds:.1f} s"
        )
    assert await attempts(handle, "create_shipment") == 1


async def until_begun(handle: WorkflowHandle[OrderSaga, SagaState]) -> None:
    """Wait until a worker has the call that is under way in hand."""
    async with asyncio.timeout(30):
        while True:
            calls = (await handle.describe()).raw_description.pending_activities
            if any(
                call.state == PendingActivityState.PENDING_ACTIVITY_STATE_STARTED for call in calls
            ):
                return
            await asyncio.sleep(0.02)


async def scheduled_at(handle: WorkflowHandle[OrderSaga, SagaState], activity: str) -> datetime:
    async for event in handle.fetch_history_events():
        attributes = event.activity_task_scheduled_event_attributes
        if attributes.activity_type.name == activity:
            return event.event_time.ToDatetime(tzinfo=UTC)
    raise AssertionError(f"{activity} was not scheduled")


async def attempts(handle: WorkflowHandle[OrderSaga, SagaState], activity: str) -> int:
    """How often the server had the activity started."""
    scheduled: set[int] = set()
    async for event in handle.fetch_history_events():
        if event.activity_task_scheduled_event_attributes.activity_type.name == activity:
            scheduled.add(event.event_id)
        started = event.activity_task_started_event_attributes
        if started.scheduled_event_id in scheduled:
            return started.attempt
    raise AssertionError(f"{activity} was not started")
