"""One service's worker that is stopped or killed: its reactions wait, everything else goes on."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.client import Client

from client.dead_letters import open_dead_letters
from client.observation import waiting_tasks
from models.events import DeadLetter
from models.order import Order
from models.saga import SagaKind, SagaState, SagaStatus
from models.steps import Service, Step
from runtime.settings import Settings
from tests.engine.workers import Workers
from tests.house import House, open_house
from worker import WorkerOptions, running_workers

CHOREOGRAPHED = SagaKind.CHOREOGRAPHED
OTHERS = tuple(service for service in Service if service is not Service.PAYMENTS)
KILLING = [
    {"operation": operation, "kind": kind, "order_id": f"*-{kind}-{operation}"}
    for operation in ("process_payment", "refund_payment")
    for kind in ("crash", "crash_after")
]


@pytest.fixture
async def house(engine: Client, tmp_path: Path) -> AsyncIterator[House]:
    """A house where nobody works for the payments service."""
    async with open_house(engine, tmp_path / "house", services=OTHERS) as house:
        yield house


async def waits_for_payments(house: House, order: Order) -> None:
    """Returns when the order's next reaction lies in the queue that nobody polls."""
    handle = house.client.get_workflow_handle(f"order-{order.order_id}/InventoryReserved/payments")
    await house.until(
        house.handle(order), lambda state: Step.INVENTORY_RESERVED in state.executed_steps
    )
    async with asyncio.timeout(30):
        while [task.task_queue for task in waiting_tasks(await handle.describe())] != ["payments"]:
            await asyncio.sleep(0.05)


async def outage(house: House, tmp_path: Path, seconds: float) -> list[SagaState]:
    orders = [house.order("outage") for _ in range(3)]
    handles = [await house.place(order, CHOREOGRAPHED) for order in orders]
    for order in orders:
        await waits_for_payments(house, order)
    await asyncio.sleep(seconds)
    settings = Settings.load(home=tmp_path / "house")
    options = WorkerOptions(services=(Service.PAYMENTS,), faults=house.services)
    async with running_workers(settings, house.client, options):
        states = [await house.state_at_end(handle) for handle in handles]
    for order, state in zip(orders, states, strict=True):
        await house.check_books(order, state)
    return states


async def test_only_the_reactions_of_a_stopped_service_wait(house: House, tmp_path: Path) -> None:
    states = await outage(house, tmp_path, 0)
    assert [state.status for state in states] == [SagaStatus.COMPLETED] * 3


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_orders_finish_after_an_outage_of_half_a_minute(house: House, tmp_path: Path) -> None:
    states = await outage(house, tmp_path, 30)
    assert [state.status for state in states] == [SagaStatus.COMPLETED] * 3
    assert all(state.warnings == [] for state in states)


async def test_dead_letters_of_a_stopped_service_are_listed_beside_the_others(
    engine: Client, house: House, tmp_path: Path
) -> None:
    order = house.order("letters")
    house.injure(order, "create_shipment", "refuse")
    for operation in ("refund_payment", "restore_points"):
        house.injure(order, operation, "refuse")
    settings = Settings.load(home=tmp_path / "house")
    options = WorkerOptions(services=(Service.PAYMENTS,), faults=house.services)
    async with running_workers(settings, house.client, options):
        handle = await house.place(order, CHOREOGRAPHED)
        await house.until(handle, lambda state: len(state.interventions) == 2)
    async with asyncio.timeout(40):
        found: dict[Service, DeadLetter] = {}
        while len(found) < 2:
            letters = await open_dead_letters(house.client)
            found = {each.service: each for each in letters if each.order_id == order.order_id}
    assert {each.call: each.answered for each in found.values()} == {
        "refund_payment": False,
        "restore_points": True,
    }
    assert found[Service.PAYMENTS].event_type == "ShipmentFailed"
    assert "payments does not answer" in found[Service.PAYMENTS].last_error
    await handle.terminate("a test")


@pytest.mark.long
async def test_order_ends_without_a_worker_for_notifications(
    engine: Client, tmp_path: Path
) -> None:
    others = tuple(service for service in Service if service is not Service.NOTIFICATIONS)
    async with open_house(engine, tmp_path / "other", services=others) as house:
        order = house.order("nobody-notifies")
        # Far shorter than the notification's time: that is no silence.
        handle = await house.place(order, CHOREOGRAPHED, deadline_seconds=15)
        state = await house.state_at_end(handle)
    assert (state.status, state.current_step) == (SagaStatus.COMPLETED, "COMPLETED")
    assert state.warnings == ["send_notification: nothing was heard of it for 30 s"]


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ("process_payment", "crash_after"),
        ("refund_payment", "crash_after"),
        pytest.param("process_payment", "crash", marks=pytest.mark.long),
        pytest.param("refund_payment", "crash", marks=pytest.mark.long),
    ],
)
async def test_order_ends_right_when_one_services_worker_is_killed(
    engine: Client, house: House, tmp_path: Path, operation: str, kind: str
) -> None:
    order = house.order(f"{kind}-{operation}")
    if operation == "refund_payment":
        house.injure(order, "create_shipment", "refuse")
    settings = Settings.load(home=tmp_path / "house")
    address = engine.service_client.config.target_host
    async with Workers(settings, address, KILLING, Service.PAYMENTS) as payments:
        handle = await house.place(order, CHOREOGRAPHED)
        await payments.until_dead()
        await payments.start()
        state = await house.end_of(handle, order)
    undone = operation == "refund_payment"
    assert state.status is (SagaStatus.COMPENSATED if undone else SagaStatus.COMPLETED)
    assert state.interventions == []
