"""Real servers and real processes for the tests of the runtime."""

import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import Client

from runtime import processes
from runtime.connection import connect
from runtime.embedded import EmbeddedServer
from runtime.server import Server
from runtime.server_record import running_server
from runtime.settings import Settings

ROOT = Path(__file__).parents[2]
NOBODY = "127.0.0.1:1"
"""An address where no Temporal server answers, whatever runs on this machine."""


def clean_environment(home: Path, **variables: str) -> dict[str, str]:
    """This process's environment without settings of Temporal's or ours, and then `variables`."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TEMPORAL_", "ORDER_SAGA_", "XDG_"))
    }
    return {
        **kept,
        "HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "ORDER_SAGA_HOME": str(home),
        "ORDER_SAGA_DEFAULT_ADDRESS": NOBODY,
        **variables,
    }


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        if name.startswith(("TEMPORAL_", "ORDER_SAGA_", "XDG_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """Settings with a data folder of the test's own; a server left in it is ended."""
    settings = Settings.load(home=tmp_path / "home", default_address=NOBODY)
    yield settings
    if (left := running_server(settings.home)) is not None:
        processes.end(left.process, patience=5)


@pytest.fixture(scope="package")
def shared_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The settings of `server`."""
    home = tmp_path_factory.mktemp("shared") / "home"
    return Settings(home=home, default_address=NOBODY)


@pytest_asyncio.fixture(scope="package")
async def server(shared_settings: Settings) -> AsyncIterator[Server]:
    """One embedded server for all tests that only need a server."""
    async with EmbeddedServer.running(shared_settings) as server:
        yield server


@pytest_asyncio.fixture(scope="package")
async def client(server: Server) -> Client:
    """A client of the shared server."""
    return await connect(server)


class Program:
    """A program of `tests/runtime/programs`, running as a process of its own."""

    def __init__(self, name: str, home: Path, *arguments: str, **variables: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"tests.runtime.programs.{name}", *arguments],
            cwd=ROOT,
            env=clean_environment(home, **variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            start_new_session=True,  # a process group of its own, as a shell gives it
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def report(self) -> dict[str, Any]:
        """The next line of its stdout, a JSON object. Waits for it."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            pytest.fail(f"the program ended: {self.wait()}")
        report: dict[str, Any] = json.loads(line)
        return report

    def error_line(self) -> str:
        """The next line of its stderr. Waits for it."""
        assert self._process.stderr is not None
        return self._process.stderr.readline()

    def signal(self, signum: int) -> None:
        self._process.send_signal(signum)

    def signal_group(self, signum: int) -> None:
        """What a terminal does on Ctrl-C."""
        os.killpg(self._process.pid, signum)

    def wait(self) -> tuple[int, str, str]:
        """Exit status, the rest of stdout, stderr; a signal's number is negative."""
        out, err = self._process.communicate(timeout=30)
        return self._process.returncode, out, err

    def end(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()


StartProgram = Callable[..., Program]


@pytest.fixture
def start_program(settings: Settings) -> Iterator[StartProgram]:
    """Start a program on the test's data folder; those that still run at the end are killed."""
    started: list[Program] = []

    def start(name: str, *arguments: str, **variables: str) -> Program:
        program = Program(name, settings.home, *arguments, **variables)
        started.append(program)
        return program

    yield start
    for program in started:
        program.end()


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds} s")
        time.sleep(0.02)
