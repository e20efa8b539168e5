"""The inventory: what is in stock, and what is held for which order."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert, select, update

from models.calls import CompensationInput, ReserveInventoryInput, ReserveInventoryResult
from models.documents import ShopProduct
from models.errors import OutOfStock, PriceChanged, Refusal, UnknownProduct
from models.money import decimal_string
from models.order import OrderLine
from models.steps import RESERVE_INVENTORY
from services.database import Connection, Database
from services.inventory.tables import operations, products, reservations, stock_movements
from services.operations import Operations, forward, operation_key, undo


class InventoryService:
    """Holds stock for orders. A reservation stays its order's until the warehouse ships it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._operations = Operations(database, operations)

    async def reserve_inventory(self, request: ReserveInventoryInput) -> ReserveInventoryResult:
        """Holds every line of the order, or refuses and holds none.

        Raises `UnknownProduct`, `PriceChanged` or `OutOfStock`.
        """
        return await self._operations.perform(
            forward(RESERVE_INVENTORY, request.order_id, request, ReserveInventoryResult),
            lambda connection: self._reserve(connection, request),
        )

    async def release_inventory(self, request: CompensationInput) -> None:
        """Makes available again whatever is held for the order."""
        await self._operations.perform(
            undo(RESERVE_INVENTORY, request.order_id),
            lambda connection: self._release(connection, request.order_id),
        )

    async def stock_products(self, shop_products: Iterable[ShopProduct]) -> None:
        """Adds the products that are missing, and changes none that is there."""
        async with self._database.transaction() as connection:
            for product in sorted(shop_products, key=lambda product: product.product_id):
                await self._stock(connection, product)

    async def _reserve(
        self, connection: Connection, request: ReserveInventoryInput
    ) -> ReserveInventoryResult:
        reservation_id = f"RES-{request.order_id}"
        # In the order of product ids, like every change of stock: orders that share products
        # wait for one another and never in a circle.
        for line in sorted(request.lines, key=lambda line: line.product_id):
            await _take(connection, line, request.currency)
            await connection.execute(
                insert(reservations).values(
                    order_id=request.order_id,
                    product_id=line.product_id,
                    reservation_id=reservation_id,
                    quantity=line.quantity,
                    status="HELD",
                )
            )
            cause = operation_key(request.order_id, RESERVE_INVENTORY.activity)
            await _book(connection, cause, request.order_id, line.product_id, -line.quantity)
        return ReserveInventoryResult(reservation_id=reservation_id)

    async def _release(self, connection: Connection, order_id: str) -> None:
        held = await connection.execute(
            select(reservations)
            .where(reservations.c.order_id == order_id, reservations.c.status == "HELD")
            .order_by(reservations.c.product_id)
        )
        for reservation in held.all():
            await connection.execute(
                update(products)
                .where(products.c.product_id == reservation.product_id)
                .values(
                    available=products.c.available + reservation.quantity,
                    reserved=products.c.reserved - reservation.quantity,
                )
            )
            cause = operation_key(order_id, RESERVE_INVENTORY.compensation.activity)
            await _book(connection, cause, order_id, reservation.product_id, reservation.quantity)
        await connection.execute(
            update(reservations)
            .where(reservations.c.order_id == order_id)
            .values(status="RELEASED")
        )

    async def _stock(self, connection: Connection, product: ShopProduct) -> None:
        row = connection.insert(products).values(
            product_id=product.product_id,
            price=product.price,
            currency=product.currency,
            available=product.stock,
            reserved=0,
        )
        added = await connection.execute(row.on_conflict_do_nothing())
        if added.rowcount:
            await connection.execute(
                insert(stock_movements).values(
                    cause="stocked",
                    product_id=product.product_id,
                    available=product.stock,
                    reserved=0,
                    at=datetime.now(UTC),
                )
            )


async def _take(connection: Connection, line: OrderLine, currency: str) -> None:
    """Moves the line's quantity from available to reserved, or raises why not."""
    listed = products.c.product_id == line.product_id
    product = (await connection.execute(select(products).where(listed).with_for_update())).first()
    taken = await connection.execute(
        update(products)
        .where(
            listed,
            products.c.price == line.unit_price,
            products.c.currency == currency,
            products.c.available >= line.quantity,
        )
        .values(
            available=products.c.available - line.quantity,
            reserved=products.c.reserved + line.quantity,
        )
    )
    if taken.rowcount == 0:
        raise _why_not(product, line, currency)


def _why_not(product: Any, line: OrderLine, currency: str) -> Refusal:
    if product is None:
        return UnknownProduct(f"no product is called {line.product_id}")
    if (product.price, product.currency) != (line.unit_price, currency):
        listed = f"{decimal_string(product.price, product.currency)} {product.currency}"
        ordered = f"{decimal_string(line.unit_price, currency)} {currency}"
        return PriceChanged(f"{line.product_id} costs {listed}, and was ordered at {ordered}")
    return OutOfStock(f"{line.product_id}: {line.quantity} ordered, {product.available} available")


async def _book(
    connection: Connection, cause: str, order_id: str, product_id: str, available: int
) -> None:
    await connection.execute(
        insert(stock_movements).values(
            cause=cause,
            product_id=product_id,
            order_id=order_id,
            available=available,
            reserved=-available,
            at=datetime.now(UTC),
        )
    )
