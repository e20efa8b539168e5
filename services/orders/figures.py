"""Counting the orders that ended: exactly, and by aggregates of the database alone."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, case, column, func, select, values

from models.contract import Contract
from models.saga import SagaKind, SagaStatus
from services.columns import Instant, MicrosecondsBetween
from services.database import Database
from services.orders.tables import outbox, saga_records


class EndedOrders(Contract):
    """The orders that ended one way within one stretch of time."""

    since: datetime
    status: SagaStatus
    count: int
    microseconds: int
    """From creation to end, summed over all of them; 0 for those that did not complete."""


class EndedTotal(Contract):
    """All orders of one kind that ever ended one way."""

    status: SagaStatus
    kind: SagaKind
    count: int
    microseconds: int
    """From creation to end, summed over all of them."""


class WaitingEvents(Contract):
    """Events that no other system has been told of yet."""

    count: int
    oldest: datetime | None


class OrderFigures:
    """Figures over the saga records. Quick with hundreds of thousands of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ended(self, bounds: Sequence[datetime]) -> list[EndedOrders]:
        """The orders that ended from each bound to before the next one; in one pass.

        Stretches and statuses without orders are left out.
        """
        async with self._database.reading() as connection:
            rows = (await connection.execute(ended_query(bounds))).all()
        return [EndedOrders.model_validate(dict(row._mapping)) for row in rows]

    async def totals(self) -> list[EndedTotal]:
        """All orders that ever ended."""
        ended = saga_records.c.ended_at
        query = (
            select(
                saga_records.c.status,
                saga_records.c.kind,
                func.count().label("count"),
                func.sum(MicrosecondsBetween(saga_records.c.created_at, ended)).label(
                    "microseconds"
                ),
            )
            .where(ended.is_not(None))
            .group_by(saga_records.c.status, saga_records.c.kind)
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return [EndedTotal.model_validate(dict(row._mapping)) for row in rows]

    async def waiting_events(self) -> WaitingEvents:
        """The events in the outbox that have not been delivered."""
        query = select(
            func.count().label("count"), func.min(outbox.c.created_at).label("oldest")
        ).where(outbox.c.published_at.is_(None))
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one()
        return WaitingEvents.model_validate(dict(row._mapping))


def ended_query(bounds: Sequence[datetime]) -> Select[Any]:
    """What `ended` asks the store: an index alone has the answer."""
    stretches = (
        values(column("since", Instant), column("until", Instant), name="stretches")
        .data(list(zip(bounds, bounds[1:], strict=False)))
        .cte()
    )
    ended, created = saga_records.c.ended_at, saga_records.c.created_at
    took = case(
        (saga_records.c.status == SagaStatus.COMPLETED.value, MicrosecondsBetween(created, ended)),
        else_=0,
    )
    return (
        select(
            stretches.c.since,
            saga_records.c.status,
            func.count().label("count"),
            func.sum(took).label("microseconds"),
        )
        .join_from(
            stretches,
            saga_records,
            (ended >= stretches.c.since) & (ended < stretches.c.until),
        )
        .group_by(stretches.c.since, saga_records.c.status)
    )
