"""What the audit finds out about choreographed orders, on a real server with real reactions."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from audit import stores as audit_stores
from audit.auditor import audit
from audit.patience import Patience
from audit.report import AuditReport
from models.saga import SagaKind, SagaStatus
from runtime.connection import connect
from runtime.embedded import EmbeddedServer
from runtime.settings import Settings
from tests.engine.test_history_tricks import reset
from tests.house import House, open_house

QUICK = Patience(settle=timedelta(seconds=0.5), slow=timedelta(0), poll=timedelta(seconds=15))
LETTER = "order-{order}/PaymentFailed/inventory"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("house")


@pytest.fixture(scope="module")
async def house(folder: Path) -> AsyncIterator[House]:
    """With a server of its own: the audit looks at every order that Temporal has."""
    async with EmbeddedServer.running(Settings.load(home=folder)) as server:
        client = await connect(server)
        async with open_house(client, folder) as house:
            yield house


async def audited(house: House, folder: Path) -> AuditReport:
    async with audit_stores.opened(Settings.load(home=folder)) as stores:
        return await audit(stores, house.client, patience=QUICK)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await condition():
            await asyncio.sleep(0.1)


async def test_sound_choreographed_orders_break_no_rule(house: House, folder: Path) -> None:
    """Ended in every way, under way, and parked."""
    for name, injuries in (
        ("completed", ()),
        ("refused", (("create_order", "refuse", 1),)),
        ("undone", (("create_shipment", "refuse", 1),)),
        ("unknown", (("process_payment", "lose_reply", -1),)),
        ("silent", (("send_notification", "refuse", 1),)),
    ):
        order = house.order(name)
        for operation, kind, times in injuries:
            house.injure(order, operation, kind, times=times)
        await house.run(order, SagaKind.CHOREOGRAPHED, step_seconds=1)
    parked = house.order("parked", payment_token="tok_declined")
    house.injure(parked, "release_inventory", "refuse")
    handle = await house.place(parked, SagaKind.CHOREOGRAPHED)
    await house.until(handle, lambda state: bool(state.interventions))

    async def both_letters_are_counted() -> bool:
        return (await audited(house, folder)).open_interventions == 2

    await until(both_letters_are_counted)
    report = await audited(house, folder)
    assert report.findings == ()
    await house.client.get_workflow_handle(LETTER.format(order=parked.order_id)).execute_update(
        "redrive", {"actor": "jimin", "reason": "mended"}
    )
    assert (await house.end_of(handle, parked)).status is SagaStatus.COMPENSATED


async def until_found(house: House, folder: Path, **figures: str) -> None:
    """Wait until an audit says that events do not go on, with these figures."""

    async def found() -> bool:
        findings = (await audited(house, folder)).findings
        return any(
            finding.rule == "events_go_on" and figures.items() <= finding.figures.items()
            for finding in findings
        )

    await until(found)


async def test_chain_that_was_cut_is_found_and_goes_on_after_a_reset(
    house: House, folder: Path
) -> None:
    order = house.order("cut", payment_token="tok_declined")
    house.injure(order, "release_inventory", "refuse")
    handle = await house.place(order, SagaKind.CHOREOGRAPHED)
    await house.until(handle, lambda state: bool(state.interventions))
    cut = LETTER.format(order=order.order_id)
    await house.client.get_workflow_handle(cut).terminate("a test")
    await until_found(house, folder, cut_short=cut)
    await reset(house.client, cut)
    assert (await house.end_of(handle, order)).status is SagaStatus.COMPENSATED
    assert (await audited(house, folder)).findings == ()


async def test_undo_that_nobody_heard_of_is_found_and_told_again_by_a_reset(
    house: House, folder: Path
) -> None:
    """The reaction that closes the order is reset by somebody who leaves out what it was told."""
    order = house.order("unheard", payment_token="tok_declined")
    house.injure(order, "cancel_order", "refuse")
    handle = await house.place(order, SagaKind.CHOREOGRAPHED)
    await house.until(handle, lambda state: bool(state.interventions))
    undo, closing = LETTER.format(order=order.order_id), f"{handle.id}/PaymentFailed/orders"
    await reset(house.client, closing, without_signals=True)
    await until_found(house, folder, unheard=undo, cut_short="none")
    await reset(house.client, undo)
    assert (await house.end_of(handle, order)).status is SagaStatus.COMPENSATED
    assert (await audited(house, folder)).findings == ()


async def test_notification_that_was_cut_short_is_found_when_the_order_has_ended(
    house: House, folder: Path
) -> None:
    order = house.order("unnotified")
    house.injure(order, "send_notification", "refuse")
    state = await house.run(order, SagaKind.CHOREOGRAPHED)
    assert state.status is SagaStatus.COMPLETED
    cut = f"{state.saga_id}/OrderCompleted/notifications"
    await house.client.get_workflow_handle(cut).terminate("a test")
    await until_found(house, folder, cut_short=cut)
    await reset(house.client, cut)
    assert await house.client.get_workflow_handle(cut).result() == "NotificationSent"
    assert (await audited(house, folder)).findings == ()


async def test_chain_of_which_nothing_runs_is_found(house: House, folder: Path) -> None:
    order = house.order("gone")
    house.injure(order, "reserve_inventory", "delay", seconds=3)
    handle = await house.place(order, SagaKind.CHOREOGRAPHED)
    await house.until(handle, lambda state: bool(state.executed_steps))
    await house.client.get_workflow_handle(f"{handle.id}/OrderCreated/inventory").terminate()
    await until_found(house, folder)
    await handle.terminate("a test")
    rules = {finding.rule for finding in (await audited(house, folder)).findings}
    assert "open_order_has_a_running_workflow" in rules
