"""Reading lists of orders with what they cost, filtered and page by page."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, select, tuple_

from models.contract import Contract
from models.saga import SagaKind, SagaStatus
from services.database import Connection, Database
from services.orders.records import Cursor, SagaRecord
from services.orders.tables import orders, saga_records

FEW = 1000
"""So many orders are sorted faster than they are found among all others, newest first."""


class RecordFilter(Contract):
    """Which records to list; None lets every record through."""

    status: SagaStatus | None = None
    """One that a record can have."""
    order_id: str | None = None
    """The beginning of the order's id."""
    customer_id: str | None = None
    kind: SagaKind | None = None


class ListedOrder(Contract):
    """An order's record, with what the order costs."""

    record: SagaRecord
    currency: str
    total_amount: int
    """In minor units, like `amount_charged`."""
    amount_charged: int


class OrderListing:
    """The orders that have a record, newest first. Fast with hundreds of thousands of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def places(
        self, only: RecordFilter, limit: int, after: Cursor | None = None
    ) -> list[Cursor]:
        """At most `limit` orders that pass the filter, newest first, from behind `after` on.

        Where and which they are; `of` reads those of them that are shown.
        """
        async with self._database.reading() as connection:
            few = only.order_id is not None and await _are_few(connection, only.order_id)
            query = listing_query(only, limit, after, few=few)
            return [Cursor(row.created_at, row.saga_id) for row in await connection.execute(query)]

    async def of(self, saga_ids: Iterable[str]) -> dict[str, ListedOrder]:
        """Those of these sagas that have a record, by saga id."""
        query = (
            select(saga_records, orders.c.currency, orders.c.total_amount, orders.c.amount_charged)
            .join(orders, orders.c.order_id == saga_records.c.order_id)
            .where(saga_records.c.saga_id.in_(list(saga_ids)))
        )
        async with self._database.reading() as connection:
            found = [_listed(row) for row in await connection.execute(query)]
        return {each.record.saga_id: each for each in found}


def listing_query(
    only: RecordFilter, limit: int, after: Cursor | None, *, few: bool = False
) -> Select[Any]:
    """What `places` asks the store. `few`: the beginning of the order's id selects few records.

    The most telling filter is the one to find records by. The others are written so that no
    index fits them: the planners cannot know how many orders a customer or a status has.
    """
    place = (saga_records.c.created_at, saga_records.c.saga_id)
    order = [column.desc() for column in place]
    query = select(*place).where(*_conditions(only, few=few)).order_by(*order).limit(limit)
    if after is not None:
        query = query.where(tuple_(*place) < tuple_(*after))
    return query


def _conditions(only: RecordFilter, *, few: bool) -> Iterable[ColumnElement[bool]]:
    found_by = few
    if only.order_id is not None:
        yield _begins(only.order_id) if few else _shows(only.order_id)
    for column, value in (
        (saga_records.c.customer_id, only.customer_id),
        (saga_records.c.status, only.status),
        (saga_records.c.kind, only.kind),
    ):
        if value is not None:
            yield (column.concat("") if found_by else column) == str(value)
            found_by = True


def _begins(prefix: str) -> ColumnElement[bool]:
    """By the index on the order's id. No id holds the last character there is."""
    column = saga_records.c.order_id
    return (column >= prefix) & (column < f"{prefix}\U0010ffff")


def _shows(prefix: str) -> ColumnElement[bool]:
    """By no index, looking at the orders from the newest on."""
    return func.substr(saga_records.c.order_id, 1, len(prefix)) == prefix


async def _are_few(connection: Connection, prefix: str) -> bool:
    some = select(saga_records.c.order_id).where(_begins(prefix)).limit(FEW).subquery()
    count = await connection.scalar(select(func.count()).select_from(some))
    return int(count) < FEW


def _listed(row: Row[Any]) -> ListedOrder:
    values = dict(row._mapping)
    return ListedOrder(
        currency=values.pop("currency"),
        total_amount=values.pop("total_amount"),
        amount_charged=values.pop("amount_charged"),
        record=SagaRecord.model_validate(values),
    )
