"""A whole house for tests: all services on real stores, all workers, and orders to send through."""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
)
from temporalio.exceptions import ApplicationError

from models.calls import CompensationInput
from models.documents import Shop, ShopCustomer, ShopProduct
from models.order import Order, OrderLine
from models.saga import SagaInput, SagaKind, SagaState, SagaStatus
from models.steps import Compensatable, Service
from runtime.search_attributes import register_search_attributes
from runtime.settings import Settings
from services.database import Database
from services.faults import Fault, Faults
from services.inventory.service import InventoryService
from services.inventory.tables import reservations
from services.notifications.tables import notifications
from services.orders.tables import saga_records
from services.payments.sandbox import SandboxGateway
from services.payments.service import PaymentsService
from services.points.service import PointsService
from services.points.tables import point_entries
from services.shipping.service import ShippingService
from services.shipping.tables import shipments
from tests.services import ledgers
from worker import WorkerOptions, running_workers
from workflows.order_saga import OrderSaga

STOCK = 1_000_000
POINTS = 1_000_000
SHOP = Shop(
    products=(
        ShopProduct(product_id="PROD-1", price=2_500, currency="USD", stock=STOCK),
        ShopProduct(product_id="PROD-2", price=1_000, currency="USD", stock=STOCK),
    ),
    customers=(ShopCustomer(customer_id="CUST-1", points=POINTS),),
)


WORKFLOW_OF = {SagaKind.ORCHESTRATED: "OrderSaga", SagaKind.CHOREOGRAPHED: "OrderTracker"}
NUMBERS = itertools.count(1)
"""Of orders: houses may share a Temporal server."""

Hook = Callable[[], Awaitable[object]]


class InjuredServices(Faults):
    """The fault adapter, which also lets a test do something in the middle of an operation."""

    def __init__(self, injuries: list[Fault], counts: Path) -> None:
        super().__init__(injuries, counts)
        self.injuries = injuries
        self.before: dict[tuple[str, str], Hook] = {}
        """By order id and operation: what to do before the operation's effect."""
        self.calls: Counter[tuple[str, str]] = Counter()
        """How often each operation of each order has been called."""
        self.after: dict[tuple[str, str], Hook] = {}
        """The same, after the effect and before the reply."""
        self.doubled: set[tuple[str, str]] = set()
        """The operations whose calls reach the service twice."""

    async def call(
        self, operation: str, method: Callable[[Any], Awaitable[Any]], request: Any
    ) -> Any:
        order_id = request.order.order_id if hasattr(request, "order") else request.order_id
        self.calls[order_id, operation] += 1
        if hook := self.before.pop((order_id, operation), None):
            await hook()
        result = await super().call(operation, method, request)
        if (order_id, operation) in self.doubled:
            assert await method(request) == result
        if hook := self.after.pop((order_id, operation), None):
            await hook()
        return result


@dataclass
class House:
    """What a test can do with the house: place orders, injure services, look at the books."""

    client: Client
    stores: Mapping[Service, Database]
    services: InjuredServices
    skip: Callable[[float], Awaitable[None]] = asyncio.sleep
    """Lets so many seconds pass; at once, on a server that can."""
    skips_time: bool = False
    """Whether the server is the time-skipping one, which has defects of its own."""

    def order(self, name: str = "", **changes: Any) -> Order:
        """An order of two products for 60.00 USD, with 10 points used, under a fresh id."""
        order = Order(
            order_id=f"ORD-{next(NUMBERS)}-{name}",
            customer_id="CUST-1",
            lines=(
                OrderLine(product_id="PROD-1", quantity=2, unit_price=2_500),
                OrderLine(product_id="PROD-2", quantity=1, unit_price=1_000),
            ),
            currency="USD",
            total_amount=6_000,
            points_to_use=10,
            payment_method="credit_card",
            shipping_address="서울시 중구 세종대로 110",
        )
        return order.model_copy(update=changes)

    def injure(self, order: Order, operation: str, kind: str, **how: Any) -> None:
        """Let the service fail in this way when it is asked for this operation of the order."""
        self.services.injuries.append(
            Fault.model_validate(
                {"operation": operation, "kind": kind, "order_id": order.order_id, **how}
            )
        )

    async def place(
        self, order: Order, kind: SagaKind = SagaKind.ORCHESTRATED, **changes: Any
    ) -> WorkflowHandle[OrderSaga, SagaState]:
        """Start the order's saga as the client does. Both kinds answer the same queries."""
        return await self.client.start_workflow(
            WORKFLOW_OF[kind],
            SagaInput(order=order).model_copy(update=changes),
            id=f"order-{order.order_id}",
            result_type=SagaState,
            task_queue=Service.ORDERS,
            task_timeout=timedelta(seconds=5),
            search_attributes=TypedSearchAttributes(
                [
                    SearchAttributePair(
                        SearchAttributeKey.for_keyword("OrderStatus"), SagaStatus.STARTED.value
                    ),
                    SearchAttributePair(SearchAttributeKey.for_bool("NeedsOperator"), False),
                ]
            ),
        )

    def handle(self, order: Order) -> WorkflowHandle[OrderSaga, SagaState]:
        """The handle of the order's saga, placed or not."""
        return self.client.get_workflow_handle_for(OrderSaga.run, f"order-{order.order_id}")

    async def run(
        self, order: Order, kind: SagaKind = SagaKind.ORCHESTRATED, **changes: Any
    ) -> SagaState:
        """Send the order through its saga and check the books."""
        return await self.end_of(await self.place(order, kind, **changes), order)

    async def end_of(self, handle: WorkflowHandle[OrderSaga, SagaState], order: Order) -> SagaState:
        """The state that the saga ends with, after checking that the books agree with it."""
        state = await self.state_at_end(handle)
        await self.check_books(order, state)
        return state

    async def state_at_end(self, handle: WorkflowHandle[OrderSaga, SagaState]) -> SagaState:
        """The state that the saga ends with, FAILED too."""
        try:
            return await handle.result()
        except WorkflowFailureError as failure:
            if isinstance(failure.cause, ApplicationError) and failure.cause.type == "SagaFailed":
                return SagaState.model_validate(failure.cause.details[0])
            raise

    async def until_called(self, order: Order, operation: str, times: int) -> None:
        """Wait until the service has been asked so often for this operation of the order."""
        async with asyncio.timeout(60):
            while self.services.calls[order.order_id, operation] < times:
                await asyncio.sleep(0.02)

    async def until_later(
        self,
        handle: WorkflowHandle[OrderSaga, SagaState],
        condition: Callable[[SagaState], bool],
    ) -> SagaState:
        """Like `until`, with seconds passing at once.

        Not by waiting for the result: while a saga waits for a person, a server that skips time
        for it would skip the ten years to its end.
        """
        for _ in range(1000):
            state = await handle.query(OrderSaga.state)
            if condition(state):
                return state
            await self.skip(1)
        raise AssertionError("the state did not come")

    def heal(self, order: Order) -> None:
        """The services are well again, for this order."""
        injuries = self.services.injuries
        injuries[:] = [injury for injury in injuries if injury.order_id != order.order_id]

    async def undo_by_hand(self, order: Order, step: Compensatable) -> None:
        """What an operator does who settles a compensation outside the saga."""
        call = CompensationInput.of(order)
        match step.service:
            case Service.PAYMENTS:
                store = self.stores[Service.PAYMENTS]
                await PaymentsService(store, SandboxGateway(store)).refund_payment(call)
            case Service.INVENTORY:
                await InventoryService(self.stores[Service.INVENTORY]).release_inventory(call)
            case Service.POINTS:
                await PointsService(self.stores[Service.POINTS]).restore_points(call)
            case Service.SHIPPING:
                await ShippingService(self.stores[Service.SHIPPING]).cancel_shipment(call)
            case _:
                raise ValueError(f"{step.step} is not undone by hand")

    async def hand_over(self, order: Order) -> None:
        """The warehouse gives the parcel to the carrier."""
        await ShippingService(self.stores[Service.SHIPPING]).hand_over(order.order_id)

    async def paid(self, order: Order) -> int:
        """What the customer has paid by all books, in minor units."""
        return await ledgers.paid(self.stores[Service.PAYMENTS], order.order_id)

    async def until(
        self,
        handle: WorkflowHandle[OrderSaga, SagaState],
        condition: Callable[[SagaState], bool],
    ) -> SagaState:
        """The first state seen that meets the condition."""
        async with asyncio.timeout(60):
            while True:
                state = await handle.query(OrderSaga.state)
                if condition(state):
                    return state
                await asyncio.sleep(0.02)

    async def check_books(self, order: Order, state: SagaState) -> None:
        """Every effect stands if the order is COMPLETED, and none if it is COMPENSATED."""
        await self.check_effects(order, state)
        await self.check_balances(order)

    async def check_effects(self, order: Order, state: SagaState) -> None:
        """The half of `check_books` that can be checked while other orders are under way."""
        stands = state.status is SagaStatus.COMPLETED
        assert await self.paid(order) == (order.amount_charged if stands else 0)
        assert await self.points_spent(order) == (order.points_to_use if stands else 0)
        assert await self.pieces_held(order) == (
            sum(line.quantity for line in order.lines) if stands else 0
        )
        assert await self.live_shipments(order) == (1 if stands else 0)
        # One whose reply was lost may be on its way without counting as sent.
        sent = "NOTIFICATION_SENT" in state.executed_steps
        assert int(sent) <= await self.notifications(order) <= int(stands)

    async def check_balances(self, order: Order) -> None:
        """What is left for the order's customer and of its products is what the ledgers say."""
        await ledgers.balance(self.stores[Service.POINTS], order.customer_id)
        for line in order.lines:
            await ledgers.stock(self.stores[Service.INVENTORY], line.product_id)

    async def points_spent(self, order: Order) -> int:
        entries = await ledgers.rows(
            self.stores[Service.POINTS], point_entries, order_id=order.order_id
        )
        return -sum(int(entry.points) for entry in entries)

    async def pieces_held(self, order: Order) -> int:
        held = await ledgers.rows(
            self.stores[Service.INVENTORY],
            reservations,
            order_id=order.order_id,
            status="HELD",
        )
        return sum(int(reservation.quantity) for reservation in held)

    async def live_shipments(self, order: Order) -> int:
        booked = await ledgers.rows(
            self.stores[Service.SHIPPING], shipments, order_id=order.order_id, status="BOOKED"
        )
        return len(booked)

    async def notifications(self, order: Order) -> int:
        sent = await ledgers.rows(
            self.stores[Service.NOTIFICATIONS], notifications, order_id=order.order_id
        )
        return len(sent)

    async def record(self, order: Order) -> Any:
        """The orders service's record of the order's saga, or None."""
        found = await ledgers.rows(
            self.stores[Service.ORDERS], saga_records, order_id=order.order_id
        )
        return found[0] if found else None


@asynccontextmanager
async def open_house(
    client: Client,
    home: Path,
    *,
    cached_workflows: int = 1000,
    services: Sequence[Service] = tuple(Service),
    **settings: Any,
) -> AsyncIterator[House]:
    """Workers on this Temporal server, with stores in this folder and a stocked shop."""
    async with closed_house(client, home, **settings) as (house, settings_of_house):
        options = WorkerOptions(
            services=services, shop=SHOP, faults=house.services, cached_workflows=cached_workflows
        )
        async with running_workers(settings_of_house, client, options):
            yield house


@dataclass(frozen=True)
class SplitHouse:
    """A house whose orders worker, which runs the workflows too, comes and goes."""

    house: House
    settings: Settings

    @asynccontextmanager
    async def workflows(self) -> AsyncIterator[None]:
        """Workflow tasks are taken while the block runs."""
        options = WorkerOptions(services=(Service.ORDERS,), faults=self.house.services)
        async with running_workers(self.settings, self.house.client, options):
            yield


@asynccontextmanager
async def open_split_house(client: Client, home: Path) -> AsyncIterator[SplitHouse]:
    """The workers of all services but the orders'."""
    others = tuple(service for service in Service if service is not Service.ORDERS)
    async with closed_house(client, home) as (house, settings):
        options = WorkerOptions(services=others, shop=SHOP, faults=house.services)
        async with running_workers(settings, client, options):
            yield SplitHouse(house, settings)


@asynccontextmanager
async def closed_house(
    client: Client, home: Path, **overrides: Any
) -> AsyncIterator[tuple[House, Settings]]:
    """A house without workers."""
    settings = Settings.load(home=home, **overrides)
    settings.prepare_home()
    await register_search_attributes(client)
    stores = {service: Database(settings.database_url_for(service)) for service in Service}
    try:
        yield House(client, stores, InjuredServices([], settings.home / "faults.db")), settings
    finally:
        for store in stores.values():
            await store.close()
