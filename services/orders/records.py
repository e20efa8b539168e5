"""Reading the orders service's saga records, which outlive Temporal's retention."""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Row, Select, select, tuple_

from models.contract import Contract
from models.order import Order
from models.saga import SagaKind, SagaState, SagaStatus
from services.database import Database
from services.operations import content_hash as hash_of
from services.orders.tables import saga_records


def content_hash(order: Order) -> str:
    """What tells two orders under one id apart: a hash of everything that was ordered."""
    return hash_of(order)


class SagaRecord(Contract):
    """What the orders service keeps about one saga."""

    saga_id: str
    order_id: str
    kind: SagaKind
    customer_id: str
    content_hash: str
    status: SagaStatus
    """STARTED, COMPLETED, COMPENSATED or FAILED; what lies between only Temporal knows."""
    error_code: str | None
    error_message: str | None
    created_at: datetime
    ended_at: datetime | None
    state: SagaState | None
    """As it was at the end; None while the saga is open."""

    @property
    def cursor(self) -> "Cursor":
        """Where the list goes on after this record."""
        return Cursor(self.created_at, self.saga_id)


class Cursor(NamedTuple):
    """A place in the list of records."""

    created_at: datetime
    saga_id: str


class OrderRecords:
    """The saga records, newest first. Fast with hundreds of thousands of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, order_id: str) -> SagaRecord | None:
        """The record of an order's saga."""
        query = select(saga_records).where(saga_records.c.order_id == order_id)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _record(row)

    async def list(
        self, status: SagaStatus | None = None, limit: int = 50, after: Cursor | None = None
    ) -> list[SagaRecord]:
        """At most `limit` records, newest first, from behind `after` on."""
        async with self._database.reading() as connection:
            rows = (await connection.execute(self.query(status, limit, after))).all()
        return [_record(row) for row in rows]

    @staticmethod
    def query(status: SagaStatus | None, limit: int, after: Cursor | None) -> Select[Any]:
        """What `list` asks the store; an index has the answer in this order."""
        place = (saga_records.c.created_at, saga_records.c.saga_id)
        query = select(saga_records).order_by(*(column.desc() for column in place)).limit(limit)
        if status is not None:
            query = query.where(saga_records.c.status == status.value)
        if after is not None:
            query = query.where(tuple_(*place) < tuple_(*after))
        return query


def _record(row: Row[Any]) -> SagaRecord:
    return SagaRecord.model_validate(dict(row._mapping))
