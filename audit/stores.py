"""Reading the six stores by order, in batches and without a merge.

The stores are separate databases, perhaps with different collations, so nothing here relies on
one order of ids in all of them: the records are walked in their own order and everything else
is looked up by id; then each other table is walked for ids that no record has.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Row, Table, func, select

from audit.facts import OrderFacts
from models.steps import OPERATIONS, PROCESS_PAYMENT, Service
from runtime.settings import Settings
from services.database import Connection, Database
from services.inventory import tables as inventory
from services.notifications import tables as notifications
from services.orders import tables as orders
from services.payments import tables as payments
from services.points import tables as points
from services.shipping import tables as shipping

Stores = Mapping[Service, Database]
"""The store of every service."""


@contextlib.asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Stores]:
    """The stores that the settings name; connected to on first use, and never created."""
    async with contextlib.AsyncExitStack() as stack:
        stores: dict[Service, Database] = {}
        for service in Service:
            stores[service] = Database(settings.database_url_for(service))
            stack.push_async_callback(stores[service].close)
        yield stores


@dataclass(frozen=True)
class Source:
    """A table with rows about orders, and how an order's rows are found in it.

    Columns with personal data are not read.
    """

    service: Service
    table: Table
    columns: tuple[ColumnElement[Any], ...]
    key: Column[Any]
    """Indexed. The order's id, or begins with it."""
    suffixes: tuple[str, ...] = ("",)
    """What follows the order's id in the key."""

    @property
    def is_guard(self) -> bool:
        """Whether these are a guard's rows, one for each operation."""
        return self.table.name == "operations"

    def knows(self, order: OrderFacts) -> bool:
        """Whether the order has a row here."""
        if self.is_guard:
            return any(OPERATIONS.get(name) is self.service for name in order.guards)
        return bool(order.rows.get(self.table))

    def order_id(self, key: str) -> str:
        """The id of the order that a row with this key is about."""
        return key if self.suffixes == ("",) else key.rpartition(":")[0]

    def keys(self, order_ids: Iterable[str]) -> list[str]:
        """The keys under which the rows of these orders are found."""
        return [order_id + suffix for order_id in order_ids for suffix in self.suffixes]


def _source(service: Service, table: Table, *without: str) -> Source:
    columns = tuple(column for column in table.c if column.name not in without)
    return Source(service, table, columns, table.c.order_id)


def _guard(service: Service, table: Table) -> Source:
    columns = (
        table.c.order_id,
        table.c.operation,
        table.c.answer.is_not(None).label("answered"),
        table.c.refusal,
        table.c.fenced,
        table.c.fenced_calls,
    )
    return Source(service, table, columns, table.c.order_id)


def _by_key(
    service: Service, table: Table, key: Column[Any], suffixes: tuple[str, ...], *without: str
) -> Source:
    columns = tuple(column for column in table.c if column.name not in without)
    return Source(service, table, columns, key, suffixes)


_GATEWAY_KEY = (f":{PROCESS_PAYMENT.activity}",)
RECORDS = _source(Service.ORDERS, orders.saga_records, "error_message", "created_at")
SOURCES = (
    RECORDS,
    _source(Service.ORDERS, orders.orders),
    _by_key(
        Service.ORDERS,
        orders.outbox,
        orders.outbox.c.event_id,
        (":OrderCompleted", ":OrderFailed"),
        "event",
        "created_at",
        "published_at",
    ),
    _guard(Service.ORDERS, orders.operations),
    _source(Service.INVENTORY, inventory.reservations, "reservation_id"),
    _source(Service.INVENTORY, inventory.stock_movements, "at"),
    _guard(Service.INVENTORY, inventory.operations),
    _source(Service.PAYMENTS, payments.payments),
    _source(Service.PAYMENTS, payments.payment_entries, "at"),
    _by_key(
        Service.PAYMENTS,
        payments.gateway_payments,
        payments.gateway_payments.c.key,
        _GATEWAY_KEY,
        "body_hash",
        "declined_because",
    ),
    _by_key(
        Service.PAYMENTS,
        payments.gateway_entries,
        payments.gateway_entries.c.key,
        _GATEWAY_KEY,
        "at",
    ),
    _guard(Service.PAYMENTS, payments.operations),
    _source(Service.POINTS, points.point_entries, "at"),
    _guard(Service.POINTS, points.operations),
    _source(Service.SHIPPING, shipping.shipments, "shipping_address", "booked_at", "changed_at"),
    _guard(Service.SHIPPING, shipping.operations),
    _source(Service.NOTIFICATIONS, notifications.notifications, "subject", "text", "created_at"),
    _guard(Service.NOTIFICATIONS, notifications.operations),
)


class OrderReader:
    """Reads what the stores say about orders. Every method raises `StoreError`."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    async def check_reachable(self) -> None:
        """Raises `StoreUnavailable` for the first store that cannot be read."""
        for store in self._stores.values():
            async with store.reading():
                pass

    async def count(self, source: Source) -> int:
        """How many rows of the table are about orders."""
        async with self._stores[source.service].reading() as connection:
            total: int = await connection.scalar(select(func.count(source.key)))
        return total

    async def recorded(self, size: int) -> AsyncIterator[list[str]]:
        """The ids of all orders with a record, in batches."""
        async for batch in self.walk(RECORDS, size):
            yield batch

    async def unrecorded(self, source: Source, size: int) -> AsyncIterator[list[str]]:
        """The ids of orders in this table that no record has, in batches."""
        async for batch in self.walk(source, size):
            ids = list(dict.fromkeys(source.order_id(key) for key in batch))
            known = await self.records(ids)
            if missing := [order_id for order_id in ids if order_id not in known]:
                yield missing

    async def records(self, order_ids: Sequence[str]) -> dict[str, Row[Any]]:
        """Status and kind of the records of these orders, by order id."""
        record = RECORDS.table.c
        query = select(record.order_id, record.saga_id, record.kind, record.status).where(
            record.order_id.in_(order_ids)
        )
        async with self._stores[Service.ORDERS].reading() as connection:
            return {row.order_id: row for row in (await connection.execute(query)).all()}

    async def facts(
        self, order_ids: Sequence[str], rows_read: Counter[Table] | None = None
    ) -> list[OrderFacts]:
        """Everything the stores say about these orders; each store is one snapshot.

        The orders store is read first. Closing an order comes after all of its other effects,
        so what the other stores say about an order that is closed by then is final.
        `rows_read` counts what was read of each table.
        """
        facts = {order_id: OrderFacts(order_id) for order_id in order_ids}
        counts: Counter[Table] = Counter() if rows_read is None else rows_read
        await self._read(Service.ORDERS, facts, counts)
        others = [service for service in Service if service is not Service.ORDERS]
        await asyncio.gather(*(self._read(service, facts, counts) for service in others))
        return list(facts.values())

    async def walk(self, source: Source, size: int) -> AsyncIterator[list[str]]:
        """All keys of the table, in batches, each in a snapshot of its own."""
        last = ""
        while True:
            query = (
                select(source.key)
                .distinct()
                .where(source.key > last)
                .order_by(source.key)
                .limit(size)
            )
            async with self._stores[source.service].reading() as connection:
                batch = list((await connection.execute(query)).scalars().all())
            if batch:
                yield batch
                last = batch[-1]
            if len(batch) < size:
                return

    async def _read(
        self, service: Service, facts: Mapping[str, OrderFacts], counts: Counter[Table]
    ) -> None:
        async with self._stores[service].reading() as connection:
            for source in SOURCES:
                if source.service is service:
                    counts[source.table] += await _collect(connection, source, facts)


async def _collect(connection: Connection, source: Source, facts: Mapping[str, OrderFacts]) -> int:
    query = select(*source.columns).where(source.key.in_(source.keys(facts)))
    rows = (await connection.execute(query)).all()
    key = [column.name for column in source.columns].index(source.key.name)
    for row in rows:
        order = facts[source.order_id(row[key])]
        if source.is_guard:
            order.guards[row.operation] = row
        else:
            order.rows[source.table].append(row)
    return len(rows)
