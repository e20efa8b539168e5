"""Requests under an `Idempotency-Key`, kept in the orders store of the settings."""

import contextlib
from collections.abc import AsyncIterator

from client.errors import translated
from runtime.settings import Settings
from services.database import Database
from services.orders.requests import (
    ApiRequests,
    Begun,
    Fresh,
    OtherBody,
    Same,
    StillRunning,
)

__all__ = ["Begun", "Fresh", "OtherBody", "Requests", "Same", "StillRunning"]


class Requests:
    """Lets a request that is sent twice be carried out once.

    Errors of the store, also that there is none, come out as `CommandError` with exit code 3.
    """

    def __init__(self, requests: ApiRequests) -> None:
        self._requests = requests

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(cls, settings: Settings) -> AsyncIterator["Requests"]:
        """The requests in the store that the settings name. It is connected to on first use."""
        database = Database(settings.database_url_for("orders"))
        try:
            yield cls(ApiRequests(database))
        finally:
            await database.close()

    async def begin(self, key: str, body_hash: str) -> Begun:
        """Whether to carry the request out: `Fresh`, `Same`, `StillRunning` or `OtherBody`.

        `key` must tell callers apart, if they are to have keys of their own.
        """
        with translated("nothing was stored"):
            return await self._requests.begin(key, body_hash)

    async def finish(self, request: Fresh, answer: str) -> None:
        """Keep the answer (any text) for a day."""
        with translated("the request was carried out, but its answer could not be kept"):
            await self._requests.finish(request, answer)

    async def forget(self, request: Fresh) -> None:
        """It came to nothing: sent again, the request is a fresh one."""
        with translated():
            await self._requests.forget(request)
