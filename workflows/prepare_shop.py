"""Filling the shop through Temporal, for clients that reach no store: the load command's."""

import asyncio

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.inventory import InventoryActivities
    from activities.points import PointsActivities
    from models.documents import Shop
    from models.steps import Service
    from workflows.calls import must_succeed


@workflow.defn(name="PrepareShop")
class PrepareShop:
    """Adds the products and customers that are missing, and changes none that is there."""

    @workflow.run
    async def run(self, shop: Shop) -> None:
        await asyncio.gather(
            workflow.execute_activity_method(
                InventoryActivities.stock_products,
                shop,
                **must_succeed(Service.INVENTORY, "stock_products"),
            ),
            workflow.execute_activity_method(
                PointsActivities.enrol_customers,
                shop,
                **must_succeed(Service.POINTS, "enrol_customers"),
            ),
        )
