"""The orders service's records, as far as this process can read them."""

import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from pathlib import Path

from sqlalchemy import make_url

from models.saga import SagaStatus
from runtime.settings import Settings
from services.database import Database
from services.orders.figures import EndedOrders, OrderFigures, WaitingEvents
from services.orders.listing import ListedOrder, OrderListing, RecordFilter
from services.orders.records import Cursor, OrderRecords, SagaRecord

NONE_ENDED = EndedOrders(completed=0, compensated=0, failed=0, microseconds=0)


class Records:
    """Reads records; a store that was never made holds none.

    Where orders are kept in SQLite files, a client on another machine than the workers has no
    store at all, and Temporal tells it everything but what is older than its retention.
    Every method raises `StoreError` when the store is there and cannot be read.
    """

    def __init__(self, url: str, database: Database) -> None:
        self._url = make_url(url)
        self._records = OrderRecords(database)
        self._listing = OrderListing(database)
        self._figures = OrderFigures(database)

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(cls, settings: Settings) -> AsyncIterator["Records"]:
        """The records of the store that the settings name. It is connected to on first use."""
        url = settings.database_url_for("orders")
        database = Database(url)
        try:
            yield cls(url, database)
        finally:
            await database.close()

    async def get(self, order_id: str) -> SagaRecord | None:
        """The record of an order's saga."""
        return await self._records.get(order_id) if self._there() else None

    async def newest(self, status: SagaStatus | None, limit: int) -> list[SagaRecord]:
        """The newest records (of a status), newest first."""
        return await self._records.list(status, limit) if self._there() else []

    async def places(self, only: RecordFilter, limit: int, after: Cursor | None) -> list[Cursor]:
        """A part of the filtered list of orders, newest first: which they are."""
        return await self._listing.places(only, limit, after) if self._there() else []

    async def of(self, saga_ids: Iterable[str]) -> dict[str, ListedOrder]:
        """Those of these sagas that have a record, by saga id."""
        return await self._listing.of(saga_ids) if self._there() else {}

    async def ended(self, bounds: Sequence[datetime]) -> list[EndedOrders]:
        """The orders that ended from each bound to before the next one."""
        if not self._there():
            return [NONE_ENDED] * (len(bounds) - 1)
        return await self._figures.ended(bounds)

    async def ended_ever(self) -> EndedOrders:
        """All orders that ever ended."""
        return await self._figures.ended_ever() if self._there() else NONE_ENDED

    async def waiting_events(self) -> WaitingEvents:
        """The events that no other system has been told of yet."""
        if not self._there():
            return WaitingEvents(count=0, oldest=None)
        return await self._figures.waiting_events()

    def _there(self) -> bool:
        path = self._url.database
        return self._url.get_backend_name() != "sqlite" or path is None or Path(path).exists()
