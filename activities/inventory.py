"""The inventory service as Temporal calls it: reserve stock, and release it."""

from typing import TYPE_CHECKING

from temporalio import activity

from activities.translation import domain_errors
from models.calls import CompensationInput, ReserveInventoryInput, ReserveInventoryResult
from models.documents import Shop
from models.steps import Service

if TYPE_CHECKING:
    from services.inventory.service import InventoryService


class InventoryActivities:
    """The inventory service's operations, by their wire names."""

    def __init__(self, service: "InventoryService") -> None:
        self._service = service

    @activity.defn(name="reserve_inventory")
    async def reserve_inventory(self, call: ReserveInventoryInput) -> ReserveInventoryResult:
        """Take every line of the order out of the available stock, or none."""
        with domain_errors(Service.INVENTORY):
            return await self._service.reserve_inventory(call)

    @activity.defn(name="release_inventory")
    async def release_inventory(self, call: CompensationInput) -> None:
        """Undo `reserve_inventory`."""
        with domain_errors(Service.INVENTORY):
            await self._service.release_inventory(call)

    @activity.defn(name="stock_products")
    async def stock_products(self, shop: Shop) -> None:
        """Add the products that are missing."""
        with domain_errors(Service.INVENTORY):
            await self._service.stock_products(shop.products)
