"""How the command line is left: Ctrl-C, readers that go away, nothing reachable, help."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from runtime.server_record import running_server
from tests.starter.programs import ROOT, Starter, environment, worker

MakeOrder = Callable[..., dict[str, Any]]
EXAMPLE = str(ROOT / "examples" / "order.json")


def test_ctrl_c_leaves_the_order_to_the_workers(starter: Starter, order: MakeOrder) -> None:
    placed = order("SLOW")
    with starter.running("place", "-", typed=json.dumps(placed).encode()) as process:
        assert process.stdout is not None
        while b"ORDER_CREATED" not in (line := process.stdout.readline()):
            assert line, "it ended before the order was created"
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=10)
    assert process.returncode == 130
    assert f"order {placed['order_id']} is stored and goes on" in stderr.decode()
    assert "Traceback" not in stderr.decode()
    assert starter.run("watch", placed["order_id"]).exit_code == 0


@pytest.mark.parametrize(
    ("program", "loading"),
    [
        # Each half-way through what it loads before it listens.
        (["worker.py"], "temporal_sdk_bridge"),
        (["starter.py", "list"], "pydantic_core"),
        (["-m", "web"], "pydantic_core"),
    ],
)
def test_ctrl_c_while_a_program_loads_shows_no_traceback(
    alone: Starter, program: list[str], loading: str
) -> None:
    process = subprocess.Popen(
        [sys.executable, *program],
        cwd=ROOT,
        env=environment(alone.home),
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    until = time.monotonic() + 30
    while not any(loading in each.path for each in _maps(process.pid)):
        assert time.monotonic() < until
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert "Traceback" not in stderr.decode()
    assert process.returncode in (-signal.SIGINT, 130, 0)


def _maps(pid: int) -> list[Any]:
    return list(psutil.Process(pid).memory_maps())


def test_reader_that_leaves_early_sees_no_traceback(starter: Starter) -> None:
    for command in ("list", "list --json --limit 1000"):
        pipeline = f"{sys.executable} starter.py {command} | head -n 1; exit ${{PIPESTATUS[0]}}"
        ended = subprocess.run(
            ["bash", "-c", pipeline],
            cwd=ROOT,
            env=environment(starter.home),
            capture_output=True,
            check=False,
        )
        assert ended.returncode in (0, 141)
        assert ended.stderr == b""


@pytest.mark.parametrize("command", [["place", EXAMPLE], ["show", "ORD-1"], ["list"], []])
def test_unreachable_server_is_named_within_15_s(alone: Starter, command: list[str]) -> None:
    outcome = alone.run(*command, TEMPORAL_ADDRESS="127.0.0.1:1")
    assert outcome.exit_code == 3
    assert outcome.seconds < 15
    assert "127.0.0.1:1" in outcome.stderr
    assert outcome.stdout == ""


def test_commands_that_only_look_bring_no_server_along(alone: Starter) -> None:
    for command in (["show", "ORD-1"], ["watch", "ORD-1"], ["list"]):
        outcome = alone.run(*command)
        assert outcome.exit_code == 3
        assert "no Temporal server" in outcome.stderr
    assert running_server(alone.home) is None


def test_unreachable_store_is_named_and_nothing_is_stored(
    starter: Starter, order: MakeOrder
) -> None:
    placed = order()
    url = "postgresql://user:secret@127.0.0.1:1/{service}"
    outcome = starter.place(placed, ORDER_SAGA_DATABASE_URL=url)
    assert outcome.exit_code == 3
    assert outcome.seconds < 15
    assert "orders store (127.0.0.1:1/orders)" in outcome.stderr
    assert "nothing was stored" in outcome.stderr
    assert "secret" not in outcome.stderr
    assert starter.run("show", placed["order_id"]).exit_code == 2


def test_queue_that_nobody_polls_is_named(alone: Starter, order: MakeOrder) -> None:
    placed = order(points_to_use=0)
    with worker(alone.home, "--only", "orders"):
        outcome = alone.place(placed)
        assert outcome.exit_code == 3
        assert outcome.seconds < 25
        assert "polled the task queue inventory for 15 s" in outcome.stderr
        assert "is stored" in outcome.stderr
        assert "ORDER_CREATED        done" in outcome.stdout
    with worker(alone.home):
        assert alone.run("watch", placed["order_id"]).exit_code == 0


@pytest.mark.parametrize("command", [[], ["place"], ["show"], ["watch"], ["list"], ["load"]])
def test_help_comes_at_once(alone: Starter, command: list[str]) -> None:
    outcome = alone.run_anew(b"", *command, "--help", PYTHONPROFILEIMPORTTIME="1")
    assert outcome.exit_code == 0
    assert outcome.stdout.startswith(f"usage: {' '.join(['starter.py', *command])}")
    # What takes its time to load: the SDK a second, the others a tenth of one each.
    for heavy in ("temporalio", "sqlalchemy", "pydantic_settings", "rich"):
        assert f" {heavy}\n" not in outcome.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["nothing"],
        ["--frob"],
        ["place"],
        ["list", "--limit", "0"],
        ["list", "--limit", "-1"],
        ["list", "--status", "DONE"],
        ["load"],
        ["load", "--orders", "0"],
        ["load", "--orders", "1e3"],
        ["load", "--orders", "1", "--rate", "nan"],
        ["show", "--id=--force"],
    ],
)
def test_bad_usage_is_refused(alone: Starter, arguments: list[str]) -> None:
    outcome = alone.run(*arguments)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert "usage:" in outcome.stderr
