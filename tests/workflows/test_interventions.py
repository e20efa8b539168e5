"""Undos that do not succeed: they wait for a person, and the saga never says they are done."""

import asyncio

import pytest
from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from models.order import Order
from models.saga import OperatorAction, SagaState, SagaStatus
from models.steps import COMPENSATABLE, Compensatable, Step
from tests.house import House
from workflows.order_saga import OrderSaga

Handle = WorkflowHandle[OrderSaga, SagaState]


def by(actor: str, step: Step) -> OperatorAction:
    return OperatorAction(actor=actor, reason=f"{actor} has looked into it", step=step)


async def act(handle: Handle, verb: str, action: OperatorAction) -> SagaState:
    state: SagaState = await handle.execute_update(verb, action, result_type=SagaState)
    return state


async def refusal_of(handle: Handle, verb: str, action: OperatorAction) -> str | None:
    """The code that the action is refused with."""
    with pytest.raises(WorkflowUpdateFailedError) as failure:
        await act(handle, verb, action)
    assert isinstance(failure.value.cause, ApplicationError)
    return failure.value.cause.type


async def stuck_at(house: House, *steps: Compensatable) -> tuple[Order, Handle]:
    """An order whose undo of these steps fails for ever, once all of them wait for a person."""
    order = house.order("stuck")
    house.injure(order, "create_shipment", "refuse")
    for step in steps:
        house.injure(order, step.compensation.activity, "fail", times=-1)
    handle = await house.place(order)
    await house.until_later(handle, lambda state: len(state.interventions) == len(steps))
    return order, handle


PAYMENT, INVENTORY = COMPENSATABLE[2], COMPENSATABLE[1]


async def test_undo_that_fails_ten_times_succeeds_by_itself(house: House) -> None:
    order = house.order("heals")
    house.injure(order, "create_shipment", "refuse")
    house.injure(order, "refund_payment", "fail", times=10)
    state = await house.run(order)
    assert state.status is SagaStatus.COMPENSATED
    assert state.interventions == []
    # The others did not wait for it, but the order's record did.
    assert state.compensated_steps == [
        Step.POINTS_DEDUCTED,
        Step.INVENTORY_RESERVED,
        Step.PAYMENT_PROCESSED,
        Step.ORDER_CREATED,
    ]


@pytest.mark.parametrize("step", COMPENSATABLE[:4], ids=lambda step: step.activity)
async def test_never_compensated_while_an_undo_is_open(house: House, step: Compensatable) -> None:
    order, handle = await stuck_at(house, step)
    state = await handle.query(OrderSaga.state)
    assert state.status is SagaStatus.COMPENSATING
    assert step.step not in state.compensated_steps
    (case,) = state.interventions
    assert (case.step, case.compensation) == (step.step, step.compensation.activity)
    assert case.attempts == 5
    assert "was made to fail" in case.last_error
    record = await house.record(order)
    assert record.status == ("STARTED" if step.step is not Step.ORDER_CREATED else record.status)
    await act(handle, "claim", by("jimin", step.step))
    house.heal(order)
    await act(handle, "retry", by("jimin", step.step))
    assert (await house.end_of(handle, order)).status is SagaStatus.COMPENSATED


async def test_current_step_is_the_undo_that_is_waited_for(house: House) -> None:
    order, handle = await stuck_at(house, PAYMENT)
    await house.until_later(
        handle,
        lambda state: (
            Step.INVENTORY_RESERVED in state.compensated_steps
            and state.current_step == "REFUNDING_PAYMENT"
        ),
    )
    house.heal(order)
    await house.end_of(handle, order)


async def test_resolved_by_hand_counts_as_undone(house: House) -> None:
    order, handle = await stuck_at(house, PAYMENT)
    claimed = await act(handle, "claim", by("jimin", PAYMENT.step))
    assert claimed.interventions[0].claimed_by == "jimin"
    await house.undo_by_hand(order, PAYMENT)
    await act(handle, "resolve", by("jimin", PAYMENT.step))
    state = await house.end_of(handle, order)
    assert state.status is SagaStatus.COMPENSATED
    assert PAYMENT.step in state.compensated_steps
    assert [(one.action, one.actor, one.step) for one in state.resolutions] == [
        ("claim", "jimin", PAYMENT.step),
        ("resolve", "jimin", PAYMENT.step),
    ]


async def test_abandoned_undo_ends_failed_with_the_loss_on_record(house: House) -> None:
    order, handle = await stuck_at(house, PAYMENT)
    await act(handle, "claim", by("jimin", PAYMENT.step))
    await act(handle, "abandon", by("jimin", PAYMENT.step))
    state = await house.state_at_end(handle)
    assert state.status is SagaStatus.FAILED
    assert PAYMENT.step not in state.compensated_steps
    assert state.failed_at is not None
    assert await house.paid(order) == order.amount_charged
    assert (await house.record(order)).status == "FAILED"


async def test_refused_undo_waits_at_once_and_the_machine_leaves_it(house: House) -> None:
    order = house.order("handed-over")
    house.injure(order, "create_shipment", "lose_reply", times=-1)

    async def hand_over() -> None:
        await house.hand_over(order)

    house.services.before[order.order_id, "cancel_shipment"] = hand_over
    handle = await house.place(order)
    state = await house.until_later(handle, lambda state: bool(state.interventions))
    assert state.interventions[0].attempts == 1
    assert "with the carrier" in state.interventions[0].last_error
    await act(handle, "claim", by("jimin", Step.SHIPMENT_CREATED))
    await act(handle, "abandon", by("jimin", Step.SHIPMENT_CREATED))
    state = await house.state_at_end(handle)
    assert state.status is SagaStatus.FAILED
    assert await house.paid(order) == 0


async def test_two_interventions_are_settled_each_by_itself(house: House) -> None:
    order, handle = await stuck_at(house, PAYMENT, INVENTORY)
    await act(handle, "claim", by("jimin", PAYMENT.step))
    await act(handle, "claim", by("sora", INVENTORY.step))
    await house.undo_by_hand(order, PAYMENT)
    await act(handle, "resolve", by("jimin", PAYMENT.step))
    state = await handle.query(OrderSaga.state)
    assert [case.step for case in state.interventions] == [INVENTORY.step]
    await house.undo_by_hand(order, INVENTORY)
    await act(handle, "resolve", by("sora", INVENTORY.step))
    assert (await house.end_of(handle, order)).status is SagaStatus.COMPENSATED


async def test_one_of_two_operators_wins_and_the_other_is_told(house: House) -> None:
    order, handle = await stuck_at(house, PAYMENT)
    results = await asyncio.gather(
        *(act(handle, "claim", by(name, PAYMENT.step)) for name in ("jimin", "sora")),
        return_exceptions=True,
    )
    refused = [result for result in results if isinstance(result, WorkflowUpdateFailedError)]
    assert len(refused) == 1
    assert getattr(refused[0].cause, "type", None) == "ALREADY_CLAIMED"
    winner = (await handle.query(OrderSaga.state)).interventions[0].claimed_by
    loser = {"jimin": "sora", "sora": "jimin"}[str(winner)]
    assert await refusal_of(handle, "resolve", by(loser, PAYMENT.step)) == "CLAIMED_BY_ANOTHER"
    house.heal(order)
    await act(handle, "retry", by(loser, PAYMENT.step))
    assert (await house.end_of(handle, order)).status is SagaStatus.COMPENSATED


async def test_an_update_sent_twice_under_one_id_acts_once(house: House) -> None:
    order, handle = await stuck_at(house, PAYMENT)
    for _ in range(2):
        await handle.execute_update("claim", by("jimin", PAYMENT.step), id="claim-1")
    state = await handle.query(OrderSaga.state)
    assert [one.action for one in state.resolutions] == ["claim"]
    house.heal(order)
    await act(handle, "retry", by("jimin", PAYMENT.step))
    await house.end_of(handle, order)


async def test_actions_that_make_no_sense_are_refused_with_a_code(house: House) -> None:
    order, handle = await stuck_at(house, PAYMENT)
    step = PAYMENT.step
    assert await refusal_of(handle, "resolve", by("jimin", step)) == "NOT_CLAIMED"
    assert await refusal_of(handle, "abandon", by("jimin", step)) == "NOT_CLAIMED"
    other = by("jimin", Step.POINTS_DEDUCTED)
    for verb in ("claim", "resolve", "abandon", "retry"):
        assert await refusal_of(handle, verb, other) == "NO_OPEN_INTERVENTION"
    assert await refusal_of(handle, "hold", by("jimin", step)) == "ALREADY_COMPENSATING"
    assert await refusal_of(handle, "resume", by("jimin", step)) == "NOT_HELD"
    house.heal(order)
    await act(handle, "retry", by("jimin", step))
    await house.end_of(handle, order)


async def test_pivot_in_trouble_is_shown_and_can_only_be_retried(house: House) -> None:
    order = house.order("pivot")
    house.injure(order, "complete_order", "fail", times=-1)
    handle = await house.place(order)
    state = await house.until_later(handle, lambda state: bool(state.interventions))
    assert state.interventions[0].step is Step.ORDER_COMPLETED
    assert await refusal_of(handle, "claim", by("jimin", Step.ORDER_COMPLETED)) == "FORWARD_ONLY"
    house.heal(order)
    await act(handle, "retry", by("jimin", Step.ORDER_COMPLETED))
    assert (await house.end_of(handle, order)).status is SagaStatus.COMPLETED


async def test_alert_that_cannot_be_delivered_does_not_hold_up_the_undo(house: House) -> None:
    order = house.order("alert")
    house.injure(order, "create_shipment", "refuse")
    house.injure(order, "refund_payment", "fail", times=10)
    state = await house.run(order, alert_targets=2)  # this house has none to send to
    assert state.status is SagaStatus.COMPENSATED
