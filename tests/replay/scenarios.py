"""Every way through the saga whose history is kept, so that changed code can be replayed on it."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from temporalio.client import WorkflowHandle

from client.dead_letters import open_dead_letters, redrive
from models.order import Order
from models.saga import OperatorAction, SagaKind, SagaState
from models.steps import COMPENSATABLE, Compensatable, Service, Step
from tests.house import House
from workflows.order_saga import OrderSaga

Handle = WorkflowHandle[Any, SagaState]
Scenario = Callable[[House], Awaitable[Handle]]

WHO = {"actor": "jimin", "reason": "customer asked"}


async def completed(house: House) -> Handle:
    return await house.place(house.order("completed"))


async def completed_without_points(house: House) -> Handle:
    return await house.place(house.order("completed", points_to_use=0))


async def completed_after_retries(house: House) -> Handle:
    order = house.order("retried")
    for step in COMPENSATABLE:
        house.injure(order, step.activity, "lose_reply")
    house.injure(order, "complete_order", "fail", times=2)
    return await house.place(order)


async def completed_without_notification(house: House) -> Handle:
    order = house.order("silent")
    house.injure(order, "send_notification", "refuse")
    return await house.place(order)


async def refused(step: Compensatable, house: House) -> Handle:
    order = house.order("refused")
    house.injure(order, step.activity, "refuse")
    return await house.place(order)


async def timed_out(step: Compensatable, house: House) -> Handle:
    order = house.order("timed-out")
    house.injure(order, step.activity, "lose_reply", times=-1)
    return await house.place(order, step_seconds=2)


async def cancelled(step: Compensatable, house: House) -> Handle:
    order = house.order("cancelled")
    if step.service is Service.ORDERS:
        # Past its local attempt, during which no query is answered.
        house.injure(order, step.activity, "fail")
    house.injure(order, step.activity, "delay", seconds=1)
    handle = await house.place(order)
    await house.until(handle, lambda state: state.current_step == step.running)
    await handle.execute_update(OrderSaga.cancel, OperatorAction(**WHO))
    return handle


async def cancelled_in_temporal(house: House) -> Handle:
    order = house.order("cancelled")
    house.injure(order, "process_payment", "delay", seconds=1)
    handle = await house.place(order)
    await house.until(handle, lambda state: state.current_step == "PROCESSING_PAYMENT")
    await handle.cancel()
    return handle


async def held_and_resumed(house: House) -> Handle:
    order = house.order("held")
    house.injure(order, "reserve_inventory", "delay", seconds=1)
    handle = await house.place(order)
    await house.until(handle, lambda state: state.current_step == "RESERVING_INVENTORY")
    await handle.execute_update(OrderSaga.hold, OperatorAction(**WHO))
    await house.until(handle, lambda state: Step.INVENTORY_RESERVED in state.executed_steps)
    await handle.execute_update(OrderSaga.resume, OperatorAction(**WHO))
    return handle


async def past_its_deadline(house: House) -> Handle:
    order = house.order("late")
    house.injure(order, "process_payment", "fail", times=-1)
    return await house.place(order, deadline_seconds=2)


async def healed_by_itself(house: House) -> Handle:
    return await house.place(_order_whose_refund_fails(house, times=6))


async def settled_by(verb: str, house: House) -> Handle:
    order = _order_whose_refund_fails(house, times=-1)
    handle = await house.place(order)
    await house.until(handle, lambda state: len(state.interventions) == 1)
    action = OperatorAction(step=Step.PAYMENT_PROCESSED, **WHO)
    await handle.execute_update("claim", action)
    await handle.execute_update(verb, action)
    return handle


async def retried_by_an_operator(house: House) -> Handle:
    order = house.order("handed-over")
    house.injure(order, "create_shipment", "lose_reply", times=-1)
    house.injure(order, "cancel_shipment", "refuse")
    handle = await house.place(order, step_seconds=2)
    await house.until(handle, lambda state: len(state.interventions) == 1)
    await handle.execute_update("retry", OperatorAction(step=Step.SHIPMENT_CREATED, **WHO))
    return handle


async def completed_after_an_outage_at_the_pivot(house: House) -> Handle:
    order = house.order("pivot")
    house.injure(order, "complete_order", "fail", times=7)
    return await house.place(order)


async def choreographed(house: House, **changes: Any) -> Handle:
    return await house.place(house.order("events", **changes), SagaKind.CHOREOGRAPHED)


async def choreographed_refused(step: Compensatable, house: House) -> Handle:
    order = house.order("events-refused")
    house.injure(order, step.activity, "refuse")
    return await house.place(order, SagaKind.CHOREOGRAPHED)


async def choreographed_timed_out(step: Compensatable, house: House) -> Handle:
    order = house.order("events-timed-out")
    house.injure(order, step.activity, "lose_reply", times=-1)
    return await house.place(order, SagaKind.CHOREOGRAPHED, step_seconds=2)


async def choreographed_driven_again(operation: str, kind: str, house: House) -> Handle:
    order = house.order("events-parked")
    if operation == "refund_payment":
        house.injure(order, "create_shipment", "refuse")
    house.injure(order, operation, kind, times=1 if kind == "refuse" else 6)
    handle = await house.place(order, SagaKind.CHOREOGRAPHED, deadline_seconds=3)
    await _drive_until_done(house, order)
    return handle


async def _drive_until_done(house: House, order: Order) -> None:
    driven: str | None = None
    async with asyncio.timeout(60):
        while True:
            await asyncio.sleep(0.3)
            letters = await open_dead_letters(house.client)
            mine = [letter for letter in letters if letter.order_id == order.order_id]
            if driven and not mine:
                return
            for letter in mine:
                if not letter.being_tried and driven != f"{letter.retry_count}":
                    driven = f"{letter.retry_count}"
                    by = OperatorAction(**WHO)
                    await redrive(house.client, letter.reaction_id, by, request_id=driven)


async def choreographed_cancelled_in_temporal(house: House) -> Handle:
    order = house.order("events-cancelled")
    house.injure(order, "process_payment", "delay", seconds=1)
    handle = await house.place(order, SagaKind.CHOREOGRAPHED)
    await house.until(handle, lambda state: state.current_step == "PROCESSING_PAYMENT")
    await handle.cancel()
    reaction = f"{handle.id}/InventoryReserved/payments"
    await house.client.get_workflow_handle(reaction).cancel()
    return handle


async def choreographed_cut_short_while_closing(house: House) -> Handle:
    order = house.order("events-cut-short")
    house.injure(order, "deduct_points", "refuse")
    house.injure(order, "refund_payment", "refuse")
    handle = await house.place(order, SagaKind.CHOREOGRAPHED)
    event = f"{handle.id}/PointDeductionFailed"
    await house.until(handle, lambda state: bool(state.interventions))
    await house.client.get_workflow_handle(f"{event}/inventory").result()
    await house.client.get_workflow_handle(f"{event}/orders").terminate()
    refund = house.client.get_workflow_handle(f"{event}/payments")
    await refund.execute_update("redrive", OperatorAction(**WHO))
    return handle


async def choreographed_silent(house: House) -> Handle:
    order = house.order("events-silent")
    house.injure(order, "deduct_points", "delay", seconds=3)
    return await house.place(order, SagaKind.CHOREOGRAPHED, deadline_seconds=1)


def _order_whose_refund_fails(house: House, times: int) -> Order:
    order = house.order("undo")
    house.injure(order, "create_shipment", "refuse")
    house.injure(order, "refund_payment", "fail", times=times)
    return order


SCENARIOS: dict[str, Scenario] = {
    "completed": completed,
    "completed-without-points": completed_without_points,
    "completed-after-retries": completed_after_retries,
    "completed-without-notification": completed_without_notification,
    "completed-after-an-outage-at-the-pivot": completed_after_an_outage_at_the_pivot,
    **{f"refused-at-{step.activity}": partial(refused, step) for step in COMPENSATABLE},
    **{f"timed-out-at-{step.activity}": partial(timed_out, step) for step in COMPENSATABLE},
    **{f"cancelled-at-{step.activity}": partial(cancelled, step) for step in COMPENSATABLE},
    "cancelled-in-temporal": cancelled_in_temporal,
    "held-and-resumed": held_and_resumed,
    "past-its-deadline": past_its_deadline,
    "undo-healed-by-itself": healed_by_itself,
    "undo-resolved": partial(settled_by, "resolve"),
    "undo-abandoned": partial(settled_by, "abandon"),
    "undo-retried-by-an-operator": retried_by_an_operator,
    "choreographed-completed": choreographed,
    "choreographed-completed-without-points": partial(choreographed, points_to_use=0),
    "choreographed-completed-by-points-alone": partial(choreographed, points_to_use=60),
    **{
        f"choreographed-refused-at-{step.activity}": partial(choreographed_refused, step)
        for step in COMPENSATABLE
    },
    **{
        f"choreographed-timed-out-at-{step.activity}": partial(choreographed_timed_out, step)
        for step in COMPENSATABLE
    },
    "choreographed-undo-driven-again": partial(
        choreographed_driven_again, "refund_payment", "fail"
    ),
    "choreographed-pivot-driven-again": partial(
        choreographed_driven_again, "complete_order", "fail"
    ),
    "choreographed-notification-driven-again": partial(
        choreographed_driven_again, "send_notification", "refuse"
    ),
    "choreographed-cancelled-in-temporal": choreographed_cancelled_in_temporal,
    "choreographed-cut-short-while-closing": choreographed_cut_short_while_closing,
    "choreographed-silent": choreographed_silent,
}
