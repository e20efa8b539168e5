"""Filling the shop from a client, which reaches no store but through Temporal."""

import secrets

from temporalio.client import Client

from client.attendance import RPC_TIMEOUT, attended
from models.documents import Shop
from models.steps import Service
from workflows.prepare_shop import PrepareShop


async def prepare_shop(client: Client, shop: Shop) -> None:
    """Add the products and customers that are missing. Raises `NoWorker` and `RPCError`."""
    handle = await client.start_workflow(
        PrepareShop.run,
        shop,
        id=f"prepare-shop-{secrets.token_hex(8)}",
        task_queue=Service.ORDERS.value,
        static_summary=f"{len(shop.products)} products, {len(shop.customers)} customers",
        rpc_timeout=RPC_TIMEOUT,
    )
    await attended(client, handle)
