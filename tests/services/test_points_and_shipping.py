"""The rules of the points and the shipping service, and how a shop is filled."""

import asyncio

import pytest

from models.documents import Shop
from models.errors import NotEnoughPoints, Refusal, ShipmentHandedOver, UnknownCustomer
from services.database import Database
from services.inventory.service import InventoryService
from services.points.service import PointsService
from services.shipping.service import ShippingService
from services.shipping.tables import operations, shipments
from tests.services.ledgers import balance, operation, rows, stock
from tests.services.orders import (
    CUSTOMER,
    PRODUCT,
    deducting,
    order,
    reserving,
    shipping,
    undoing,
)


async def test_deducts_points(points: PointsService, points_store: Database) -> None:
    result = await points.deduct_points(deducting(order(points=10)))
    assert result.transaction_id == "PTS-ORD-1"
    assert await balance(points_store, CUSTOMER.customer_id) == 990


async def test_refuses_a_customer_that_nobody_knows(points: PointsService) -> None:
    stranger = deducting(order()).model_copy(update={"customer_id": "CUST-9"})
    with pytest.raises(UnknownCustomer, match="CUST-9"):
        await points.deduct_points(stranger)


async def test_refuses_more_points_than_there_are(
    points: PointsService, points_store: Database
) -> None:
    with pytest.raises(NotEnoughPoints, match="CUST-1 has 1000 points, and the order uses 1001"):
        await points.deduct_points(deducting(order(points=1001)))
    assert await balance(points_store, CUSTOMER.customer_id) == 1000


async def test_never_spends_a_point_twice_when_many_orders_want_it(
    points: PointsService, points_store: Database
) -> None:
    results = await asyncio.gather(
        *(points.deduct_points(deducting(order(f"ORD-{n}", points=100))) for n in range(30)),
        return_exceptions=True,
    )
    refused = [result for result in results if isinstance(result, BaseException)]
    assert {type(result) for result in refused} == {NotEnoughPoints}
    assert len(refused) == 20
    assert await balance(points_store, CUSTOMER.customer_id) == 0


async def test_filling_a_shop_again_adds_what_is_missing_and_changes_nothing_else(
    inventory: InventoryService,
    inventory_store: Database,
    points: PointsService,
    points_store: Database,
) -> None:
    new_product = PRODUCT.model_copy(update={"product_id": "PROD-새", "stock": 7})
    new_customer = CUSTOMER.model_copy(update={"customer_id": "CUST-2", "points": 5})
    shop = Shop(
        products=(PRODUCT.model_copy(update={"stock": 1}), new_product),
        customers=(CUSTOMER.model_copy(update={"points": 1}), new_customer),
    )
    await inventory.reserve_inventory(reserving(order()))
    await asyncio.gather(*(inventory.stock_products(shop.products) for _ in range(3)))
    await asyncio.gather(*(points.enrol_customers(shop.customers) for _ in range(3)))
    assert await stock(inventory_store, PRODUCT.product_id) == (98, 2)
    assert await stock(inventory_store, "PROD-새") == (7, 0)
    assert await balance(points_store, CUSTOMER.customer_id) == 1000
    assert await balance(points_store, "CUST-2") == 5


async def test_books_a_shipment(shipping_store: Database, parcels: ShippingService) -> None:
    result = await parcels.create_shipment(shipping(order()))
    assert result.shipment_id == "SHP-ORD-1"
    (row,) = await rows(shipping_store, shipments)
    assert row.shipping_address == order().shipping_address
    assert row.lines == [{"product_id": "PROD-1", "quantity": 2}]
    assert row.status == "BOOKED"


async def test_cannot_cancel_a_parcel_that_was_handed_over_and_says_so_each_time(
    shipping_store: Database, parcels: ShippingService
) -> None:
    await parcels.create_shipment(shipping(order()))
    for _ in range(2):
        await parcels.hand_over("ORD-1")
    for _ in range(2):
        with pytest.raises(ShipmentHandedOver, match="ORD-1"):
            await parcels.cancel_shipment(undoing(order()))
    assert await rows(shipping_store, operations, operation="cancel_shipment") == []
    assert (await operation(shipping_store, "ORD-1:create_shipment")).fenced
    (row,) = await rows(shipping_store, shipments)
    assert row.status == "HANDED_OVER"


async def test_hands_over_nothing_that_was_cancelled_or_never_booked(
    parcels: ShippingService,
) -> None:
    with pytest.raises(Refusal, match="ORD-1 has no shipment"):
        await parcels.hand_over("ORD-1")
    await parcels.create_shipment(shipping(order()))
    await parcels.cancel_shipment(undoing(order()))
    with pytest.raises(Refusal, match="ORD-1 has no shipment"):
        await parcels.hand_over("ORD-1")


async def test_parcel_either_leaves_or_is_cancelled_when_both_are_asked_at_once(
    shipping_store: Database, parcels: ShippingService
) -> None:
    for number in range(10):
        this = order(f"ORD-{number}")
        await parcels.create_shipment(shipping(this))
        results = await asyncio.gather(
            parcels.hand_over(this.order_id),
            parcels.cancel_shipment(undoing(this)),
            return_exceptions=True,
        )
        assert sum(isinstance(result, Refusal) for result in results) == 1
        (row,) = await rows(shipping_store, shipments, order_id=this.order_id)
        left = isinstance(results[1], ShipmentHandedOver)
        assert row.status == ("HANDED_OVER" if left else "CANCELLED")
