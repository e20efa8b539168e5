"""Commands that bring their own server and workers, on a folder where nothing runs."""

from collections.abc import Callable
from typing import Any

from runtime.server_record import running_server
from tests.starter.programs import ROOT, Starter

MakeOrder = Callable[..., dict[str, Any]]


def test_demonstration_completes_one_order_and_undoes_another(alone: Starter) -> None:
    first = alone.run(COLUMNS="80")
    assert first.exit_code == 0, first.stderr
    assert "COMPLETED after" in first.stdout
    assert "COMPENSATED after" in first.stdout
    table = first.stdout.partition("sample order")[2]
    assert "90.00 USD" in table
    assert "then released" in table
    assert table.count("/namespaces/default/workflows/order-ORD-") == 2
    assert "\x1b" not in first.stdout
    assert running_server(alone.home) is None
    again = alone.run(COLUMNS="80")
    assert again.exit_code == 0
    assert again.stdout.splitlines()[0] != first.stdout.splitlines()[0]


def test_place_ends_the_server_that_it_brought(alone: Starter) -> None:
    outcome = alone.run("place", str(ROOT / "examples" / "order.json"), "--json")
    assert outcome.exit_code == 0
    assert outcome.json["status"] == "COMPLETED"
    assert running_server(alone.home) is None


def test_order_placed_and_left_is_ended_by_the_next_workers(
    alone: Starter, order: MakeOrder
) -> None:
    placed = order()
    detached = alone.place(placed, "--detach")
    assert detached.exit_code == 0
    assert "goes on when a worker runs" in detached.stderr
    outcome = alone.place(placed, "--json")
    assert outcome.exit_code == 0
    assert outcome.json["order_id"] == placed["order_id"]
