"""The shipping service as Temporal calls it: book a shipment, and cancel it."""

from typing import TYPE_CHECKING

from temporalio import activity

from activities.translation import domain_errors
from models.calls import CompensationInput, CreateShipmentInput, CreateShipmentResult
from models.steps import Service

if TYPE_CHECKING:
    from services.shipping.service import ShippingService


class ShippingActivities:
    """The shipping service's operations, by their wire names."""

    def __init__(self, service: "ShippingService") -> None:
        self._service = service

    @activity.defn(name="create_shipment")
    async def create_shipment(self, call: CreateShipmentInput) -> CreateShipmentResult:
        """Book the shipment of all lines."""
        with domain_errors(Service.SHIPPING):
            return await self._service.create_shipment(call)

    @activity.defn(name="cancel_shipment")
    async def cancel_shipment(self, call: CompensationInput) -> None:
        """Undo `create_shipment`; refused once the parcel is handed over."""
        with domain_errors(Service.SHIPPING):
            await self._service.cancel_shipment(call)
