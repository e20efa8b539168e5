"""What people do to workflows in Temporal itself: start twice, reset, terminate."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import ResetReapplyExcludeType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from models.order import Order
from models.saga import OperatorAction, SagaInput, SagaState, SagaStatus
from models.steps import ErrorCode, Step
from tests.house import House
from workflows.order_saga import OrderSaga

FIRST_TASK_COMPLETED = 4
"""Started, scheduled, started, completed: the first event that a reset can go back to."""


async def reset(
    client: Client,
    workflow_id: str,
    task_completed: int = FIRST_TASK_COMPLETED,
    *,
    without_signals: bool = False,
) -> WorkflowHandle[OrderSaga, SagaState]:
    """Run the workflow again from this event, as the Web UI's Reset does."""
    left_out = [ResetReapplyExcludeType.RESET_REAPPLY_EXCLUDE_TYPE_SIGNAL]
    description = await client.get_workflow_handle(workflow_id).describe()
    response = await client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(
                workflow_id=workflow_id, run_id=description.run_id
            ),
            reason="a test",
            workflow_task_finish_event_id=task_completed,
            request_id=f"reset-{workflow_id}",
            reset_reapply_exclude_types=left_out if without_signals else (),
        )
    )
    return client.get_workflow_handle_for(OrderSaga.run, workflow_id, run_id=response.run_id)


async def task_before_cancel(handle: WorkflowHandle[OrderSaga, SagaState]) -> int:
    """The last event that a reset can go back to before the workflow's cancel was requested."""
    completed = 0
    async for event in handle.fetch_history_events():
        if event.HasField("workflow_execution_cancel_requested_event_attributes"):
            break
        if event.HasField("workflow_task_completed_event_attributes"):
            completed = event.event_id
    return completed


async def books(house: House, order: Order) -> tuple[int, int, int, int, int]:
    return (
        await house.paid(order),
        await house.points_spent(order),
        await house.pieces_held(order),
        await house.live_shipments(order),
        await house.notifications(order),
    )


async def test_reset_of_a_completed_order_has_no_second_effect(house: House) -> None:
    order = house.order("reset")
    first = await house.run(order)
    before = await books(house, order)
    handle = await reset(house.client, first.saga_id)
    again = await house.end_of(handle, order)
    assert again.status is SagaStatus.COMPLETED
    assert await books(house, order) == before


@pytest.mark.parametrize("refused", ["process_payment", "create_shipment"])
async def test_reset_of_a_compensated_order_stays_undone(house: House, refused: str) -> None:
    order = house.order("reset")
    house.injure(order, refused, "refuse")
    first = await house.run(order)
    handle = await reset(house.client, first.saga_id)
    again = await house.end_of(handle, order)
    assert again.status is SagaStatus.COMPENSATED
    assert await books(house, order) == (0, 0, 0, 0, 0)
    assert (await house.record(order)).status == "COMPENSATED"


async def test_reset_of_an_order_that_was_given_up_stays_failed(house: House) -> None:
    order = house.order("reset-failed")
    house.injure(order, "create_shipment", "refuse")
    house.injure(order, "refund_payment", "refuse", times=-1)
    handle = await house.place(order)
    await house.until(handle, lambda state: bool(state.interventions))
    await give_refund_up(handle)
    assert (await house.state_at_end(handle)).status is SagaStatus.FAILED
    before = await books(house, order)
    again = await house.state_at_end(await reset(house.client, handle.id))
    assert again.status is SagaStatus.FAILED
    assert again.error_message == f"{order.order_id} has ended with an accepted loss"
    assert (await house.record(order)).status == "FAILED"
    assert await books(house, order) == before


async def test_reset_of_an_order_with_an_open_refund_still_refunds(house: House) -> None:
    """Its new run meets the fence of an undo; what else the first run left open it cannot know."""
    order = house.order("reset-open")
    house.injure(order, "create_shipment", "refuse")
    house.injure(order, "refund_payment", "fail", times=-1)
    handle = await house.place(order)
    await house.until(handle, lambda state: Step.INVENTORY_RESERVED in state.compensated_steps)
    assert await house.paid(order) == order.amount_charged
    again = await reset(house.client, handle.id)
    state = await house.until(again, lambda state: bool(state.interventions))
    assert state.status is SagaStatus.COMPENSATING
    assert state.error_code is ErrorCode.INVENTORY_RESERVATION_FAILED
    house.heal(order)
    ended = await house.end_of(again, order)
    assert ended.status is SagaStatus.COMPENSATED
    assert ended.compensated_steps[-1] is Step.ORDER_CREATED
    assert Step.PAYMENT_PROCESSED in ended.compensated_steps
    assert (await house.record(order)).status == "COMPENSATED"


async def cancelled_while_held(
    house: House, order: Order
) -> tuple[WorkflowHandle[OrderSaga, SagaState], int]:
    """An order that was held after its payment and is now cancelled, and a point in between."""
    house.injure(order, "process_payment", "delay", seconds=0.5)
    handle = await house.place(order)
    await house.until(handle, lambda state: state.current_step == "PROCESSING_PAYMENT")
    await handle.execute_update("hold", OperatorAction(actor="jimin", reason="a test"))
    await house.until(handle, lambda state: Step.PAYMENT_PROCESSED in state.executed_steps)
    await handle.cancel()
    await house.until(handle, lambda state: state.error_code is not None)
    return handle, await task_before_cancel(handle)


async def give_refund_up(handle: WorkflowHandle[OrderSaga, SagaState]) -> None:
    for verb in ("claim", "abandon"):
        action = OperatorAction(actor="jimin", reason="lost", step=Step.PAYMENT_PROCESSED)
        await handle.execute_update(verb, action)


async def resumed_from(house: House, order_id: str, event: int) -> SagaState:
    """The end of the run from this event on, which believes that it is held."""
    again = await reset(house.client, order_id, event)
    await house.until(again, lambda state: state.held is not None)
    await again.execute_update("resume", OperatorAction(actor="jimin", reason="a test"))
    return await house.state_at_end(again)


async def test_reset_of_an_undone_order_to_a_later_point_undoes_what_it_does_then(
    house: House,
) -> None:
    """It meets no fence before the pivot: its past is one in which nothing was undone."""
    order = house.order("reset-later")
    handle, event = await cancelled_while_held(house, order)
    await house.state_at_end(handle)
    again = await resumed_from(house, handle.id, event)
    assert house.services.calls[order.order_id, "create_shipment"] == 1
    assert again.status is SagaStatus.COMPENSATED
    assert again.error_code is ErrorCode.ORDER_REJECTED
    assert await books(house, order) == (0, 0, 0, 0, 0)
    assert (await house.record(order)).status == "COMPENSATED"


async def test_reset_of_a_given_up_order_to_a_later_point_stays_failed(house: House) -> None:
    order = house.order("reset-later")
    house.injure(order, "refund_payment", "refuse", times=-1)
    handle, event = await cancelled_while_held(house, order)
    await house.until(handle, lambda state: bool(state.interventions))
    await give_refund_up(handle)
    assert (await house.state_at_end(handle)).status is SagaStatus.FAILED
    house.heal(order)
    again = await resumed_from(house, handle.id, event)
    assert again.status is SagaStatus.FAILED
    assert await house.live_shipments(order) == 0
    assert await house.points_spent(order) == 0


async def test_what_a_reset_to_a_later_point_left_is_undone_by_one_to_the_first(
    house: House,
) -> None:
    """The order's own undo was the last one of its run, but not of the runs after that."""
    order = house.order("reset-twice")
    handle, event = await cancelled_while_held(house, order)
    await house.state_at_end(handle)
    house.injure(order, "create_shipment", "delay_reply", seconds=5)
    again = await reset(house.client, handle.id, event)
    await again.execute_update("resume", OperatorAction(actor="jimin", reason="a test"))
    await house.until_called(order, "create_shipment", 1)
    await again.terminate("a test")
    assert await house.points_spent(order) == order.points_to_use
    ended = await house.end_of(await reset(house.client, handle.id), order)
    assert ended.status is SagaStatus.COMPENSATED
    assert await books(house, order) == (0, 0, 0, 0, 0)


async def test_reset_of_an_order_with_an_accepted_cancel_ends_truthfully(house: House) -> None:
    order = house.order("reset-cancelled")
    house.injure(order, "process_payment", "delay", seconds=1)
    handle = await house.place(order)
    await house.until(handle, lambda state: state.current_step == "PROCESSING_PAYMENT")
    await handle.cancel()
    await house.end_of(handle, order)
    again = await house.end_of(await reset(house.client, handle.id), order)
    assert again.status is SagaStatus.COMPENSATED
    assert await books(house, order) == (0, 0, 0, 0, 0)


async def test_one_order_placed_a_hundred_times_at_once_runs_once(house: House) -> None:
    order = house.order("hundred")
    all_started = asyncio.Event()
    house.services.before[order.order_id, "reserve_inventory"] = all_started.wait

    async def start() -> str | None:
        handle = await house.client.start_workflow(
            OrderSaga.run,
            SagaInput(order=order),
            id=f"order-{order.order_id}",
            task_queue="orders",
            task_timeout=timedelta(seconds=5),
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )
        return handle.first_execution_run_id

    runs = await asyncio.gather(*(start() for _ in range(100)))
    all_started.set()
    assert len(set(runs)) == 1
    state = await house.end_of(house.handle(order), order)
    assert state.status is SagaStatus.COMPLETED


async def test_terminated_saga_leaves_its_effects_and_its_record_open(house: House) -> None:
    """What a terminate costs, and what the audit is there for."""
    order = house.order("terminated")
    house.injure(order, "deduct_points", "delay", seconds=1)
    handle = await house.place(order)
    await house.until(handle, lambda state: state.current_step == "DEDUCTING_POINTS")
    await handle.terminate("a test")
    assert await house.paid(order) == order.amount_charged
    assert (await house.record(order)).status == "STARTED"
