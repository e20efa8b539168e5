"""Every operation of every service, to hold all of them to the same promises."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import MetaData, select

from models.contract import Contract
from models.order import Order
from models.saga import SagaStatus
from models.steps import OPERATIONS, Service
from services.database import Database
from services.inventory import tables as inventory
from services.inventory.service import InventoryService
from services.notifications import tables as notifications
from services.notifications.service import NotificationsService
from services.orders import tables as orders
from services.orders.service import OrdersService
from services.payments import tables as payments
from services.payments.sandbox import SandboxGateway
from services.payments.service import PaymentsService
from services.points import tables as points
from services.points.service import PointsService
from services.shipping import tables as shipments
from services.shipping.service import ShippingService
from tests.databases import Stores
from tests.services.orders import (
    CUSTOMER,
    OTHER_PRODUCT,
    PRODUCT,
    closing,
    creating,
    deducting,
    line,
    notifying,
    order,
    paying,
    reserving,
    shipping,
    undoing,
)

METADATA: dict[Service, MetaData] = {
    Service.ORDERS: orders.metadata,
    Service.INVENTORY: inventory.metadata,
    Service.PAYMENTS: payments.metadata,
    Service.POINTS: points.metadata,
    Service.SHIPPING: shipments.metadata,
    Service.NOTIFICATIONS: notifications.metadata,
}


@dataclass(frozen=True)
class Case:
    """A step's operation and its undo."""

    operation: str
    undo: str | None
    request: Callable[[Order], Contract]
    undo_request: Callable[[Order], Contract]

    @property
    def service(self) -> Service:
        return OPERATIONS[self.operation]


COMPENSATED = partial(closing, status=SagaStatus.COMPENSATED)
CASES = (
    Case("create_order", "cancel_order", creating, COMPENSATED),
    Case("reserve_inventory", "release_inventory", reserving, undoing),
    Case("process_payment", "refund_payment", paying, undoing),
    Case("deduct_points", "restore_points", deducting, undoing),
    Case("create_shipment", "cancel_shipment", shipping, undoing),
    Case("complete_order", None, partial(closing, status=SagaStatus.COMPLETED), undoing),
    Case("send_notification", None, notifying, undoing),
)
UNDOABLE = tuple(case for case in CASES if case.undo)


class Guarded:
    """One case over a fresh service."""

    def __init__(self, case: Case, service: object, store: Database) -> None:
        self.case = case
        self.store = store
        self._service = service

    async def forward(self, order: Order) -> Any:
        return await self._call(self.case.operation, self.case.request(order))

    async def undo(self, order: Order) -> Any:
        assert self.case.undo is not None
        return await self._call(self.case.undo, self.case.undo_request(order))

    async def effects(self) -> dict[str, list[tuple[Any, ...]]]:
        """All that the service has stored, but for the guard's own rows."""
        async with self.store.reading() as connection:
            return {
                table.name: [tuple(row) for row in await connection.execute(select(table))]
                for table in METADATA[self.case.service].sorted_tables
                if table.name != "operations"
            }

    async def _call(self, operation: str, request: Contract) -> Any:
        method: Callable[[Contract], Awaitable[Any]] = getattr(self._service, operation)
        return await method(request)


def other_content(order: Order) -> Order:
    """Another order under the same id: for each operation something differs."""
    return order.model_copy(
        update={
            "customer_id": "CUST-2",
            "lines": (line(quantity=3),),
            "total_amount": 15000,
        }
    )


async def guarded_by(case: Case, stores: Stores) -> Guarded:
    """The case's service over a fresh store, with what the operation needs to succeed."""
    store = await stores.open(case.service)
    service = await service_over(store, case.service)
    if case.operation == "complete_order":
        await service.create_order(creating(order()))
    return Guarded(case, service, store)


async def service_over(store: Database, service: Service) -> Any:
    """A service that knows the products and the customer of the tests."""
    match service:
        case Service.INVENTORY:
            inventory_service = InventoryService(store)
            await inventory_service.stock_products([PRODUCT, OTHER_PRODUCT])
            return inventory_service
        case Service.POINTS:
            points_service = PointsService(store)
            await points_service.enrol_customers([CUSTOMER])
            return points_service
        case Service.PAYMENTS:
            return PaymentsService(store, SandboxGateway(store))
    plain = {
        Service.ORDERS: OrdersService,
        Service.SHIPPING: ShippingService,
        Service.NOTIFICATIONS: NotificationsService,
    }
    return plain[service](store)
