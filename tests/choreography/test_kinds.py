"""One order id belongs to one kind of saga, also before any service has heard of the order."""

import asyncio
from pathlib import Path

import pytest
from temporalio.client import Client

from client.errors import OrderConflict, SagaCutShort
from client.records import Records
from client.sagas import Sagas
from models.saga import SagaKind, SagaStatus
from tests.house import closed_house, open_house


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
    async with (
        open_house(engine, tmp_path / "house") as house,
        closed_house(engine, tmp_path / "house") as (_, settings),
        Records.opened(settings) as records,
    ):
        sagas = Sagas(engine, records, settings)
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
