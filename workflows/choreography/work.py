"""What each service is asked for its step and for its undo: the same as when orchestrated."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from activities.inventory import InventoryActivities
from activities.orders import OrdersActivities
from activities.payments import PaymentsActivities
from activities.points import PointsActivities
from activities.shipping import ShippingActivities
from models.calls import (
    CreateOrderInput,
    CreateShipmentInput,
    DeductPointsInput,
    ProcessPaymentInput,
    ReserveInventoryInput,
)
from models.events import SagaEvent
from models.saga import SagaKind
from models.steps import Step


@dataclass(frozen=True)
class Work:
    """A compensatable step as its service does and undoes it."""

    activity: Callable[[Any, Any], Any]
    argument: Callable[[SagaEvent], Any]
    undo: Callable[[Any, Any], Any]
    receipt: Callable[[Any], Mapping[str, str]] = lambda _: {}
    """What the answer adds to the data of the events that follow."""


WORK: Mapping[Step, Work] = {
    Step.ORDER_CREATED: Work(
        OrdersActivities.create_order,
        lambda event: CreateOrderInput(
            order=event.data.saga.order,
            saga_id=event.saga_id,
            kind=SagaKind.CHOREOGRAPHED,
            placed_at=event.data.placed_at,
        ),
        OrdersActivities.cancel_order,
    ),
    Step.INVENTORY_RESERVED: Work(
        InventoryActivities.reserve_inventory,
        lambda event: ReserveInventoryInput.of(event.data.saga.order),
        InventoryActivities.release_inventory,
        lambda answer: {"inventory_reservation_id": answer.reservation_id},
    ),
    Step.PAYMENT_PROCESSED: Work(
        PaymentsActivities.process_payment,
        lambda event: ProcessPaymentInput.of(event.data.saga.order),
        PaymentsActivities.refund_payment,
        lambda answer: {"payment_transaction_id": answer.transaction_id},
    ),
    Step.POINTS_DEDUCTED: Work(
        PointsActivities.deduct_points,
        lambda event: DeductPointsInput.of(event.data.saga.order),
        PointsActivities.restore_points,
        lambda answer: {"point_transaction_id": answer.transaction_id},
    ),
    Step.SHIPMENT_CREATED: Work(
        ShippingActivities.create_shipment,
        lambda event: CreateShipmentInput.of(event.data.saga.order),
        ShippingActivities.cancel_shipment,
        lambda answer: {"shipment_id": answer.shipment_id},
    ),
}
