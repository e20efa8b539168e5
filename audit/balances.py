"""What must be true of the balances that orders share: stock by product, points by customer."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Table, func, select

from audit.report import Finding
from audit.rules.rule import Figures, Rule
from models.steps import Service
from services.database import Connection, Database
from services.inventory.tables import products, reservations, stock_movements
from services.points.tables import customers, point_entries

Named = tuple[str, Figures]
"""A product's or customer's id and what is wrong with it."""
Check = Callable[[Connection, Sequence[Any]], Awaitable[list[Named]]]


@dataclass(frozen=True)
class BalanceRule(Rule):
    """Something that must be so for every row of a table of balances."""

    check: Check
    """What is wrong with some rows, within the snapshot that they were read in."""
    balances: Table

    async def findings(self, store: Database, size: int) -> AsyncIterator[Finding]:
        """Everything that is wrong in this store, which is read in batches."""
        key, last = _key(self.balances), ""
        while True:
            query = select(self.balances).where(key > last).order_by(key).limit(size)
            async with store.reading() as connection:
                rows = (await connection.execute(query)).all()
                wrong = await self.check(connection, rows)
            for name, figures in wrong:
                yield self.violated(None, {key.name: name, **figures})
            if len(rows) < size:
                return
            last = getattr(rows[-1], key.name)


def balance_rule(service: Service, balances: Table) -> Callable[[Check], BalanceRule]:
    """Makes a rule of a function."""

    def rule(check: Check) -> BalanceRule:
        return BalanceRule(check.__name__, service, check.__doc__ or "", check, balances)

    return rule


@balance_rule(Service.INVENTORY, products)
async def stock_equals_its_movements(connection: Connection, rows: Sequence[Any]) -> list[Named]:
    """What is available and reserved of a product is what its movements add up to.

    So available and reserved together are what was ever stocked, and neither is below zero.
    To do: the movements are append-only and decide; count the shelf, and correct the product.
    """
    moved = await _sums(
        connection,
        stock_movements.c.product_id,
        [row.product_id for row in rows],
        stock_movements.c.available,
        stock_movements.c.reserved,
    )
    return [
        (
            row.product_id,
            {
                "available": row.available,
                "reserved": row.reserved,
                "available_by_movements": available,
                "reserved_by_movements": reserved,
            },
        )
        for row in rows
        for available, reserved in [moved.get(row.product_id, (0, 0))]
        if (row.available, row.reserved) != (available, reserved)
        or min(row.available, row.reserved) < 0
    ]


@balance_rule(Service.INVENTORY, products)
async def reserved_stock_is_held(connection: Connection, rows: Sequence[Any]) -> list[Named]:
    """What is reserved of a product is what orders hold of it.

    To do: release a reservation that no order needs, or correct the product.
    """
    held = await _sums(
        connection,
        reservations.c.product_id,
        [row.product_id for row in rows],
        reservations.c.quantity,
        only=reservations.c.status == "HELD",
    )
    return [
        (row.product_id, {"reserved": row.reserved, "held": quantity})
        for row in rows
        for (quantity,) in [held.get(row.product_id, (0,))]
        if row.reserved != quantity
    ]


@balance_rule(Service.INVENTORY, products)
async def stock_moves_for_a_reason(connection: Connection, rows: Sequence[Any]) -> list[Named]:
    """A product was stocked once, and all other movements of its stock belong to orders.

    To do: find out who moved stock past the inventory service.
    """
    movement = stock_movements.c
    query = select(movement.product_id, movement.cause, movement.available).where(
        movement.product_id.in_([row.product_id for row in rows]),
        movement.order_id.is_(None),
        movement.cause != "stocked",
    )
    return [
        (row.product_id, {"cause": row.cause, "available": row.available})
        for row in (await connection.execute(query)).all()
    ]


@balance_rule(Service.POINTS, customers)
async def points_equal_their_entries(connection: Connection, rows: Sequence[Any]) -> list[Named]:
    """A customer's balance is the sum of all entries, and not below zero.

    To do: the entries are append-only and decide; correct the balance.
    """
    booked = await _sums(
        connection,
        point_entries.c.customer_id,
        [row.customer_id for row in rows],
        point_entries.c.points,
    )
    return [
        (row.customer_id, {"balance": row.balance, "balance_by_entries": points})
        for row in rows
        for (points,) in [booked.get(row.customer_id, (0,))]
        if row.balance != points or row.balance < 0
    ]


BALANCE_RULES = (
    stock_equals_its_movements,
    reserved_stock_is_held,
    stock_moves_for_a_reason,
    points_equal_their_entries,
)


async def _sums(
    connection: Connection,
    key: Column[str],
    keys: Sequence[str],
    *amounts: Column[Any],
    only: ColumnElement[bool] | None = None,
) -> dict[str, tuple[int, ...]]:
    """Sums of the amounts by key. PostgreSQL adds integers up to decimals."""
    query = (
        select(key, *(func.sum(amount) for amount in amounts))
        .where(key.in_(keys), *(() if only is None else (only,)))
        .group_by(key)
    )
    rows: Sequence[Any] = (await connection.execute(query)).all()
    return {row[0]: tuple(int(total) for total in row[1:]) for row in rows}


def _key(balances: Table) -> Column[str]:
    (key,) = balances.primary_key.columns
    return key
