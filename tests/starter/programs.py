"""Our programs as processes, in an environment that holds nothing of this machine's settings."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.starter import forked

ROOT = forked.ROOT

NOBODY = "127.0.0.1:1"
"""An address where no Temporal server answers, whatever runs on this machine."""
SECONDS = 60


def environment(home: Path, **variables: str) -> dict[str, str]:
    """This process's environment without settings of Temporal's or ours, and then `variables`."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TEMPORAL_", "ORDER_SAGA_", "XDG_"))
    }
    ours = {"ORDER_SAGA_HOME": str(home), "ORDER_SAGA_DEFAULT_ADDRESS": NOBODY}
    return kept | ours | {"HOME": str(home.parent)} | variables


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    exit_code: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def json(self) -> Any:
        """The one document on stdout."""
        return json.loads(self.stdout)


def _outcome(exit_code: int, stdout: bytes, stderr: bytes, began: float) -> Outcome:
    assert b"Traceback" not in stderr, stderr.decode()
    seconds = time.monotonic() - began
    return Outcome(exit_code, stdout.decode(), stderr.decode(), seconds)


@dataclass(frozen=True)
class Starter:
    """The command line, with a data folder."""

    home: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    def environment(self, variables: Mapping[str, str] | None = None) -> dict[str, str]:
        """What its commands find in their environment, with these variables over it."""
        return environment(self.home, **{**self.variables, **(variables or {})})

    def run(self, *arguments: str, **variables: str) -> Outcome:
        """Run a command to its end."""
        return self.run_typing(b"", *arguments, **variables)

    def run_typing(self, typed: bytes, *arguments: str, **variables: str) -> Outcome:
        """Run a command with this on standard input. None may ever show a traceback."""
        began = time.monotonic()
        command = ["starter.py", *arguments]
        ended = forked.run_command(command, self.environment(variables), typed, SECONDS)
        return _outcome(ended.exit_code, ended.stdout, ended.stderr, began)

    def run_anew(self, typed: bytes, *arguments: str, **variables: str) -> Outcome:
        """Run a command in an interpreter of its own, which heeds `PYTHON…` and the locale."""
        began = time.monotonic()
        ended = subprocess.run(
            [sys.executable, "starter.py", *arguments],
            cwd=ROOT,
            env=self.environment(variables),
            input=typed,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
        return _outcome(ended.returncode, ended.stdout, ended.stderr, began)

    def place(self, order: dict[str, Any], *options: str, **variables: str) -> Outcome:
        """Place an order that comes by standard input."""
        typed = json.dumps(order, ensure_ascii=False).encode()
        return self.run_typing(typed, "place", "-", *options, **variables)

    @contextmanager
    def running(self, *arguments: str, typed: bytes = b"") -> Iterator["subprocess.Popen[bytes]"]:
        """A command that runs while the block does, in a process group of its own."""
        process = subprocess.Popen(
            [sys.executable, "starter.py", *arguments],
            cwd=ROOT,
            env=self.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            assert process.stdin is not None
            process.stdin.write(typed)
            process.stdin.close()
            process.stdin = None
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()


@contextmanager
def worker(home: Path, *arguments: str, **variables: str) -> Iterator[Path]:
    """All workers on this data folder, with its server, until the block is left; their log."""
    log = home.parent / f"{home.name}-worker.log"
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "worker.py", *arguments],
            cwd=ROOT,
            env=environment(home, **variables),
            stdin=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
        )
    try:
        _wait_for(log, "workers are polling", process)
        yield log
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0, log.read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _wait_for(log: Path, text: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + SECONDS
    while text not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)
