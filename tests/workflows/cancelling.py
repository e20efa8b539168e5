"""Cancelling an order in the middle of one of its operations."""

import asyncio
from collections.abc import Awaitable, Callable

from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError
from temporalio.service import RPCError

from models.order import Order
from models.saga import OperatorAction, SagaState
from models.steps import COMPENSATABLE, CREATE_ORDER, RESERVE_INVENTORY
from tests.house import House
from workflows.order_saga import OrderSaga

CUSTOMER = OperatorAction(actor="customer", reason="changed my mind")
LOCAL = {CREATE_ORDER.activity}
AFTER_LOCAL = RESERVE_INVENTORY.activity
"""The first step that is not a local activity."""


def is_before_pivot(operation: str) -> bool:
    """Whether a cancel in the middle of this operation is in time."""
    return operation in [step.activity for step in COMPENSATABLE]


async def update_accepted(handle: WorkflowHandle[OrderSaga, SagaState]) -> bool:
    try:
        await handle.execute_update(OrderSaga.cancel, CUSTOMER)
    except (WorkflowUpdateFailedError, RPCError):  # refused, or the workflow has ended
        return False
    return True


def cancel_at(
    house: House, order: Order, operation: str, phase: str, how: str
) -> "asyncio.Future[bool]":
    """Cancel the order before or after this operation's effect, by `update` or by `request`.

    The future tells whether the cancel was accepted.
    """
    accepted: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    handle = house.handle(order)

    async def taken_up() -> None:
        await house.until(handle, lambda state: state.error_code is not None)

    async def hook() -> None:
        if operation in LOCAL:
            # A local activity holds its workflow task: the cancel is taken up after it, when the
            # next step may have begun. The time-skipping server cannot take a step's cancel and
            # its end at once, as the real one can: tests/engine has that case.
            _delay(house, (order.order_id, AFTER_LOCAL), taken_up)
        if how == "request":
            await handle.cancel()
            if is_before_pivot(operation) and operation not in LOCAL:
                await taken_up()
            accepted.set_result(is_before_pivot(operation))
            return
        sending = asyncio.create_task(update_accepted(handle))
        sending.add_done_callback(lambda done: accepted.set_result(done.result()))
        if operation not in LOCAL:
            await asyncio.shield(sending)

    hooks = house.services.before if phase == "before" else house.services.after
    hooks[order.order_id, operation] = hook
    return accepted


def _delay(house: House, operation: tuple[str, str], until: Callable[[], Awaitable[None]]) -> None:
    """Let the operation, and whatever was planned before it, wait."""
    planned = house.services.before.pop(operation, None)

    async def wait() -> None:
        await until()
        if planned is not None:
            await planned()

    house.services.before[operation] = wait
