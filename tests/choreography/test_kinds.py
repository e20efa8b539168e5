"""One order id belongs to one kind of saga, also before any service has heard of the order."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from temporalio.client import Client

from client.actions import Action
from client.errors import OrderConflict, SagaCutShort
from client.operators import ActionRefused, Operators
from client.records import Records
from client.sagas import Sagas
from models.saga import OperatorAction, SagaKind, SagaStatus
from runtime.program import ExitCode
from tests.house import House, closed_house, open_house
from tests.servers import server_in_memory

WHO = OperatorAction(actor="jimin", reason="customer asked")


@asynccontextmanager
async def opened(engine: Client, folder: Path) -> AsyncIterator[tuple[House, Sagas]]:
    async with (
        open_house(engine, folder) as house,
        closed_house(engine, folder) as (_, settings),
        Records.opened(settings) as records,
    ):
        yield house, Sagas(engine, records, settings)


@pytest.mark.parametrize("first", SagaKind)
async def test_order_id_belongs_to_the_kind_that_was_placed_first(
    engine: Client, tmp_path: Path, first: SagaKind
) -> None:
    (other,) = set(SagaKind) - {first}
    async with (
        closed_house(engine, tmp_path / "house") as (house, settings),
        Records.opened(settings) as records,
    ):
        sagas = Sagas(engine, records, settings)
        order = house.order("kinds")
        await sagas.place(order, first)
        with pytest.raises(
            OrderConflict, match=f"is {first}"
        ):  # no worker has begun it, so there is no record
            await sagas.place(order, other)
        assert (await sagas.glance(order.order_id)).kind is first
        async with open_house(engine, tmp_path / "house"):
            await house.handle(order).result()
        with pytest.raises(OrderConflict, match=f"is {first}"):
            await sagas.place(order, other)
        await sagas.place(order, first)
        assert (await sagas.state(order.order_id)).kind is first


async def test_order_whose_tracker_was_terminated_is_answered_from_its_record(
    engine: Client, tmp_path: Path
) -> None:
    async with opened(engine, tmp_path / "house") as (house, sagas):
        order = house.order("terminated")
        house.injure(order, "reserve_inventory", "delay", seconds=2)
        await sagas.place(order, SagaKind.CHOREOGRAPHED)
        await house.until_called(order, "reserve_inventory", 1)
        await house.handle(order).terminate("a test")
        with pytest.raises(SagaCutShort, match="its services go on"):
            await sagas.state(order.order_id)
        async with asyncio.timeout(30):
            while (await house.record(order)).status != SagaStatus.COMPLETED:
                await asyncio.sleep(0.05)
        assert (await sagas.state(order.order_id)).status is SagaStatus.COMPLETED
        seen = [each.state.status async for each in sagas.follow(order.order_id)]
        assert seen == [SagaStatus.COMPLETED]


async def test_completed_order_that_still_listens_is_refused_as_completed(
    engine: Client, tmp_path: Path
) -> None:
    async with opened(engine, tmp_path / "house") as (house, sagas):
        order = house.order("listening")
        notified = asyncio.Event()

        async def wait() -> None:
            await notified.wait()

        house.services.before[order.order_id, "send_notification"] = wait
        await sagas.place(order, SagaKind.CHOREOGRAPHED)
        await house.until(house.handle(order), lambda state: state.status is SagaStatus.COMPLETED)
        for action in (Action.CANCEL, Action.HOLD):
            with pytest.raises(ActionRefused) as refused:
                await Operators(sagas).act(action, order.order_id, WHO, request_id=action)
            assert refused.value.code == "ORDER_ALREADY_COMPLETED"
            assert refused.value.exit_code == ExitCode.REFUSED
        notified.set()
        state = await house.end_of(house.handle(order), order)
        assert (state.status, state.warnings) == (SagaStatus.COMPLETED, [])


@pytest.mark.parametrize(
    ("injuries", "status"),
    [
        ([("complete_order", "refuse")], SagaStatus.COMPLETED),
        # The pieces are back: they are refused to the second run, which undoes everything.
        ([("deduct_points", "refuse"), ("refund_payment", "refuse")], SagaStatus.COMPENSATED),
    ],
)
async def test_order_that_temporal_forgot_ends_when_it_is_placed_again(
    engine: Client, tmp_path: Path, injuries: list[tuple[str, str]], status: SagaStatus
) -> None:
    async with opened(engine, tmp_path / "house") as (house, sagas):
        order = house.order("forgotten")
        for operation, kind in injuries:
            house.injure(order, operation, kind)
        await sagas.place(order, SagaKind.CHOREOGRAPHED)
        state = await house.until(house.handle(order), lambda state: bool(state.interventions))
        for forgotten in (state.saga_id, state.interventions[0].dead_letter):
            await house.client.get_workflow_handle(str(forgotten)).terminate("a test")
    async with server_in_memory() as client, opened(client, tmp_path / "house") as (house, sagas):
        await sagas.place(order, SagaKind.CHOREOGRAPHED)
        state = await house.end_of(house.handle(order), order)
        assert state.status is status
        assert (await house.record(order)).status == status
