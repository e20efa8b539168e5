"""Cancelled at any point, an order ends balanced, and its status tells the truth."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.testing import WorkflowEnvironment

from models.saga import OperatorAction, SagaStatus
from models.steps import COMPENSATABLE, STEPS, Compensatable, ErrorCode
from tests.house import House, open_house
from tests.workflows.cancelling import CUSTOMER, cancel_at, is_before_pivot
from workflows.order_saga import OrderSaga


@dataclass(frozen=True)
class Point:
    """A moment in the middle of one operation, on one way through the saga."""

    refused: Compensatable | None
    operation: str
    phase: str

    def __str__(self) -> str:
        way = f"{self.refused.activity}_refused" if self.refused else "happy"
        return f"{way}-{self.phase}-{self.operation}"


def every_point() -> list[Point]:
    points = [Point(None, step.activity, phase) for step in STEPS for phase in PHASES]
    for refused in COMPENSATABLE:
        done = COMPENSATABLE[: COMPENSATABLE.index(refused)]
        undos = [step.compensation.activity for step in reversed(done)]
        points.append(Point(refused, refused.activity, "before"))
        points += [Point(refused, undo, phase) for undo in undos for phase in PHASES]
    return points


PHASES = ("before", "after")


@pytest.fixture(scope="module", params=[1000, 0], ids=["cached", "uncached"])
async def house(
    request: pytest.FixtureRequest,
    environment: WorkflowEnvironment,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[House]:
    home = tmp_path_factory.mktemp("house")
    async with open_house(environment.client, home, cached_workflows=request.param) as house:
        house.skip = environment.sleep
        yield house


@pytest.mark.parametrize("how", ["update", "request"])
@pytest.mark.parametrize("point", every_point(), ids=str)
async def test_ends_balanced_and_truthful_when_cancelled(
    house: House, point: Point, how: str
) -> None:
    order = house.order("cancelled")
    if point.refused is not None:
        house.injure(order, point.refused.activity, "refuse")
    accepted = cancel_at(house, order, point.operation, point.phase, how)
    state = await house.run(order)
    if point.refused is not None:
        assert state.status is SagaStatus.COMPENSATED
        assert state.error_code in (point.refused.refused, ErrorCode.ORDER_CANCELLED)
    elif await accepted:
        assert state.status is SagaStatus.COMPENSATED
        assert state.error_code is ErrorCode.ORDER_CANCELLED
    else:
        assert state.status is SagaStatus.COMPLETED
    if point.refused is None and is_before_pivot(point.operation):
        assert await accepted
    # Each undo once, in the exact reverse order of the steps.
    order_of_steps = [step.step for step in COMPENSATABLE]
    positions = [order_of_steps.index(step) for step in state.compensated_steps]
    assert positions == sorted(positions, reverse=True)


async def test_refuses_a_cancel_past_the_pivot_with_a_code(house: House) -> None:
    order = house.order("too-late")
    refused: list[BaseException | None] = []

    async def cancel() -> None:
        with pytest.raises(WorkflowUpdateFailedError) as failure:
            await house.handle(order).execute_update(OrderSaga.cancel, CUSTOMER)
        refused.append(failure.value.cause)

    house.services.before[order.order_id, "send_notification"] = cancel
    state = await house.run(order)
    assert state.status is SagaStatus.COMPLETED
    assert getattr(refused[0], "type", None) == "ORDER_ALREADY_COMPLETED"


async def test_cancelling_twice_is_cancelling_once(house: House) -> None:
    order = house.order("twice")
    handle = house.handle(order)

    async def cancel_twice() -> None:
        for _ in range(2):
            await handle.execute_update(OrderSaga.cancel, CUSTOMER)
        await handle.cancel()

    house.services.before[order.order_id, "process_payment"] = cancel_twice
    state = await house.run(order)
    assert state.status is SagaStatus.COMPENSATED
    assert [done.action for done in state.resolutions] == ["cancel", "cancel"]


@pytest.mark.parametrize("step", COMPENSATABLE, ids=lambda step: step.activity)
async def test_undoes_an_order_that_is_past_its_deadline(house: House, step: Compensatable) -> None:
    order = house.order("late")
    house.injure(order, step.activity, "fail", times=-1)
    state = await house.run(order, deadline_seconds=20)
    assert state.status is SagaStatus.COMPENSATED
    assert state.error_code is ErrorCode.SAGA_DEADLINE_EXCEEDED
    assert state.compensated_steps[0] is step.step


async def test_deadline_changes_nothing_past_the_pivot(house: House) -> None:
    order = house.order("pivot")
    house.injure(order, "complete_order", "fail", times=8)
    state = await house.run(order, deadline_seconds=3)
    assert state.status is SagaStatus.COMPLETED


async def test_starts_no_step_while_held_and_goes_on_when_resumed(house: House) -> None:
    order = house.order("held")
    action = OperatorAction(actor="jimin", reason="looks like fraud")

    async def hold() -> None:
        await house.handle(order).execute_update(OrderSaga.hold, action)

    house.services.before[order.order_id, "reserve_inventory"] = hold
    handle = await house.place(order)
    state = await house.until(handle, lambda state: len(state.executed_steps) == 2)
    assert state.held is not None
    assert (state.held.by, state.held.reason) == ("jimin", "looks like fraud")
    assert not await house.notifications(order)
    await handle.execute_update(OrderSaga.resume, action)
    state = await house.end_of(handle, order)
    assert state.status is SagaStatus.COMPLETED
    assert state.held is None
    assert [done.action for done in state.resolutions] == ["hold", "resume"]


@pytest.mark.parametrize("by", ["cancel", "deadline"])
async def test_held_order_can_still_be_undone(house: House, by: str) -> None:
    order = house.order("held")

    async def hold() -> None:
        await house.handle(order).execute_update(OrderSaga.hold, CUSTOMER)

    house.services.before[order.order_id, "process_payment"] = hold
    handle = await house.place(order)
    await house.until(handle, lambda state: len(state.executed_steps) == 3)
    if by == "cancel":
        await handle.execute_update(OrderSaga.cancel, CUSTOMER)
    state = await house.end_of(handle, order)
    assert state.status is SagaStatus.COMPENSATED
    assert state.executed_steps[-1] == "PAYMENT_PROCESSED"
    assert state.held is None
