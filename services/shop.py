"""Fills a shop: its products go to the inventory, its customers to the points service."""

from models.documents import Shop
from services.inventory.service import InventoryService
from services.points.service import PointsService


async def fill_shop(shop: Shop, inventory: InventoryService, points: PointsService) -> None:
    """Adds what is missing and changes nothing that is there; safe to repeat."""
    await inventory.stock_products(shop.products)
    await points.enrol_customers(shop.customers)
