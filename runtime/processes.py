"""Other processes of this machine: which one a pid stands for, and how one is ended."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_PROC = Path("/proc")
_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Process:
    """A process that was seen alive. A pid alone may by now stand for another one."""

    pid: int
    started: str
    """When it started; comparable on the same machine, in no particular unit."""
    command: str = field(default="", compare=False)
    """Its command line, joined by spaces; empty while it exits."""


def look_up(pid: int) -> Process | None:
    """The process with this pid; None when there is none or it is a zombie."""
    _reap(pid)
    if _has_proc():
        return _read_proc(pid)
    return next(read_ps("-p", str(pid)), None)


def find(command_part: str) -> Process | None:
    """A process whose command line contains `command_part`, or None."""
    processes = _all_in_proc() if _has_proc() else read_ps("-ax")
    return next((process for process in processes if command_part in process.command), None)


def exists(pid: int) -> bool:
    """Whether a process has this pid and is no zombie. Cheap enough to be asked each second."""
    if _has_proc():
        return look_up(pid) is not None
    _reap(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def end(process: Process, *, patience: float) -> None:
    """End the process: SIGTERM, and SIGKILL when it is still there after `patience` seconds.

    Blocks until it has gone.
    """
    for signum, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, 5.0)):
        if look_up(process.pid) != process:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signum)
        deadline = time.monotonic() + seconds
        while look_up(process.pid) == process and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)


def read_ps(*selection: str) -> Iterator[Process]:
    """The processes that `ps` lists: the way to look where there is no /proc, as on macOS."""
    columns = "pid=,state=,lstart=,command="
    listing = subprocess.run(
        ["ps", "-ww", "-o", columns, *selection],
        capture_output=True,
        text=True,
        errors="replace",
        env={**os.environ, "LC_ALL": "C", "TZ": "UTC"},
        check=False,
    ).stdout
    for line in listing.splitlines():
        # pid, state, five words of time, the command line
        words = line.split(None, 7)
        if len(words) == 8 and not words[1].startswith("Z"):
            yield Process(int(words[0]), " ".join(words[2:7]), words[7])


def _reap(pid: int) -> None:
    """Let a child of ours that has ended go: as a zombie it would still have its pid."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _has_proc() -> bool:
    return (_PROC / "self" / "stat").exists()


def _read_proc(pid: int) -> Process | None:
    try:
        stat = (_PROC / str(pid) / "stat").read_text(errors="replace")
        command = (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return None
    # The second field is the program's name in parentheses and may hold anything.
    fields = stat.rpartition(")")[2].split()
    state, start_ticks = fields[0], fields[19]
    if state in "ZX":
        return None
    return Process(pid, start_ticks, os.fsdecode(command.replace(b"\0", b" ")).strip())


def _all_in_proc() -> Iterator[Process]:
    for entry in os.listdir(_PROC):
        if entry.isdigit() and (process := _read_proc(int(entry))) is not None:
            yield process
