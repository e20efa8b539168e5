"""Commands as processes that are forked from one which has already loaded what they import.

To load the SDK, SQLAlchemy and pydantic takes a second of a core, and the tests run some hundreds
of commands. A forked one is a process of its own all the same, with its own arguments, environment,
standard streams and exit code. `test_leaving.py`, which looks at programs while they load, starts
them from nothing.
"""

import atexit
import contextlib
import functools
import importlib
import json
import os
import runpy
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_LOADED = ("client.commands", "client.operator_commands", "client.load", "audit.command")
_STREAMS = 3
_NUMBERS = struct.Struct("i")
_LONGEST = 1 << 17


@dataclass(frozen=True)
class Ended:
    """What a command left behind."""

    exit_code: int
    stdout: bytes
    stderr: bytes


def run_command(
    arguments: Sequence[str], environment: Mapping[str, str], typed: bytes, timeout: float
) -> Ended:
    """Run `python PROGRAM ARGUMENT…` in the checkout to its end, with `typed` on standard input.

    Raises `TimeoutError` after so many seconds, and kills the process.
    """
    with contextlib.ExitStack() as stack:
        stdin, stdout, stderr = (
            stack.enter_context(tempfile.TemporaryFile()) for _ in range(_STREAMS)
        )
        stdin.write(typed)
        stdin.seek(0)
        ours, theirs = (stack.enter_context(end) for end in socket.socketpair())
        request = json.dumps([list(arguments), dict(environment)]).encode()
        streams = [stream.fileno() for stream in (stdin, stdout, stderr)]
        socket.send_fds(_parent(), [request], [*streams, theirs.fileno()])
        theirs.close()
        exit_code = _exit_code(ours, timeout)
        stdout.seek(0)
        stderr.seek(0)
        return Ended(exit_code, stdout.read(), stderr.read())


def _exit_code(child: socket.socket, timeout: float) -> int:
    child.settimeout(timeout)
    (pid,) = _NUMBERS.unpack(child.recv(_NUMBERS.size))
    try:
        (status,) = _NUMBERS.unpack(child.recv(_NUMBERS.size))
    except TimeoutError:
        os.kill(pid, signal.SIGKILL)
        raise
    return os.waitstatus_to_exitcode(status)


@functools.cache
def _parent() -> socket.socket:
    """The process that forks; it ends when this one does."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.starter.forked", str(theirs.fileno())],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        pass_fds=[theirs.fileno()],
    )
    theirs.close()
    atexit.register(process.wait)
    atexit.register(ours.close)
    return ours


def _serve(requests: socket.socket) -> tuple[list[str], dict[str, str], list[int]]:
    """Fork a process for each request. Returns in such a process alone, with what it is to run."""
    for module in _LOADED:
        importlib.import_module(module)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for a watcher
    while True:
        request, received, _, _ = socket.recv_fds(requests, _LONGEST, _STREAMS + 1)
        if not request:
            sys.exit()
        *streams, asker = received
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            requests.close()
            _watch_over_child(socket.socket(fileno=asker))
            return *json.loads(request), streams
        for descriptor in received:
            os.close(descriptor)


def _watch_over_child(asker: socket.socket) -> None:
    """Fork, and return in the child; tell whoever asked the child's id, and at its end how."""
    child = os.fork()
    if child == 0:
        asker.close()
        return
    asker.send(_NUMBERS.pack(child))
    asker.send(_NUMBERS.pack(os.waitpid(child, 0)[1]))
    os._exit(0)


def _become(arguments: list[str], environment: dict[str, str], streams: list[int]) -> None:
    """Be `python ARGUMENT…`, with these streams for the standard ones."""
    for standard, stream in enumerate(streams):
        os.dup2(stream, standard)
        os.close(stream)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.argv = arguments
    runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    _become(*_serve(socket.socket(fileno=int(sys.argv[1]))))
