"""What waits for a person while the worker of one service is away."""

import asyncio
from pathlib import Path

import pytest

from client.records import Records
from client.sagas import Sagas
from models.saga import SagaKind
from models.steps import Service
from runtime.connection import connect
from runtime.embedded import EmbeddedServer
from runtime.settings import Settings
from tests.house import open_house
from tests.web.api.browsing import NOBODY
from web.dashboard.waiting import read_waiting
from worker import WorkerOptions, running_workers

OTHERS = tuple(service for service in Service if service is not Service.NOTIFICATIONS)


@pytest.mark.long
async def test_what_is_parked_where_nobody_works_hides_nothing_else(tmp_path: Path) -> None:
    settings = Settings.load(home=tmp_path / "home", default_address=NOBODY)
    async with (
        EmbeddedServer.running(settings) as server,
        open_house(await connect(server), settings.home, services=OTHERS) as house,
        Records.opened(settings) as records,
    ):
        sagas = Sagas(house.client, records, settings)
        parked, quiet = house.order("parked"), house.order("quiet")
        house.injure(parked, "create_shipment", "refuse")
        house.injure(parked, "refund_payment", "refuse", times=1)
        house.injure(quiet, "send_notification", "refuse", times=1)
        options = WorkerOptions(services=(Service.NOTIFICATIONS,), faults=house.services)
        async with running_workers(settings, house.client, options):
            handle = await house.place(parked, SagaKind.CHOREOGRAPHED)
            await house.until(handle, lambda state: bool(state.interventions))
            await house.run(quiet, SagaKind.CHOREOGRAPHED)
            async with asyncio.timeout(30):  # Temporal's list lags a little
                while len((waiting := await read_waiting(sagas)).cases) < 2:
                    await asyncio.sleep(0.1)
        assert waiting.untold is None
        assert [(each.case.order_id, each.order_ended) for each in waiting.cases] == [
            (parked.order_id, False),
            (quiet.order_id, True),
        ]
        alone = await read_waiting(sagas)
        assert alone.untold is None
        assert [each.case.order_id for each in alone.cases] == [parked.order_id, quiet.order_id]
        assert "does not answer" in alone.cases[1].case.last_error
