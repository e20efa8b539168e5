"""Fault injection: what a fault file may say, and that it happens as often as it says."""

import asyncio
import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from models.errors import RefusedByFault, ServiceFailure
from models.steps import Service
from services.database import Database
from services.faults import FaultFileError, Faults
from services.points.service import PointsService
from tests.databases import Stores
from tests.services.cases import service_over
from tests.services.ledgers import balance
from tests.services.orders import CUSTOMER, deducting, order, undoing

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def store(sqlite_stores: Stores) -> Database:
    return await sqlite_stores.open(Service.POINTS)


@pytest.fixture
async def points(store: Database) -> PointsService:
    service: PointsService = await service_over(store, Service.POINTS)
    return service


def faults(folder: Path, *document: dict[str, Any]) -> Faults:
    path = folder / "faults.json"
    path.write_text(json.dumps(document))
    return Faults.load(path, folder / "faults.db")


def fault(kind: str, **more: Any) -> dict[str, Any]:
    return {"operation": "deduct_points", "kind": kind, **more}


@pytest.mark.parametrize(
    ("kind", "error", "left"),
    [
        ("refuse", RefusedByFault, 1000),
        ("fail", ServiceFailure, 1000),
        ("lose_reply", ServiceFailure, 990),
    ],
)
async def test_strikes_before_or_after_the_effect_and_then_no_more(
    kind: str,
    error: type[Exception],
    left: int,
    points: PointsService,
    store: Database,
    tmp_path: Path,
) -> None:
    faulty = faults(tmp_path, fault(kind)).wrap(points)
    with pytest.raises(error, match="fault file"):
        await faulty.deduct_points(deducting(order()))
    assert await balance(store, CUSTOMER.customer_id) == left
    await faulty.deduct_points(deducting(order()))
    assert await balance(store, CUSTOMER.customer_id) == 990


@pytest.mark.parametrize("kind", ["delay", "delay_reply"])
async def test_delays(kind: str, points: PointsService, store: Database, tmp_path: Path) -> None:
    faulty = faults(tmp_path, fault(kind, seconds=0.2)).wrap(points)
    before = time.monotonic()
    await faulty.deduct_points(deducting(order()))
    assert time.monotonic() - before >= 0.2
    assert await balance(store, CUSTOMER.customer_id) == 990


async def test_counts_for_each_order_and_operation(points: PointsService, tmp_path: Path) -> None:
    both = faults(
        tmp_path,
        fault("fail", times=2, order_id="ORD-1*"),
        fault("refuse", operation="restore_points", times=-1),
    )
    faulty = both.wrap(points)
    for order_id in ("ORD-1", "ORD-10"):
        for _ in range(2):
            with pytest.raises(ServiceFailure):
                await faulty.deduct_points(deducting(order(order_id)))
        await faulty.deduct_points(deducting(order(order_id)))
    await faulty.deduct_points(deducting(order("ORD-2")))
    for _ in range(5):
        with pytest.raises(RefusedByFault):
            await faulty.restore_points(undoing(order()))


async def test_strikes_about_as_often_as_it_is_probable(
    points: PointsService, tmp_path: Path
) -> None:
    faulty = faults(tmp_path, fault("fail", times=-1, probability=0.3)).wrap(points)
    results = await asyncio.gather(
        *(faulty.deduct_points(deducting(order())) for _ in range(200)), return_exceptions=True
    )
    assert 30 < sum(isinstance(result, ServiceFailure) for result in results) < 90


async def test_touches_nothing_but_operations(
    points: PointsService, store: Database, tmp_path: Path
) -> None:
    faulty = faults(tmp_path, fault("fail", times=-1)).wrap(points)
    await faulty.enrol_customers([CUSTOMER.model_copy(update={"customer_id": "CUST-2"})])
    assert await balance(store, "CUST-2") == 1000


DEDUCT = """
import asyncio, sys
from pathlib import Path
from models.calls import DeductPointsInput
from services.database import Database
from services.faults import Faults
from services.points.service import PointsService
async def main():
    folder = Path(sys.argv[2])
    database = Database(sys.argv[1])
    faults = Faults.load(folder / "faults.json", folder / "faults.db")
    service = faults.wrap(PointsService(database))
    await service.deduct_points(
        DeductPointsInput(order_id="ORD-1", customer_id="CUST-1", points=10)
    )
    await database.close()
asyncio.run(main())
"""


@pytest.mark.parametrize(("kind", "left"), [("crash", 1000), ("crash_after", 990)])
async def test_crashes_once_and_what_was_committed_stays(
    kind: str, left: int, sqlite_stores: Stores, tmp_path: Path
) -> None:
    url = await sqlite_stores.url(Service.POINTS)
    store = await sqlite_stores.open(Service.POINTS, url)
    await service_over(store, Service.POINTS)
    faults(tmp_path, fault(kind))
    assert await _deduct(url, tmp_path) == -signal.SIGKILL
    assert await balance(store, CUSTOMER.customer_id) == left
    assert await _deduct(url, tmp_path) == 0
    assert await balance(store, CUSTOMER.customer_id) == 990


async def _deduct(url: str, folder: Path) -> int:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", DEDUCT, url, str(folder), cwd=ROOT
    )
    return await process.wait()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("{}", "must be a list"),
        ('[{"operation": "fly", "kind": "fail"}]', "fault 1: operation: no operation is called"),
        ('[{"operation": "deduct_points", "kind": "explode"}]', "fault 1: kind: Input should be"),
        ('[{"operation": "deduct_points"}]', "fault 1: kind: Field required"),
        ('[{"operation": "deduct_points", "kind": "fail", "when": 1}]', "fault 1: when: Extra"),
        ('[{"operation": "deduct_points", "kind": "fail", "times": 0}]', "times: must be 1 or"),
        ('[{"operation": "deduct_points", "kind": "fail", "times": "2"}]', "times: Input should"),
        ('[{"operation": "deduct_points", "kind": "fail", "probability": 1.5}]', "probability: "),
        ('[{"operation": "deduct_points", "kind": "fail", "probability": NaN}]', "probability: "),
        ('[{"operation": "deduct_points", "kind": "delay", "seconds": -1}]', "seconds: Input"),
        ('[{"operation": "deduct_points", "kind": "delay", "seconds": Infinity}]', "seconds: "),
        ('[{"operation": "deduct_points", "kind": "fail"}, 7]', "fault 2: Input should be"),
    ],
)
def test_says_in_one_line_what_is_wrong_with_a_fault_file(
    text: str, why: str, tmp_path: Path
) -> None:
    path = tmp_path / "faults.json"
    path.write_text(text)
    with pytest.raises(FaultFileError, match=why) as wrong:
        Faults.load(path, tmp_path / "faults.db")
    assert "\n" not in str(wrong.value)


def test_says_so_when_there_is_no_fault_file(tmp_path: Path) -> None:
    with pytest.raises(FaultFileError, match="cannot be read: No such file"):
        Faults.load(tmp_path / "faults.json", tmp_path / "faults.db")
