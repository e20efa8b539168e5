"""Reactions whose retries are spent: parked, alerted, seen, driven again, and gone on from."""

import asyncio
from collections.abc import Callable

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError

from client.dead_letters import open_dead_letters, redrive
from client.operators import ActionRefused
from client.step_runs import step_runs
from client.timeline import read_story
from client.views import RunOutcome
from models.events import DeadLetter, EventType
from models.order import Order
from models.saga import OperatorAction, SagaKind, SagaStatus
from models.steps import COMPENSATABLE, Compensatable, Service, Step
from tests.alerts.targets import HttpTarget
from tests.engine.test_history_tricks import reset
from tests.house import House

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

CHOREOGRAPHED = SagaKind.CHOREOGRAPHED
WHO = OperatorAction(actor="jimin", reason="the cause is mended")
UNDONE = [
    # Each takes two rounds of five attempts, so the default run has the two that differ most.
    pytest.param(
        step,
        id=step.compensation.activity,
        marks=() if step.service in (Service.ORDERS, Service.PAYMENTS) else pytest.mark.long,
    )
    for step in COMPENSATABLE
    if step.step is not Step.SHIPMENT_CREATED
]
REFUSED = {
    "cancel": "NOBODY_DECIDES",
    "hold": "NOBODY_DECIDES",
    "resume": "NOBODY_DECIDES",
    "claim": "PARKED_NOT_CLAIMED",
    "resolve": "PARKED_NOT_CLAIMED",
    "abandon": "PARKED_NOT_CLAIMED",
    "retry": "PARKED_NOT_CLAIMED",
}


async def parked(
    house: House, order: Order, condition: Callable[[DeadLetter], bool] = lambda letter: True
) -> DeadLetter:
    """The order's dead letter, once the list has it."""
    async with asyncio.timeout(60):
        while True:
            for letter in await open_dead_letters(house.client):
                if letter.order_id == order.order_id and condition(letter):
                    return letter
            await asyncio.sleep(0.1)


async def drive(house: House, letter: DeadLetter, number: int = 1) -> DeadLetter:
    return await redrive(house.client, letter.reaction_id, WHO, request_id=f"{number}")


@pytest.mark.parametrize("step", UNDONE)
async def test_undo_is_parked_alerted_and_driven_again(
    house: House, hook: HttpTarget, step: Compensatable
) -> None:
    order = house.order("parked")
    house.injure(order, "create_shipment", "refuse")
    house.injure(order, step.compensation.activity, "fail", times=-1)
    handle = await house.place(order, CHOREOGRAPHED, alert_targets=1)
    letter = await parked(house, order, lambda letter: letter.alerted)
    assert (letter.step, letter.call) == (step.step, step.compensation.activity)
    assert letter.event_type is EventType.SHIPMENT_FAILED
    assert (letter.retry_count, letter.max_retries) == (4, 4)
    (alert,) = hook.alerts_of(order.order_id)
    assert f"dead-letters --retry {letter.reaction_id}" in alert
    state = await house.until(
        handle, lambda state: bool(state.interventions and state.interventions[0].alerted)
    )
    assert state.status is SagaStatus.COMPENSATING
    assert [case.dead_letter for case in state.interventions] == [letter.reaction_id]
    assert step.step not in state.compensated_steps
    # Driven again too early, it stays parked, and nobody is alerted a second time.
    await drive(house, letter)
    again = await parked(house, order, lambda letter: letter.retry_count > 4)
    assert again.since == letter.since
    house.heal(order)
    async with asyncio.timeout(30):
        while (await parked(house, order)).being_tried:
            await asyncio.sleep(0.05)
    await drive(house, letter, 2)
    ended = await house.end_of(handle, order)
    assert ended.status is SagaStatus.COMPENSATED
    assert ended.interventions == []
    assert [(one.action, one.actor, one.step) for one in ended.resolutions] == [
        ("redrive", "jimin", step.step)
    ] * 2
    assert len(hook.alerts_of(order.order_id)) == 1
    kept = (await house.record(order)).state
    assert [one["reason"] for one in kept["resolutions"]] == [WHO.reason] * 2


async def test_pivot_that_is_parked_completes_when_driven_again(house: House) -> None:
    order = house.order("pivot")
    house.injure(order, "complete_order", "fail", times=5)
    handle = await house.place(order, CHOREOGRAPHED)
    letter = await parked(house, order)
    state = await house.until(handle, lambda state: bool(state.interventions))
    assert (state.status, letter.step) == (SagaStatus.IN_PROGRESS, Step.ORDER_COMPLETED)
    await drive(house, letter)
    ended = await house.end_of(handle, order)
    assert ended.status is SagaStatus.COMPLETED
    assert [one.action for one in ended.resolutions] == ["redrive"]


async def test_undo_that_is_refused_is_parked_at_once(house: House) -> None:
    order = house.order("handed-over", points_to_use=0)
    house.injure(order, "complete_order", "fail", times=-1)
    house.injure(order, "create_shipment", "lose_reply", times=-1)
    house.injure(order, "cancel_shipment", "refuse")
    handle = await house.place(order, CHOREOGRAPHED, step_seconds=1)
    letter = await parked(house, order)
    assert (letter.call, letter.retry_count) == ("cancel_shipment", 0)
    await drive(house, letter)
    assert (await house.end_of(handle, order)).status is SagaStatus.COMPENSATED


async def test_order_does_not_wait_for_a_parked_notification(house: House) -> None:
    order = house.order("silent")
    house.injure(order, "send_notification", "refuse")
    state = await house.run(order, CHOREOGRAPHED)
    assert (state.status, state.interventions) == (SagaStatus.COMPLETED, [])
    assert await house.notifications(order) == 0
    letter = await parked(house, order)
    await drive(house, letter)
    reaction = house.client.get_workflow_handle(letter.reaction_id)
    assert await reaction.result() == EventType.NOTIFICATION_SENT
    assert await house.notifications(order) == 1


async def test_timeline_tells_a_refused_notification_from_an_unknown_one(house: House) -> None:
    order = house.order("not-notified")
    house.injure(order, "send_notification", "refuse")
    handle = await house.place(order, CHOREOGRAPHED)
    state = await house.end_of(handle, order)
    events = [event async for event in handle.fetch_history_events()]
    *_, run = step_runs(await read_story(events, pydantic_data_converter), ())
    assert (run.step, run.outcome) == (Step.NOTIFICATION_SENT, RunOutcome.REFUSED)
    assert state.warnings == [f"send_notification: {run.last_error}"]


async def test_only_what_is_parked_can_be_driven(house: House) -> None:
    order = house.order("running")
    house.injure(order, "reserve_inventory", "delay", seconds=2)
    handle = await house.place(order, CHOREOGRAPHED)
    await house.until(handle, lambda state: Step.ORDER_CREATED in state.executed_steps)
    running = f"{handle.id}/{EventType.ORDER_CREATED}/{Service.INVENTORY}"
    with pytest.raises(ActionRefused) as refused:
        await redrive(house.client, running, WHO, request_id="1")
    assert refused.value.code == "NOT_PARKED"
    await house.end_of(handle, order)
    with pytest.raises(ActionRefused) as ended:
        await redrive(house.client, running, WHO, request_id="2")
    assert ended.value.code == "NOT_PARKED"


async def test_actions_that_need_a_coordinator_are_refused(house: House) -> None:
    order = house.order("refused")
    house.injure(order, "reserve_inventory", "delay", seconds=1)
    handle = await house.place(order, CHOREOGRAPHED)
    codes = {}
    for action in REFUSED:
        with pytest.raises(WorkflowUpdateFailedError) as failure:
            await handle.execute_update(action, WHO)
        assert isinstance(failure.value.cause, ApplicationError)
        codes[action] = failure.value.cause.type
    assert codes == REFUSED
    state = await house.end_of(handle, order)
    assert (state.status, state.resolutions) == (SagaStatus.COMPLETED, [])


async def test_tracker_follows_a_parked_reaction_that_was_reset(house: House) -> None:
    """The notices of its new run count from one again, and are newer all the same."""
    order = house.order("reset", payment_token="tok_declined")
    house.injure(order, "release_inventory", "refuse", times=-1)
    handle = await house.place(order, CHOREOGRAPHED)
    letter = await parked(house, order)
    await drive(house, letter)
    first = await house.until(handle, lambda state: bool(state.resolutions))
    await reset(house.client, letter.reaction_id)
    second = await house.until(
        handle,
        lambda state: bool(state.interventions) and state.interventions[0].since > letter.since,
    )
    assert second.resolutions == first.resolutions
    house.heal(order)
    await drive(house, await parked(house, order, lambda again: again.since > letter.since), 2)
    assert (await house.end_of(handle, order)).status is SagaStatus.COMPENSATED
