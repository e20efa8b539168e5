"""One service's store: its transactions, and the errors that say what is wrong with it."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

from sqlalchemy import CursorResult, Executable, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from services import migration
from services.engines import engines_for, why_unreachable

T = TypeVar("T")


class StoreError(Exception):
    """A store did not do what it was asked. Says which store and why, never with what data."""

    def __init__(self, service: str, why: str) -> None:
        super().__init__(f"the {service} store {why}")
        self.service = service
        self.why = why


class StoreUnavailable(StoreError):
    """A store cannot be used: missing, unreachable, broken or of another version."""


async def finished(work: Coroutine[Any, Any, T]) -> T:
    """Awaits `work` to its end even if the caller is cancelled; then the cancellation goes on.

    A statement that is left in the middle leaves its connection in the middle too, perhaps
    with a lock that nobody would ever give back.
    """
    task = asyncio.ensure_future(work)
    cancellation: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as cancelled:
            cancellation = cancelled
    if cancellation is None:
        return task.result()
    if not task.cancelled():
        task.exception()  # else the event loop reports it as never retrieved
    raise cancellation


class Connection:
    """A transaction's connection. Each statement is finished even when its caller is cancelled."""

    def __init__(self, service: str, connection: AsyncConnection) -> None:
        self._service = service
        self._connection = connection

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._connection.dialect.name

    async def execute(
        self,
        statement: Executable,
        parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    ) -> CursorResult[Any]:
        """Runs one statement; its rows are fetched when this returns. Raises `StoreError`."""
        with self._errors():
            result = await finished(self._connection.execute(statement, parameters))
        assert isinstance(result, CursorResult)
        return result

    async def scalar(self, statement: Executable) -> Any:
        """The first column of the first row, or None."""
        return (await self.execute(statement)).scalar()

    def insert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        """An INSERT that can say what happens on a conflict."""
        return sqlite.insert(table) if self.dialect == "sqlite" else postgresql.insert(table)

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """What runs inside is rolled back when it raises; the transaction goes on."""
        with self._errors():
            savepoint = await finished(self._begin_nested())
        try:
            yield
        except BaseException:
            with self._errors():
                await finished(savepoint.rollback())
            raise
        with self._errors():
            await finished(savepoint.commit())

    async def _begin_nested(self) -> Any:
        return await self._connection.begin_nested()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            # From None: PostgreSQL's details quote whole rows, and causes travel with the error.
            raise self._translated(error) from None

    def _translated(self, error: DBAPIError) -> StoreError:
        cause = error.orig.__cause__ or error.orig if error.orig else error
        if error.connection_invalidated:
            return StoreUnavailable(self._service, "lost its connection")
        said = str(cause).partition("\n")[0]
        if self.dialect == "postgresql":
            # What follows a colon is the value that was not understood.
            said = said.partition(":")[0]
        return StoreError(self._service, f"failed: {type(cause).__name__}: {said}")


class Database:
    """A service's own database, in SQLite or PostgreSQL, by a SQLAlchemy URL.

    The service's name, which errors give, is the database's: `…/orders.db` is `orders`.
    """

    def __init__(self, url: str) -> None:
        self._engines = engines_for(url)
        self.service = self._engines.service
        # Callers queue here and not in the pool: a caller that waits here can be
        # cancelled at once, for it holds nothing yet.
        self._turns = asyncio.Semaphore(self._engines.writers)
        self._reading_turns = asyncio.Semaphore(self._engines.readers)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Commits what was done inside, or none of it if it raises.

        A cancelled caller first finishes the statement, commit or rollback that runs. On SQLite
        the write lock is taken at once; on PostgreSQL the isolation is READ COMMITTED.
        """
        async with self._turns, self._session(self._engines.writing.connect()) as connection:
            yield Connection(self.service, connection)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """One consistent snapshot, without a write lock; writing is refused."""
        async with (
            self._reading_turns,
            self._session(self._engines.reading.connect()) as connection,
        ):
            yield Connection(self.service, connection)

    async def migrate(self, service_name: str) -> None:
        """Creates the store or brings its schema up to date; quick if there is nothing to do.

        Several processes may call it at once. Raises `StoreUnavailable` if the schema is
        newer than this program.
        """
        with self._opening():
            self._engines.create()
        async with self._turns, self._session(self._engines.writing.connect()) as connection:
            try:
                await finished(migration.upgrade(connection, service_name))
            except migration.NewerSchema as newer:
                raise StoreUnavailable(self.service, str(newer)) from None

    async def close(self) -> None:
        """Closes every connection. The database must not be used by then."""
        await finished(self._close())

    async def _close(self) -> None:
        await self._engines.writing.dispose()
        await self._engines.reading.dispose()

    @asynccontextmanager
    async def _session(self, connection: AsyncConnection) -> AsyncIterator[AsyncConnection]:
        try:
            with self._opening():
                await finished(self._begin(connection))
            yield connection
            with self._opening():
                await finished(connection.commit())
        finally:
            if connection.sync_connection is not None:
                # Closing rolls back whatever was not committed.
                await finished(connection.close())

    @staticmethod
    async def _begin(connection: AsyncConnection) -> None:
        await connection.start()
        await connection.begin()

    @contextmanager
    def _opening(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            raise StoreUnavailable(
                self.service, why_unreachable(error, self._engines.place)
            ) from None
