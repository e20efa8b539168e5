"""The services over fresh stores."""

import pytest

from models.steps import Service
from services.database import Database
from services.inventory.service import InventoryService
from services.notifications.service import NotificationsService
from services.orders.service import OrdersService
from services.payments.sandbox import SandboxGateway
from services.payments.service import PaymentsService
from services.points.service import PointsService
from services.shipping.service import ShippingService
from tests.databases import Stores
from tests.services.orders import CUSTOMER, OTHER_PRODUCT, PRODUCT


@pytest.fixture
async def orders_store(stores: Stores) -> Database:
    return await stores.open(Service.ORDERS)


@pytest.fixture
async def inventory_store(stores: Stores) -> Database:
    return await stores.open(Service.INVENTORY)


@pytest.fixture
async def payments_store(stores: Stores) -> Database:
    return await stores.open(Service.PAYMENTS)


@pytest.fixture
async def points_store(stores: Stores) -> Database:
    return await stores.open(Service.POINTS)


@pytest.fixture
async def shipping_store(stores: Stores) -> Database:
    return await stores.open(Service.SHIPPING)


@pytest.fixture
async def notifications_store(stores: Stores) -> Database:
    return await stores.open(Service.NOTIFICATIONS)


@pytest.fixture
def orders(orders_store: Database) -> OrdersService:
    return OrdersService(orders_store)


@pytest.fixture
async def inventory(inventory_store: Database) -> InventoryService:
    service = InventoryService(inventory_store)
    await service.stock_products([PRODUCT, OTHER_PRODUCT])
    return service


@pytest.fixture
def payments(payments_store: Database) -> PaymentsService:
    return PaymentsService(payments_store, SandboxGateway(payments_store))


@pytest.fixture
async def points(points_store: Database) -> PointsService:
    service = PointsService(points_store)
    await service.enrol_customers([CUSTOMER])
    return service


@pytest.fixture
def shipments(shipping_store: Database) -> ShippingService:
    return ShippingService(shipping_store)


@pytest.fixture
def notifications(notifications_store: Database) -> NotificationsService:
    return NotificationsService(notifications_store)
