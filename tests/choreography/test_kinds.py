"""One order id belongs to one kind of saga, also before any service has heard of the order."""

from pathlib import Path

import pytest
from temporalio.client import Client

from client.errors import OrderConflict
from client.records import Records
from client.sagas import Sagas
from models.saga import SagaKind
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
        with pytest.raises(OrderConflict):  # no worker has begun it, so there is no record
            await sagas.place(order, other)
        assert (await sagas.glance(order.order_id)).kind is first
        async with open_house(engine, tmp_path / "house"):
            await house.handle(order).result()
        with pytest.raises(OrderConflict):
            await sagas.place(order, other)
        await sagas.place(order, first)
        assert (await sagas.state(order.order_id)).kind is first
