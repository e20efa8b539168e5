"""A shop of real services over real stores, and sagas told to them call by call."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from models.calls import (
    CloseOrderInput,
    CompensationInput,
    CreateOrderInput,
    CreateShipmentInput,
    DeductPointsInput,
    ProcessPaymentInput,
    ReserveInventoryInput,
    SendNotificationInput,
)
from models.errors import Refusal
from models.order import Order
from models.saga import Resolution, SagaKind, SagaState, SagaStatus
from models.steps import COMPENSATABLE, Compensatable, ErrorCode, Service, Step
from services.database import Database
from services.inventory.service import InventoryService
from services.notifications.service import NotificationsService
from services.orders.service import OrdersService
from services.payments.sandbox import SandboxGateway
from services.payments.service import PaymentsService
from services.points.service import PointsService
from services.shipping.service import ShippingService
from tests.databases import Stores
from tests.services.orders import CUSTOMER, ENDED_AT, OTHER_PRODUCT, PLACED_AT, PRODUCT
from tests.services.orders import state as sample_state


class Shop:
    """Six services over six stores. Tells sagas as a coordinator would, without one."""

    def __init__(self, stores: Mapping[Service, Database]) -> None:
        self.stores = stores
        payments = stores[Service.PAYMENTS]
        self.orders = OrdersService(stores[Service.ORDERS])
        self.inventory = InventoryService(stores[Service.INVENTORY])
        self.payments = PaymentsService(payments, SandboxGateway(payments))
        self.points = PointsService(stores[Service.POINTS])
        self.shipping = ShippingService(stores[Service.SHIPPING])
        self.notifications = NotificationsService(stores[Service.NOTIFICATIONS])

    @classmethod
    async def opened(cls, stores: Stores, given: Mapping[Service, Database] = {}) -> "Shop":
        """A shop over fresh stores (but those given), with two products and a customer."""
        missing = [service for service in Service if service not in given]
        shop = cls({**given, **{service: await stores.open(service) for service in missing}})
        await shop.inventory.stock_products([PRODUCT, OTHER_PRODUCT])
        await shop.points.enrol_customers([CUSTOMER])
        return shop

    async def forward(self, order: Order, steps: int) -> None:
        """The first so many steps of the saga; a step with nothing to do is skipped."""
        for step in COMPENSATABLE[:steps]:
            if not is_skipped(order, step):
                await self.run(order, step)

    async def run(self, order: Order, step: Compensatable) -> None:
        """One step forward. Raises the service's refusal."""
        match step.step:
            case Step.ORDER_CREATED:
                await self.orders.create_order(
                    CreateOrderInput(
                        order=order,
                        saga_id=f"order-{order.order_id}",
                        kind=SagaKind.ORCHESTRATED,
                        placed_at=PLACED_AT,
                    )
                )
            case Step.INVENTORY_RESERVED:
                await self.inventory.reserve_inventory(ReserveInventoryInput.of(order))
            case Step.PAYMENT_PROCESSED:
                await self.payments.process_payment(ProcessPaymentInput.of(order))
            case Step.POINTS_DEDUCTED:
                await self.points.deduct_points(DeductPointsInput.of(order))
            case Step.SHIPMENT_CREATED:
                await self.shipping.create_shipment(CreateShipmentInput.of(order))

    async def undo(self, order: Order, step: Compensatable) -> None:
        """One step's undo; not that of the first one, which closes the record."""
        undone = CompensationInput.of(order)
        match step.step:
            case Step.INVENTORY_RESERVED:
                await self.inventory.release_inventory(undone)
            case Step.PAYMENT_PROCESSED:
                await self.payments.refund_payment(undone)
            case Step.POINTS_DEDUCTED:
                await self.points.restore_points(undone)
            case Step.SHIPMENT_CREATED:
                await self.shipping.cancel_shipment(undone)

    async def close(self, order: Order, state: SagaState) -> None:
        """Close the order with its saga's final state."""
        request = CloseOrderInput(order=order, state=state)
        if state.status is SagaStatus.COMPLETED:
            await self.orders.complete_order(request)
        else:
            await self.orders.cancel_order(request)

    async def complete(self, order: Order) -> SagaState:
        """A whole order that completes and is told to its customer."""
        await self.forward(order, len(COMPENSATABLE))
        state = completed(order)
        await self.close(order, state)
        await self.notifications.send_notification(SendNotificationInput.of(order))
        return state

    async def compensate(
        self, order: Order, steps: int, *, unknown: bool = False, refused: bool = False
    ) -> SagaState:
        """An order that ends after so many steps and is undone.

        `unknown`: the next step's outcome is unknown and it never reaches its service before its
        undo; `refused`: the next step is refused by its service.
        """
        await self.forward(order, steps)
        done = [step for step in COMPENSATABLE[:steps] if not is_skipped(order, step)]
        if refused:
            with suppress(Refusal):
                await self.run(order, COMPENSATABLE[steps])
        undone = [*done, *(COMPENSATABLE[steps : steps + 1] if unknown else ())]
        for step in reversed(undone):
            await self.undo(order, step)
        state = compensated(order, done, undone or COMPENSATABLE[:1])
        await self.close(order, state)
        return state


def is_skipped(order: Order, step: Compensatable) -> bool:
    """Whether there is nothing to do for the step."""
    return (step.step is Step.POINTS_DEDUCTED and order.points_to_use == 0) or (
        step.step is Step.PAYMENT_PROCESSED and order.amount_charged == 0
    )


def completed(order: Order) -> SagaState:
    """The state that closes a completed order."""
    done = [step.step for step in COMPENSATABLE if not is_skipped(order, step)]
    skipped = [step.step for step in COMPENSATABLE if is_skipped(order, step)]
    return _with(
        sample_state(order, SagaStatus.COMPLETED),
        executed_steps=[*done, Step.ORDER_COMPLETED],
        skipped_steps=skipped,
    )


def compensated(
    order: Order,
    done: Sequence[Compensatable],
    undone: Sequence[Compensatable],
    *,
    resolutions: Sequence[Resolution] = (),
) -> SagaState:
    """The state that closes an undone order; FAILED if a person gave something up."""
    given_up = {each.step for each in resolutions if each.action == "abandon"}
    return _with(
        sample_state(order, SagaStatus.FAILED if given_up else SagaStatus.COMPENSATED),
        executed_steps=[step.step for step in done],
        compensated_steps=[step.step for step in reversed(undone) if step.step not in given_up],
        error_code=ErrorCode.ORDER_CANCELLED,
        resolutions=list(resolutions),
    )


def resolution(step: Compensatable, action: str, at: datetime = ENDED_AT) -> Resolution:
    """What an operator did about a step's undo."""
    return Resolution(step=step.step, action=action, actor="kim", reason="called the bank", at=at)


def _with(state: SagaState, **changes: Any) -> SagaState:
    return state.model_copy(update=changes)
