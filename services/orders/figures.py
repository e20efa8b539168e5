"""Counting the orders that ended: exactly, and by aggregates of the database alone."""

import itertools
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    ScalarSelect,
    Select,
    column,
    func,
    select,
    true,
    type_coerce,
    values,
)

from models.contract import Contract
from models.saga import SagaStatus
from services.columns import Instant
from services.database import Database
from services.orders.tables import outbox, saga_records


class EndedOrders(Contract):
    """The orders that ended within one stretch of time, or ever."""

    completed: int
    compensated: int
    failed: int
    microseconds: int
    """From creation to end, summed over those that completed."""


class WaitingEvents(Contract):
    """Events that no other system has been told of yet."""

    count: int
    oldest: datetime | None


class OrderFigures:
    """Figures over the saga records. Quick with hundreds of thousands of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ended(self, bounds: Sequence[datetime]) -> list[EndedOrders]:
        """The orders that ended from each bound to before the next one."""
        async with self._database.reading() as connection:
            rows = (await connection.execute(ended_query(bounds))).all()
        return [EndedOrders.model_validate(dict(row._mapping)) for row in rows]

    async def ended_ever(self) -> EndedOrders:
        """All orders that ever ended."""
        async with self._database.reading() as connection:
            row = (await connection.execute(select(*_figures(true())))).one()
        return EndedOrders.model_validate(dict(row._mapping))

    async def waiting_events(self) -> WaitingEvents:
        """The events in the outbox that have not been delivered."""
        waiting = outbox.c.published_at.is_(None)
        count = select(func.count()).select_from(outbox).where(waiting)
        oldest = select(func.min(outbox.c.created_at)).where(waiting)
        # Each has an index of its own; in one pass, neither would be used.
        query = select(
            count.scalar_subquery().label("count"), oldest.scalar_subquery().label("oldest")
        )
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one()
        return WaitingEvents.model_validate(dict(row._mapping))


def ended_query(bounds: Sequence[datetime]) -> Select[*tuple[Any, ...]]:
    """What `ended` asks the store: an index alone has the answer.

    One subquery for each figure: grouping the rows would take three times as long.
    """
    stretches = (
        values(column("since", Instant), column("until", Instant), name="stretches")
        .data(list(itertools.pairwise(bounds)))
        .cte()
    )
    ended_at = saga_records.c.ended_at
    within = (ended_at >= stretches.c.since) & (ended_at < stretches.c.until)
    return select(*_figures(within)).select_from(stretches).order_by(stretches.c.since)


def _figures(within: ColumnElement[bool]) -> list[ColumnElement[int]]:
    return [
        *(
            _over(status, within, func.count()).label(status.value.lower())
            for status in (SagaStatus.COMPLETED, SagaStatus.COMPENSATED, SagaStatus.FAILED)
        ),
        _over(SagaStatus.COMPLETED, within, _total(saga_records.c.took)).label("microseconds"),
    ]


def _over(
    status: SagaStatus, within: ColumnElement[bool], figure: ColumnElement[int]
) -> ScalarSelect[int]:
    query = select(figure).select_from(saga_records)
    return query.where(saga_records.c.status == status.value, within).scalar_subquery()


def _total(microseconds: ColumnElement[int | None]) -> ColumnElement[int]:
    return func.coalesce(type_coerce(func.sum(microseconds), BigInteger), 0)
