"""The outbox: events that are written with an order's record and wait to be delivered."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, and_, case, exists, literal, or_, select, tuple_, update

from models.contract import Contract
from services.columns import Instant
from services.database import Database
from services.orders.tables import outbox


class OutboxEvent(Contract):
    """An event that has not been delivered yet."""

    event_id: str
    type: str
    order_id: str
    event: dict[str, Any]
    created_at: datetime
    attempts: int
    """That failed."""


class Outbox:
    """Events in the order in which they came to be."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def due(self, limit: int) -> list[OutboxEvent]:
        """The oldest events that may be delivered now, at most one of each order."""
        async with self._database.reading() as connection:
            rows = (await connection.execute(due_query(datetime.now(UTC), limit))).all()
        return [OutboxEvent.model_validate(dict(row._mapping)) for row in rows]

    async def settle(
        self, delivered: Sequence[str], failed: dict[str, datetime], at: datetime
    ) -> None:
        """Note which were delivered, and before when those that failed are not tried again."""
        async with self._database.transaction() as connection:
            if delivered:
                await connection.execute(
                    update(outbox)
                    .where(outbox.c.event_id.in_(delivered))
                    .values(published_at=at, not_before=None)
                )
            if failed:
                await connection.execute(
                    update(outbox)
                    .where(outbox.c.event_id.in_(failed))
                    .values(
                        attempts=outbox.c.attempts + 1,
                        not_before=case(
                            {key: literal(before, Instant) for key, before in failed.items()},
                            value=outbox.c.event_id,
                        ),
                    )
                )


def due_query(now: datetime, limit: int) -> Select[Any]:
    """What `due` asks the store. An order's second event waits for its first one."""
    earlier = outbox.alias("earlier")
    waits = exists().where(
        and_(
            earlier.c.order_id == outbox.c.order_id,
            earlier.c.published_at.is_(None),
            tuple_(earlier.c.created_at, earlier.c.event_id)
            < tuple_(outbox.c.created_at, outbox.c.event_id),
        )
    )
    return (
        select(outbox)
        .where(
            outbox.c.published_at.is_(None),
            or_(outbox.c.not_before.is_(None), outbox.c.not_before <= now),
            ~waits,
        )
        .order_by(outbox.c.created_at, outbox.c.event_id)
        .limit(limit)
    )
