"""The points service: what customers have earned and what they paid with it."""

from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy import insert, select, update

from models.calls import CompensationInput, DeductPointsInput, DeductPointsResult
from models.documents import ShopCustomer
from models.errors import NotEnoughPoints, UnknownCustomer
from models.steps import DEDUCT_POINTS
from services.database import Connection, Database
from services.operations import Operations, forward, operation_key, undo
from services.points.tables import customers, operations, point_entries


class PointsService:
    """Keeps the customers' balances of points, with a ledger that they are the sums of."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._operations = Operations(database, operations)

    async def deduct_points(self, request: DeductPointsInput) -> DeductPointsResult:
        """Takes the points off the balance. Raises `UnknownCustomer` or `NotEnoughPoints`."""
        return await self._operations.perform(
            forward(DEDUCT_POINTS, request.order_id, request, DeductPointsResult),
            lambda connection: self._deduct(connection, request),
        )

    async def restore_points(self, request: CompensationInput) -> None:
        """Gives back whatever points the order took."""
        await self._operations.perform(
            undo(DEDUCT_POINTS, request.order_id),
            lambda connection: self._restore(connection, request.order_id),
        )

    async def enrol_customers(self, shop_customers: Iterable[ShopCustomer]) -> None:
        """Adds the customers that are missing, and changes none that is there."""
        async with self._database.transaction() as connection:
            for customer in sorted(shop_customers, key=lambda customer: customer.customer_id):
                await self._enrol(connection, customer)

    async def _deduct(
        self, connection: Connection, request: DeductPointsInput
    ) -> DeductPointsResult:
        customer = customers.c.customer_id == request.customer_id
        balance = await connection.scalar(
            select(customers.c.balance).where(customer).with_for_update()
        )
        if balance is None:
            raise UnknownCustomer(f"no customer is called {request.customer_id}")
        taken = await connection.execute(
            update(customers)
            .where(customer, customers.c.balance >= request.points)
            .values(balance=customers.c.balance - request.points)
        )
        if taken.rowcount == 0:
            raise NotEnoughPoints(
                f"{request.customer_id} has {balance} points, and the order uses {request.points}"
            )
        key = operation_key(request.order_id, DEDUCT_POINTS.activity)
        await _book(connection, key, request.order_id, request.customer_id, -request.points)
        return DeductPointsResult(transaction_id=f"PTS-{request.order_id}")

    async def _restore(self, connection: Connection, order_id: str) -> None:
        deducted = operation_key(order_id, DEDUCT_POINTS.activity)
        entry = (
            await connection.execute(select(point_entries).where(point_entries.c.cause == deducted))
        ).one_or_none()
        if entry is None:
            return
        await connection.execute(
            update(customers)
            .where(customers.c.customer_id == entry.customer_id)
            .values(balance=customers.c.balance - entry.points)
        )
        key = operation_key(order_id, DEDUCT_POINTS.compensation.activity)
        await _book(connection, key, order_id, entry.customer_id, -entry.points)

    async def _enrol(self, connection: Connection, customer: ShopCustomer) -> None:
        row = connection.insert(customers).values(
            customer_id=customer.customer_id, balance=customer.points
        )
        added = await connection.execute(row.on_conflict_do_nothing())
        if added.rowcount:
            await _book(connection, "enrolled", None, customer.customer_id, customer.points)


async def _book(
    connection: Connection, cause: str, order_id: str | None, customer_id: str, points: int
) -> None:
    await connection.execute(
        insert(point_entries).values(
            cause=cause,
            customer_id=customer_id,
            order_id=order_id,
            points=points,
            at=datetime.now(UTC),
        )
    )
