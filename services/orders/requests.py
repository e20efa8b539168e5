"""HTTP requests that were made under an `Idempotency-Key`, and what they were answered."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, select, update

from services.database import Connection, Database
from services.orders.tables import api_requests

GIVEN_UP_AFTER = timedelta(seconds=30)
"""A request that is not answered by then has lost its process."""
KEPT_FOR = timedelta(hours=24)
"""After this a key is forgotten, and stands for a new request."""


@dataclass(frozen=True)
class Fresh:
    """Nobody is at it: carry the request out, then `finish` it or `forget` it."""

    key_hash: str
    attempt: str


@dataclass(frozen=True)
class Same:
    """This request has been carried out: give its answer again."""

    answer: str


@dataclass(frozen=True)
class StillRunning:
    """This request is being carried out."""


@dataclass(frozen=True)
class OtherBody:
    """The key stands for another request."""


Begun = Fresh | Same | StillRunning | OtherBody


class ApiRequests:
    """Lets a request that is sent twice be carried out once, whichever process it reaches.

    Keys and bodies are kept as hashes.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, key: str, body_hash: str) -> Begun:
        """Whether to carry the request out. Of several callers at once, one may."""
        now = datetime.now(UTC)
        key_hash = hashlib.sha256(key.encode()).hexdigest()
        fresh = Fresh(key_hash, secrets.token_hex(8))
        async with self._database.transaction() as connection:
            await connection.execute(
                delete(api_requests).where(api_requests.c.begun_at < now - KEPT_FOR)
            )
            while not await _inserted(connection, fresh, body_hash, now):
                row = await _locked(connection, key_hash)
                if row is not None:
                    return await _kept(connection, fresh, row, body_hash, now)
        return fresh

    async def finish(self, request: Fresh, answer: str) -> None:
        """Keep the answer, unless another caller has taken the request over meanwhile."""
        async with self._database.transaction() as connection:
            await connection.execute(update(api_requests).where(_is(request)).values(answer=answer))

    async def forget(self, request: Fresh) -> None:
        """It came to nothing: sent again, the request is a fresh one."""
        async with self._database.transaction() as connection:
            await connection.execute(delete(api_requests).where(_is(request)))


async def _inserted(connection: Connection, fresh: Fresh, body_hash: str, now: datetime) -> bool:
    row = connection.insert(api_requests).values(
        key_hash=fresh.key_hash, attempt=fresh.attempt, body_hash=body_hash, begun_at=now
    )
    result = await connection.execute(row.on_conflict_do_nothing(index_elements=["key_hash"]))
    return result.rowcount == 1


async def _locked(connection: Connection, key_hash: str) -> Row[Any] | None:
    """The row until the transaction ends; None if it has just been forgotten."""
    row = select(api_requests).where(api_requests.c.key_hash == key_hash).with_for_update()
    return (await connection.execute(row)).one_or_none()


async def _kept(
    connection: Connection, fresh: Fresh, row: Row[Any], body_hash: str, now: datetime
) -> Begun:
    if row.body_hash != body_hash:
        return OtherBody()
    if row.answer is not None:
        return Same(row.answer)
    if row.begun_at > now - GIVEN_UP_AFTER:
        return StillRunning()
    await connection.execute(
        update(api_requests)
        .where(api_requests.c.key_hash == fresh.key_hash)
        .values(attempt=fresh.attempt, begun_at=now)
    )
    return fresh


def _is(request: Fresh) -> Any:
    return (api_requests.c.key_hash == request.key_hash) & (
        api_requests.c.attempt == request.attempt
    )
