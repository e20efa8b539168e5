"""What the data folder says about its embedded Temporal server, checked against what runs."""

import contextlib
import os
import re
import tempfile
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from runtime import processes
from runtime.processes import Process


class ServerRecord(BaseModel):
    """The embedded server of a data folder, as `temporal.json` keeps it."""

    model_config = ConfigDict(frozen=True, strict=True)

    pid: int
    started: str
    """When the server's process started: with the pid it names that process alone."""
    address: str
    ui_address: str
    starter_pid: int
    """Who started it; for people who look. Nothing is decided by it."""

    @property
    def process(self) -> Process:
        """The server's process."""
        return Process(self.pid, self.started)


def database(home: Path) -> Path:
    """The embedded server's database. Its path in a command line is what we know a server by."""
    return home / "temporal.db"


def write_record(home: Path, record: ServerRecord) -> None:
    """Replace the record; a reader sees the old one or the new one, never half of one."""
    fd, name = tempfile.mkstemp(dir=home, prefix=".temporal.json-")  # readable by its owner alone
    try:
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(record.model_dump_json(indent=2) + "\n")
        os.replace(name, _path(home))
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def read_record(home: Path) -> ServerRecord | None:
    """The record as it stands, of a server that may have gone; None if there is no readable one."""
    try:
        return ServerRecord.model_validate_json(_path(home).read_bytes())
    except (OSError, ValidationError):
        return None


def running_server(home: Path) -> ServerRecord | None:
    """The folder's server that runs now, whether it answers or not; None when there is none.

    The record may be missing, damaged or out of date, as when the starter was killed right after
    the start or the pid has been given to another process: then the process table tells.
    """
    if not database(home).exists():
        return None
    record = read_record(home)
    mark = f" --db-filename {database(home)} --"
    if record is not None:
        process = processes.look_up(record.pid)
        if process == record.process and mark in process.command:
            return record
    process = processes.find(mark)
    return None if process is None else _reconstructed(process)


def _path(home: Path) -> Path:
    return home / "temporal.json"


def _reconstructed(process: Process) -> ServerRecord | None:
    found = re.search(r" --ip (\S+) --port (\d+) --ui-port (\d+) ", process.command)
    if found is None:
        return None
    ip, port, ui_port = found.groups()
    return ServerRecord(
        pid=process.pid,
        started=process.started,
        address=f"{ip}:{port}",
        ui_address=f"{ip}:{ui_port}",
        starter_pid=0,
    )
