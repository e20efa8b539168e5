"""The orders service's records, as far as this process can read them."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from sqlalchemy import make_url

from models.saga import SagaStatus
from runtime.settings import Settings
from services.database import Database
from services.orders.records import OrderRecords, SagaRecord


class Records:
    """Reads records; a store that was never made holds none.

    Where orders are kept in SQLite files, a client on another machine than the workers has no
    store at all, and Temporal tells it everything but what is older than its retention.
    Every method raises `StoreError` when the store is there and cannot be read.
    """

    def __init__(self, url: str, records: OrderRecords) -> None:
        self._url = make_url(url)
        self._records = records

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(cls, settings: Settings) -> AsyncIterator["Records"]:
        """The records of the store that the settings name. It is connected to on first use."""
        url = settings.database_url_for("orders")
        database = Database(url)
        try:
            yield cls(url, OrderRecords(database))
        finally:
            await database.close()

    async def get(self, order_id: str) -> SagaRecord | None:
        """The record of an order's saga."""
        return await self._records.get(order_id) if self._there() else None

    async def newest(self, status: SagaStatus | None, limit: int) -> list[SagaRecord]:
        """The newest records (of a status), newest first."""
        return await self._records.list(status, limit) if self._there() else []

    def _there(self) -> bool:
        path = self._url.database
        return self._url.get_backend_name() != "sqlite" or path is None or Path(path).exists()
