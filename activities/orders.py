"""The orders service as Temporal calls it: open the order, close it, or close it as undone."""

from typing import TYPE_CHECKING

from temporalio import activity

from activities.translation import domain_errors
from models.calls import CloseOrderInput, CreateOrderInput, CreateOrderResult
from models.steps import Service

if TYPE_CHECKING:
    from services.orders.service import OrdersService


class OrdersActivities:
    """The orders service's operations, by their wire names."""

    def __init__(self, service: "OrdersService") -> None:
        self._service = service

    @activity.defn(name="create_order")
    async def create_order(self, call: CreateOrderInput) -> CreateOrderResult:
        """Open the order and its saga record."""
        with domain_errors(Service.ORDERS):
            return await self._service.create_order(call)

    @activity.defn(name="complete_order")
    async def complete_order(self, call: CloseOrderInput) -> None:
        """Close the record as COMPLETED: the saga's pivot."""
        with domain_errors(Service.ORDERS):
            await self._service.complete_order(call)

    @activity.defn(name="cancel_order")
    async def cancel_order(self, call: CloseOrderInput) -> None:
        """Undo `create_order`: close the record as COMPENSATED or FAILED."""
        with domain_errors(Service.ORDERS):
            await self._service.cancel_order(call)
