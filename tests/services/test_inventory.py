"""The inventory's rules."""

import asyncio

import pytest

from models.errors import OutOfStock, PriceChanged, UnknownProduct
from models.order import OrderLine
from services.database import Database
from services.inventory.service import InventoryService
from tests.services.ledgers import stock
from tests.services.orders import (
    OTHER_PRODUCT,
    PRODUCT,
    line,
    order,
    reserving,
    undoing,
)


async def test_reserves_every_line(inventory: InventoryService, inventory_store: Database) -> None:
    two = order("ORD-1", line(OTHER_PRODUCT, 3), line(PRODUCT, 2))
    result = await inventory.reserve_inventory(reserving(two))
    assert result.reservation_id == "RES-ORD-1"
    assert await stock(inventory_store, PRODUCT.product_id) == (98, 2)
    assert await stock(inventory_store, OTHER_PRODUCT.product_id) == (7, 3)


async def test_reserves_nothing_when_one_line_is_out_of_stock(
    inventory: InventoryService, inventory_store: Database
) -> None:
    too_much = order("ORD-1", line(PRODUCT, 2), line(OTHER_PRODUCT, 11))
    with pytest.raises(OutOfStock, match="PROD-2: 11 ordered, 10 available"):
        await inventory.reserve_inventory(reserving(too_much))
    assert await stock(inventory_store, PRODUCT.product_id) == (100, 0)
    assert await stock(inventory_store, OTHER_PRODUCT.product_id) == (10, 0)


async def test_refuses_a_product_that_nobody_knows(inventory: InventoryService) -> None:
    unknown = OrderLine(product_id="PROD-9", quantity=1, unit_price=1)
    with pytest.raises(UnknownProduct, match="PROD-9"):
        await inventory.reserve_inventory(reserving(order("ORD-1", unknown, points=0)))


async def test_refuses_another_price_than_the_listed_one(inventory: InventoryService) -> None:
    cheap = OrderLine(product_id="PROD-1", quantity=1, unit_price=4999)
    with pytest.raises(PriceChanged, match=r"costs 50\.00 USD, and was ordered at 49\.99"):
        await inventory.reserve_inventory(reserving(order("ORD-1", cheap)))


async def test_refuses_another_currency_than_the_listed_one(inventory: InventoryService) -> None:
    in_won = reserving(order()).model_copy(update={"currency": "KRW"})
    with pytest.raises(PriceChanged, match=r"50\.00 USD, and was ordered at 5000 KRW"):
        await inventory.reserve_inventory(in_won)


async def test_stocking_again_changes_nothing(
    inventory: InventoryService, inventory_store: Database
) -> None:
    await inventory.reserve_inventory(reserving(order()))
    await inventory.stock_products([PRODUCT.model_copy(update={"stock": 5000, "price": 1})])
    assert await stock(inventory_store, PRODUCT.product_id) == (98, 2)
    await inventory.reserve_inventory(reserving(order("ORD-2")))
    assert await stock(inventory_store, PRODUCT.product_id) == (96, 4)


async def test_sells_exactly_what_is_there_when_everybody_wants_it(
    inventory: InventoryService, inventory_store: Database
) -> None:
    wanted = [order(f"ORD-{number}", line(PRODUCT)) for number in range(200)]
    results = await asyncio.gather(
        *(inventory.reserve_inventory(reserving(one)) for one in wanted), return_exceptions=True
    )
    refused = [result for result in results if isinstance(result, BaseException)]
    assert {type(result) for result in refused} == {OutOfStock}
    assert len(refused) == 100
    assert await stock(inventory_store, PRODUCT.product_id) == (0, 100)


async def test_orders_that_share_products_do_not_block_each_other(
    inventory: InventoryService, inventory_store: Database
) -> None:
    async def hold_and_release(number: int) -> None:
        lines = [line(PRODUCT), line(OTHER_PRODUCT)]
        wanted = order(f"ORD-{number}", *(lines if number % 2 else reversed(lines)))
        await inventory.reserve_inventory(reserving(wanted))
        await inventory.release_inventory(undoing(wanted))

    await asyncio.gather(*(hold_and_release(number) for number in range(10)))
    assert await stock(inventory_store, PRODUCT.product_id) == (100, 0)
    assert await stock(inventory_store, OTHER_PRODUCT.product_id) == (10, 0)
