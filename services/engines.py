"""How SQLite and PostgreSQL are opened; the one place that knows them apart."""

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import aiosqlite
from sqlalchemy import URL, AsyncAdaptedQueuePool, Connection, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

BUSY_SECONDS = 5
"""How long a writer waits for another process's transaction."""
CONNECT_SECONDS = 5
COMMAND_SECONDS = 30
"""A frozen server must not hold a caller for ever: a statement is never left in the middle."""
SQLITE_READERS = 4
POSTGRESQL_WRITERS = 5
POSTGRESQL_READERS = 3
"""For each service of each process; a PostgreSQL server takes 100 connections by default."""


@dataclass(frozen=True)
class Engines:
    """A store's engines for writing and for reading, and how many may use each at once."""

    service: str
    place: str
    """What was tried, for messages: a path, or host and database; no user, no password."""
    writing: AsyncEngine
    reading: AsyncEngine
    writers: int
    readers: int
    create: Callable[[], None]
    """Makes the place for a new store."""


def engines_for(url: str) -> Engines:
    """Opens nothing yet. Raises `ValueError` for a URL that is neither database's."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ValueError("not a database URL") from None
    match parsed.get_backend_name():
        case "sqlite" if parsed.database and parsed.database != ":memory:":
            return _sqlite(Path(parsed.database))
        case "postgresql" if parsed.database:
            return _postgresql(parsed.set(drivername="postgresql+asyncpg"))
    raise ValueError("a database URL names a SQLite file or a PostgreSQL database")


def why_unreachable(error: BaseException, place: str) -> str:
    """Why a store did not open, in words, without the secrets of its URL."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        error = error.orig.__cause__ or error.orig
    if isinstance(error, sqlite3.DatabaseError):
        return f"({place}) cannot be used: {_sqlite_reason(error, Path(place))}"
    if isinstance(error, TimeoutError):
        return f"({place}) does not answer"
    if isinstance(error, OSError):
        return f"({place}) cannot be reached: {error.strerror or 'no connection'}"
    return f"({place}) cannot be used: {str(error).partition(chr(10))[0]}"


def _sqlite_reason(error: sqlite3.DatabaseError, path: Path) -> str:
    if not path.parent.is_dir():
        return "its folder does not exist"
    if not path.exists():
        return "the file does not exist"
    return str(error)


def _sqlite(path: Path) -> Engines:
    return Engines(
        service=path.stem,
        place=str(path),
        writing=_sqlite_engine(path, "BEGIN IMMEDIATE", connections=1),
        reading=_sqlite_engine(path, "BEGIN", connections=SQLITE_READERS, read_only=True),
        # SQLite has one write lock: callers of one process that queue for it in order wait less
        # than callers that poll for it.
        writers=1,
        readers=SQLITE_READERS,
        create=lambda: _create_file(path),
    )


def _create_file(path: Path) -> None:
    """The file is its owner's alone; SQLite gives its companions (-wal, -shm) the same mode."""
    if path.parent.is_dir():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def _sqlite_engine(
    path: Path, begin: str, connections: int, read_only: bool = False
) -> AsyncEngine:
    engine = create_async_engine(
        "sqlite+aiosqlite://",
        async_creator=lambda: _open_sqlite(path, read_only=read_only),
        poolclass=AsyncAdaptedQueuePool,
        pool_size=connections,
        max_overflow=0,
        hide_parameters=True,
    )

    @event.listens_for(engine.sync_engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        # Not the driver's deferred BEGIN: a transaction that reads first and then writes would
        # fail at once, whatever the busy timeout, when another one wrote in between.
        connection.exec_driver_sql(begin)

    return engine


async def _open_sqlite(path: Path, *, read_only: bool) -> aiosqlite.Connection:
    connector = aiosqlite.connect(
        # rw: opening never creates a store; only `create` does.
        f"file:{quote(str(path))}?mode=rw",
        uri=True,
        isolation_level=None,
        timeout=BUSY_SECONDS,
    )
    connector._thread.daemon = True
    connection = await connector
    try:
        await _use_wal(connection)
        await connection.executescript(_PRAGMAS + ("PRAGMA query_only=ON;" if read_only else ""))
    except BaseException:
        await connection.close()
        raise
    return connection


async def _use_wal(connection: aiosqlite.Connection) -> None:
    """Readers and the writer do not wait for each other in this mode."""
    give_up = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            await connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            # The busy timeout does not apply when two connections change a new file's mode.
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
        await asyncio.sleep(0.01)


# FULL, because an answer that was given must stay true: the saga never asks again, so an effect
# that a power cut takes back (as NORMAL allows in WAL mode) would be lost for good.
_PRAGMAS = """
PRAGMA synchronous=FULL;
PRAGMA foreign_keys=ON;
"""


def _postgresql(url: URL) -> Engines:
    engine = create_async_engine(
        url,
        pool_size=POSTGRESQL_WRITERS,
        max_overflow=POSTGRESQL_READERS,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={
            "timeout": CONNECT_SECONDS,
            "command_timeout": COMMAND_SECONDS,
            "server_settings": {
                "application_name": "order-saga",
                "lock_timeout": str(BUSY_SECONDS * 1000),
                # Compiling a statement takes longer than running the longest of ours.
                "jit": "off",
            },
        },
    )
    reading = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    name = url.database or ""
    place = f"{url.host or url.query.get('host', 'localhost')}:{url.port or 5432}/{name}"
    return Engines(
        service=name,
        place=place,
        writing=engine,
        reading=reading,
        writers=POSTGRESQL_WRITERS,
        readers=POSTGRESQL_READERS,
        create=lambda: None,
    )
