"""An order that is looked at while its first step runs inside the workflow task."""

import asyncio

from models.saga import SagaStatus
from models.steps import ErrorCode
from tests.house import House
from tests.stories import replay
from workflows.order_saga import OrderSaga


async def test_order_that_is_refused_while_it_is_looked_at_replays(house: House) -> None:
    """A query ends the workflow task early, so a replay meets the step's end at another place."""

    async def look_at_one() -> None:
        order = house.order("looked-at")
        house.injure(order, "create_order", "refuse")
        looks: list[asyncio.Task[object]] = []

        async def look() -> None:
            looks.append(asyncio.create_task(house.handle(order).query(OrderSaga.state)))

        house.services.before[order.order_id, "create_order"] = look
        handle = await house.place(order)
        state = await house.end_of(handle, order)
        assert state.status is SagaStatus.COMPENSATED
        assert state.error_code is ErrorCode.ORDER_REJECTED
        await replay(await handle.fetch_history())
        await asyncio.gather(*looks)

    async with asyncio.TaskGroup() as orders:
        for _ in range(12):
            orders.create_task(look_at_one())
