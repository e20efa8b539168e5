"""Telling processes apart and ending them."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from runtime import processes

STUBBORN = (
    "import signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "print('ready', flush=True); sys.stdin.read()"
)


@pytest.fixture
def child() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", STUBBORN, "a mark"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        yield child
        child.kill()


def test_a_process_is_known_by_pid_start_and_command(child: subprocess.Popen[str]) -> None:
    process = processes.look_up(child.pid)
    assert process is not None
    assert process.command.startswith(sys.executable)
    assert processes.look_up(child.pid) == process
    assert process != processes.look_up(os.getpid())
    assert processes.find("a mark") == process
    assert processes.find("no such mark anywhere, " + "ever") is None


def test_ps_tells_the_same_as_proc(child: subprocess.Popen[str]) -> None:
    (seen,) = processes.read_ps("-p", str(child.pid))
    assert seen.pid == child.pid
    assert seen.command.endswith("a mark")
    (again,) = processes.read_ps("-p", str(child.pid))
    assert again == seen
    assert seen in list(processes.read_ps("-ax"))
    assert list(processes.read_ps("-p", "999999999")) == []


def test_a_zombie_does_not_exist(child: subprocess.Popen[str]) -> None:
    assert processes.exists(child.pid)
    os.kill(child.pid, signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert list(processes.read_ps("-p", str(child.pid))) == []
    assert not processes.exists(child.pid)
    assert processes.look_up(child.pid) is None


def test_ends_a_process_that_does_not_heed_sigterm(child: subprocess.Popen[str]) -> None:
    process = processes.look_up(child.pid)
    assert process is not None
    processes.end(process, patience=0.1)
    assert not processes.exists(child.pid)


def test_spares_a_process_that_has_the_pid_of_another(child: subprocess.Popen[str]) -> None:
    processes.end(processes.Process(child.pid, "another time"), patience=0.1)
    assert processes.exists(child.pid)
