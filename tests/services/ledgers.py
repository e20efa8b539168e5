"""Recounts the services' books from their entries, and compares them with the balances."""

from typing import Any

from sqlalchemy import Table, func, select

from services.database import Database
from services.inventory import tables as inventory
from services.payments import tables as payments
from services.points import tables as points


async def rows(database: Database, table: Table, **values: Any) -> list[Any]:
    """The table's rows that have these values."""
    query = select(table).where(*(table.c[name] == value for name, value in values.items()))
    async with database.reading() as connection:
        return list((await connection.execute(query)).all())


async def operation(database: Database, key: str) -> Any:
    """The guard's row for a key; the table is the same in every store."""
    (row,) = await rows(database, points.operations, key=key)
    return row


async def stock(database: Database, product_id: str) -> tuple[int, int]:
    """Available and reserved, after checking them against the movements and the reservations."""
    product = inventory.products.c
    movement = inventory.stock_movements.c
    held = inventory.reservations.c
    async with database.reading() as connection:
        balance = (
            await connection.execute(
                select(product.available, product.reserved).where(product.product_id == product_id)
            )
        ).one()
        moved = (
            await connection.execute(
                select(func.sum(movement.available), func.sum(movement.reserved)).where(
                    movement.product_id == product_id
                )
            )
        ).one()
        reserved = await connection.scalar(
            select(func.coalesce(func.sum(held.quantity), 0)).where(
                held.product_id == product_id, held.status == "HELD"
            )
        )
    assert tuple(balance) == tuple(moved)
    assert balance.reserved == reserved
    return balance.available, balance.reserved


async def balance(database: Database, customer_id: str) -> int:
    """A customer's points, after checking them against the entries."""
    entry = points.point_entries.c
    customer = points.customers.c
    async with database.reading() as connection:
        balance = await connection.scalar(
            select(customer.balance).where(customer.customer_id == customer_id)
        )
        booked = await connection.scalar(
            select(func.sum(entry.points)).where(entry.customer_id == customer_id)
        )
    assert balance == booked
    return int(booked)


async def paid(database: Database, order_id: str) -> int:
    """What the customer has paid for the order by our books, which must agree with the gateway's.

    Only to be asked when no payment or refund of the order is on its way.
    """
    key = f"{order_id}:process_payment"
    entries = await rows(database, payments.payment_entries, order_id=order_id)
    gateway = await rows(database, payments.gateway_entries, key=key)
    assert sum(entry.amount for entry in gateway) == 0
    merchant = {entry.kind: entry.amount for entry in gateway if entry.account == "merchant"}
    assert {entry.kind: entry.amount for entry in entries} == merchant
    for payment in await rows(database, payments.payments, order_id=order_id):
        assert payment.captured - payment.refunded == sum(entry.amount for entry in entries)
    return sum(entry.amount for entry in entries)
