"""The audit as people run it, and as its schedule does."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from runtime.connection import connect, embedded_server
from runtime.settings import Settings
from tests.starter.programs import Starter, worker

FAULTS = [{"operation": "deduct_points", "kind": "delay", "order_id": "CUT-*", "seconds": 4}]
SECONDS = 30


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Starter, Path]]:
    """A data folder that is audited every second, and its worker's log."""
    folder = tmp_path_factory.mktemp("audited")
    faults = folder / "faults.json"
    faults.write_text(json.dumps(FAULTS))
    variables = {"ORDER_SAGA_AUDIT_EVERY": "1"}
    with worker(folder / "home", "--faults", str(faults), **variables) as log:
        yield Starter(folder / "home"), log


async def temporal(starter: Starter) -> Client:
    server = embedded_server(Settings.load(home=starter.home))
    assert server is not None
    return await connect(server)


def until_logged(log: Path, text: str, since: int) -> None:
    """Wait until the worker's log says this in what came after its first `since` characters."""
    deadline = time.monotonic() + SECONDS
    while text not in log.read_text()[since:]:
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.1)


def test_audit_of_sound_orders_finds_nothing(
    audited: tuple[Starter, Path], order: Callable[..., dict[str, Any]]
) -> None:
    starter, log = audited
    assert starter.place(order()).exit_code == 0
    assert starter.place(order(payment_token="tok_declined")).exit_code == 1
    audit = starter.run("audit", "--json")
    assert audit.exit_code == 0, audit.stdout
    assert audit.json["finding_count"] == 0
    assert audit.json["orders"] == {"COMPLETED": 1, "COMPENSATED": 1}
    until_logged(log, "the audit found nothing", since=0)


def test_audit_without_a_store_says_which_and_gives_no_result(
    audited: tuple[Starter, Path], order: Callable[..., dict[str, Any]]
) -> None:
    starter, _ = audited
    stores = {"ORDER_SAGA_DATABASE_URL": f"sqlite:///{starter.home}/missing-{{service}}.db"}
    audit = starter.run("audit", **stores)
    assert audit.exit_code == 3
    assert "orders" in audit.stderr
    assert audit.stdout == ""


async def test_audit_names_the_effects_of_a_terminated_order(
    audited: tuple[Starter, Path], order: Callable[..., dict[str, Any]]
) -> None:
    starter, log = audited
    document = order("CUT")
    assert starter.place(document, "--detach").exit_code == 0
    client = await temporal(starter)
    handle = client.get_workflow_handle(f"order-{document['order_id']}")
    while (await handle.query("state"))["current_step"] != "DEDUCTING_POINTS":
        time.sleep(0.05)
    since = len(log.read_text())
    await handle.terminate("a test")
    audit = starter.run("audit", "--json")
    assert audit.exit_code == 5
    findings = [f for f in audit.json["findings"] if f["order_id"] == document["order_id"]]
    assert findings
    told = starter.run("audit")
    assert told.exit_code == 5
    assert document["order_id"] in told.stdout
    until_logged(log, "the audit found something", since)
