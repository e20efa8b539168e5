"""The points service as Temporal calls it: deduct points, and restore them."""

from typing import TYPE_CHECKING

from temporalio import activity

from activities.translation import domain_errors
from models.calls import CompensationInput, DeductPointsInput, DeductPointsResult
from models.documents import Shop
from models.steps import Service

if TYPE_CHECKING:
    from services.points.service import PointsService


class PointsActivities:
    """The points service's operations, by their wire names."""

    def __init__(self, service: "PointsService") -> None:
        self._service = service

    @activity.defn(name="deduct_points")
    async def deduct_points(self, call: DeductPointsInput) -> DeductPointsResult:
        """Take the points from the customer's balance."""
        with domain_errors(Service.POINTS):
            return await self._service.deduct_points(call)

    @activity.defn(name="restore_points")
    async def restore_points(self, call: CompensationInput) -> None:
        """Undo `deduct_points`."""
        with domain_errors(Service.POINTS):
            await self._service.restore_points(call)

    @activity.defn(name="enrol_customers")
    async def enrol_customers(self, shop: Shop) -> None:
        """Add the customers that are missing."""
        with domain_errors(Service.POINTS):
            await self._service.enrol_customers(shop.customers)
