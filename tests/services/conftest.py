"""The services over fresh stores."""

import pytest

from models.steps import Service
from services.database import Database
from services.inventory.service import InventoryService
from services.notifications.service import NotificationsService
from services.orders.service import OrdersService
from services.payments.service import PaymentsService
from services.points.service import PointsService
from services.shipping.service import ShippingService
from tests.databases import Stores
from tests.services.cases import CASES, UNDOABLE, Guarded, guarded_by, service_over


@pytest.fixture
async def orders_store(stores: Stores) -> Database:
    return await stores.open(Service.ORDERS)


@pytest.fixture
async def orders(orders_store: Database) -> OrdersService:
    service: OrdersService = await service_over(orders_store, Service.ORDERS)
    return service


@pytest.fixture
async def inventory_store(stores: Stores) -> Database:
    return await stores.open(Service.INVENTORY)


@pytest.fixture
async def inventory(inventory_store: Database) -> InventoryService:
    service: InventoryService = await service_over(inventory_store, Service.INVENTORY)
    return service


@pytest.fixture
async def payments_store(stores: Stores) -> Database:
    return await stores.open(Service.PAYMENTS)


@pytest.fixture
async def payments(payments_store: Database) -> PaymentsService:
    service: PaymentsService = await service_over(payments_store, Service.PAYMENTS)
    return service


@pytest.fixture
async def points_store(stores: Stores) -> Database:
    return await stores.open(Service.POINTS)


@pytest.fixture
async def points(points_store: Database) -> PointsService:
    service: PointsService = await service_over(points_store, Service.POINTS)
    return service


@pytest.fixture
async def shipping_store(stores: Stores) -> Database:
    return await stores.open(Service.SHIPPING)


@pytest.fixture
async def parcels(shipping_store: Database) -> ShippingService:
    service: ShippingService = await service_over(shipping_store, Service.SHIPPING)
    return service


@pytest.fixture
async def notifications_store(stores: Stores) -> Database:
    return await stores.open(Service.NOTIFICATIONS)


@pytest.fixture
async def notifications(notifications_store: Database) -> NotificationsService:
    service: NotificationsService = await service_over(notifications_store, Service.NOTIFICATIONS)
    return service


@pytest.fixture(params=CASES, ids=lambda case: case.operation)
async def guarded(request: pytest.FixtureRequest, stores: Stores) -> Guarded:
    """Each operation in turn, ready to be called."""
    return await guarded_by(request.param, stores)


@pytest.fixture(params=UNDOABLE, ids=lambda case: case.operation)
async def undoable(request: pytest.FixtureRequest, stores: Stores) -> Guarded:
    """Each operation that has an undo."""
    return await guarded_by(request.param, stores)
