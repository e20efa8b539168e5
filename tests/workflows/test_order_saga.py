"""The saga over the real services: what ends how, in which order it is undone, and the books."""

import itertools

import pytest

from models.saga import SagaStatus
from models.steps import (
    COMPENSATABLE,
    CREATE_ORDER,
    STEPS,
    TOTAL_STEPS,
    Compensatable,
    ErrorCode,
    Service,
    Step,
)
from tests.house import House

ALL_STEPS = [step.step for step in STEPS]


def before(step: Compensatable) -> list[Step]:
    return [other.step for other in COMPENSATABLE[: COMPENSATABLE.index(step)]]


async def test_executes_every_step_when_all_services_agree(house: House) -> None:
    order = house.order()
    state = await house.run(order)
    assert state.status is SagaStatus.COMPLETED
    assert state.current_step == "COMPLETED"
    assert state.executed_steps == ALL_STEPS
    assert state.compensated_steps == []
    assert state.progress == 100
    assert (state.total_amount, state.amount_charged) == ("60.00", "50.00")
    assert state.completed_at is not None
    assert state.completed_at >= state.created_at
    assert None not in (
        state.inventory_reservation_id,
        state.payment_transaction_id,
        state.point_transaction_id,
        state.shipment_id,
    )


@pytest.mark.parametrize("step", COMPENSATABLE, ids=lambda step: step.activity)
async def test_undoes_what_came_before_when_a_step_is_refused(
    house: House, step: Compensatable
) -> None:
    order = house.order("refused")
    house.injure(order, step.activity, "refuse")
    state = await house.run(order)
    assert state.status is SagaStatus.COMPENSATED
    assert state.error_code is step.refused
    assert state.executed_steps == before(step)
    assert state.compensated_steps == before(step)[::-1]


@pytest.mark.parametrize("step", COMPENSATABLE, ids=lambda step: step.activity)
@pytest.mark.parametrize("kind", ["fail", "lose_reply"])
async def test_undoes_the_step_too_when_its_outcome_stays_unknown(
    house: House, step: Compensatable, kind: str
) -> None:
    order = house.order(kind)
    house.injure(order, step.activity, kind, times=-1)
    state = await house.run(order)
    assert state.status is SagaStatus.COMPENSATED
    assert state.error_code is step.failed
    assert state.executed_steps == before(step)
    assert state.compensated_steps == [step.step, *before(step)[::-1]]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.activity)
@pytest.mark.parametrize("kind", ["fail", "lose_reply"])
async def test_completes_with_one_effect_when_a_step_works_at_its_third_attempt(
    house: House, step: Compensatable, kind: str
) -> None:
    order = house.order(kind)
    house.injure(order, step.activity, kind, times=2)
    state = await house.run(order)
    assert state.status is SagaStatus.COMPLETED
    assert state.executed_steps == ALL_STEPS


async def test_gives_a_declined_card_the_documented_undo(house: House) -> None:
    order = house.order("declined", payment_token="tok_declined")
    state = await house.run(order)
    assert state.error_code is ErrorCode.PAYMENT_PROCESSING_FAILED
    assert state.error_message == "the card was declined"
    assert state.compensated_steps == [Step.INVENTORY_RESERVED, Step.ORDER_CREATED]


async def test_skips_the_points_when_none_are_used(house: House) -> None:
    order = house.order("no-points", points_to_use=0)
    state = await house.run(order)
    assert state.status is SagaStatus.COMPLETED
    assert state.skipped_steps == [Step.POINTS_DEDUCTED]
    assert state.executed_steps == [step for step in ALL_STEPS if step != "POINTS_DEDUCTED"]
    assert state.progress == 100
    assert state.amount_charged == "60.00"


async def test_skips_the_payment_when_points_pay_for_everything(house: House) -> None:
    order = house.order("only-points", points_to_use=60)
    state = await house.run(order)
    assert state.status is SagaStatus.COMPLETED
    assert state.skipped_steps == [Step.PAYMENT_PROCESSED]
    assert state.amount_charged == "0.00"


async def test_undoes_nothing_of_a_skipped_step(house: House) -> None:
    order = house.order("skipped", points_to_use=0)
    house.injure(order, "create_shipment", "refuse")
    state = await house.run(order)
    assert Step.POINTS_DEDUCTED not in state.compensated_steps
    assert state.skipped_steps == [Step.POINTS_DEDUCTED]


async def test_completes_with_a_warning_when_the_notification_never_works(house: House) -> None:
    order = house.order("silent")
    house.injure(order, "send_notification", "fail", times=-1)
    state = await house.run(order)
    assert state.status is SagaStatus.COMPLETED
    assert state.progress == 100
    assert Step.NOTIFICATION_SENT not in state.executed_steps
    assert len(state.warnings) == 1
    assert "send_notification" in state.warnings[0]


async def test_goes_forward_only_when_the_pivot_fails_for_long(house: House) -> None:
    order = house.order("pivot")
    house.injure(order, "complete_order", "fail", times=20)
    state = await house.run(order)
    assert state.status is SagaStatus.COMPLETED
    assert state.compensated_steps == []
    assert state.interventions == []


async def test_closes_the_record_with_the_state_it_ends_with(house: House) -> None:
    closings = (("COMPLETED", "complete_order"), ("COMPENSATED", "cancel_order"))
    # Closed twice, too: the reply of the first attempts is lost, until it becomes an intervention.
    for (expected, closing), replies_lost in itertools.product(closings, (False, True)):
        order = house.order("record")
        if expected == "COMPENSATED":
            house.injure(order, "create_shipment", "refuse")
        if replies_lost:
            house.injure(order, closing, "lose_reply", times=7)
        state = await house.run(order)
        record = await house.record(order)
        assert (record.status, record.error_code) == (expected, state.error_code)
        assert record.created_at == state.created_at
        assert record.ended_at == (state.completed_at or state.compensated_at)


async def test_leaves_no_record_of_an_id_that_is_another_orders(house: House) -> None:
    order = house.order("taken")
    await house.run(order)
    first = await house.record(order)
    handle = await house.place(order.model_copy(update={"shipping_address": "elsewhere"}))
    state = await handle.result()
    assert state.error_code is ErrorCode.ORDER_REJECTED
    assert state.compensated_steps == []
    assert await house.record(order) == first


async def test_history_of_a_completed_order_stays_short(house: House) -> None:
    handle = await house.place(house.order("short"))
    await handle.result()
    assert len([event async for event in handle.fetch_history_events()]) <= 45


def test_table_of_steps_is_the_contract() -> None:
    assert TOTAL_STEPS == 7
    assert [step.activity for step in STEPS] == [
        "create_order",
        "reserve_inventory",
        "process_payment",
        "deduct_points",
        "create_shipment",
        "complete_order",
        "send_notification",
    ]
    assert CREATE_ORDER.service is Service.ORDERS
    assert [step.compensation.activity for step in COMPENSATABLE] == [
        "cancel_order",
        "release_inventory",
        "refund_payment",
        "restore_points",
        "cancel_shipment",
    ]
