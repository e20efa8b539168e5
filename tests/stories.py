"""Generated stories of an order: failures, delays, duplicates, cancels, holds and operators."""

import asyncio
from dataclasses import dataclass
from typing import Any

import hypothesis.strategies as some
from hypothesis import HealthCheck, Phase, note, settings
from temporalio.client import WorkflowHandle, WorkflowHistory, WorkflowUpdateFailedError
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from models.order import Order
from models.saga import Intervention, OperatorAction, SagaState, SagaStatus
from models.steps import COMPENSATABLE, CREATE_ORDER, STEPS, Service, Step
from tests.house import House
from tests.workflows.cancelling import AFTER_LOCAL, LOCAL, cancel_at
from workflows.order_saga import OrderSaga

FORWARD = [step.activity for step in STEPS]
UNDOS = [step.compensation.activity for step in COMPENSATABLE]
BY_STEP = {step.step: step for step in COMPENSATABLE}
DELAY = 0.4
"""Seconds: longer than the shortest deadline, and shorter than a step's time."""
TERMINAL = {SagaStatus.COMPLETED, SagaStatus.COMPENSATED, SagaStatus.FAILED}


@dataclass(frozen=True)
class Injury:
    operation: str
    kind: str
    times: int


@dataclass(frozen=True)
class Interruption:
    """Something that a person does in the middle of an operation."""

    operation: str
    phase: str
    action: str


@dataclass(frozen=True)
class Story:
    """All that happens to one order."""

    points_to_use: int
    injuries: list[Injury]
    interruptions: list[Interruption]
    duplicates: frozenset[str]
    """Operations whose every call reaches the service twice."""
    operator: str
    """What the operator does with an intervention that does not heal."""
    deadline_seconds: float = 900
    step_seconds: float = 60


def injuries_of(*kinds: str) -> some.SearchStrategy[list[Injury]]:
    """At most one injury of each operation."""
    injury = some.builds(
        Injury,
        operation=some.sampled_from(FORWARD + UNDOS),
        kind=some.sampled_from(kinds),
        times=some.sampled_from([1, 2, 7, -1]),
    )
    return some.lists(injury, max_size=4, unique_by=lambda injury: injury.operation)


interruptions = some.builds(
    Interruption,
    operation=some.sampled_from(FORWARD + UNDOS),
    phase=some.sampled_from(["before", "after"]),
    action=some.sampled_from(["update", "request", "hold"]),
)
stories = some.builds(
    Story,
    points_to_use=some.sampled_from([0, 10, 60]),
    injuries=injuries_of("refuse", "fail", "lose_reply"),
    interruptions=some.lists(interruptions, max_size=2, unique_by=lambda one: one.operation),
    duplicates=some.frozensets(some.sampled_from(FORWARD + UNDOS), max_size=2),
    operator=some.sampled_from(["resolve", "abandon", "retry"]),
)
"""For a server that skips time, where nothing takes any."""
slow_stories = some.builds(
    Story,
    points_to_use=some.sampled_from([0, 10, 60]),
    injuries=injuries_of("refuse", "fail", "lose_reply", "delay", "delay_reply"),
    interruptions=some.lists(interruptions, max_size=2, unique_by=lambda one: one.operation),
    duplicates=some.frozensets(some.sampled_from(FORWARD + UNDOS), max_size=2),
    operator=some.sampled_from(["resolve", "abandon", "retry"]),
    deadline_seconds=some.sampled_from([900.0, 900.0, 0.2, 1.0, 3.0]),
    step_seconds=some.just(1.5),
)
"""For a real server: calls take their time, and the deadline strikes anywhere."""


def examples(count: int) -> settings:
    """So many generated runs; a failure prints the seed and the smallest story that fails."""
    return settings(
        max_examples=count,
        deadline=None,
        print_blob=True,
        database=None,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )


async def tell(house: House, story: Story) -> None:
    """Send an order through the story, and check everything that must be true at its end."""
    order = house.order("story", points_to_use=story.points_to_use)
    note(order.order_id)
    for injury in story.injuries:
        slow = {"seconds": DELAY} if injury.kind.startswith("delay") else {}
        house.injure(order, injury.operation, injury.kind, times=injury.times, **slow)
    for one in story.interruptions:
        if not house.skips_time or can_skip_time(one, story):
            interrupt(house, order, one)
    house.services.doubled |= {(order.order_id, operation) for operation in story.duplicates}
    handle = await house.place(
        order, deadline_seconds=story.deadline_seconds, step_seconds=story.step_seconds
    )
    await operate(house, order, handle, story)
    await check(house, order, story, await house.state_at_end(handle))


def can_skip_time(one: Interruption, story: Story) -> bool:
    """Whether the time-skipping server can take this interruption of the story.

    It loses an activity that fails after its cancel was requested. The real one does not, and
    there the stories are told whole: `tests/engine/test_properties.py`.
    """
    if one.action == "hold":
        return True
    injured = {injury.operation for injury in story.injuries}
    failing = {injury.operation for injury in story.injuries if injury.kind != "refuse"}
    taken_up_later = one.operation in LOCAL and AFTER_LOCAL in injured
    return one.operation not in failing and not taken_up_later


def interrupt(house: House, order: Order, one: Interruption) -> None:
    if one.action != "hold":
        cancel_at(house, order, one.operation, one.phase, one.action)
        return
    hooks = house.services.before if one.phase == "before" else house.services.after

    async def hold() -> None:
        # Not awaited: a local activity holds the workflow task that would answer.
        asyncio.get_running_loop().create_task(attempt(house.handle(order), "hold", None))

    hooks[order.order_id, one.operation] = hold


async def attempt(handle: WorkflowHandle[OrderSaga, SagaState], verb: str, step: Any) -> bool:
    """Do something that may come too late; tells whether it was accepted."""
    action = OperatorAction(actor="jimin", reason="a story", step=step)
    try:
        await handle.execute_update(verb, action)
    except WorkflowUpdateFailedError:
        return False
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:  # it has ended
            return False
        raise
    return True


async def operate(
    house: House, order: Order, handle: WorkflowHandle[OrderSaga, SagaState], story: Story
) -> None:
    """The operator of the story: looks at the order each second, and does what is due."""
    while True:
        state = await handle.query(OrderSaga.state)
        if state.status in TERMINAL:
            return
        if state.held is not None:
            await attempt(handle, "resume", None)
        for case in state.interventions:
            if needs_operator(case, story):
                await settle(house, order, handle, case, story.operator)
        await house.skip(1)


def needs_operator(case: Intervention, story: Story) -> bool:
    """Whether nothing but a person ends this: the others are left to heal by themselves."""
    return any(
        injury.operation == case.compensation and (injury.times == -1 or injury.kind == "refuse")
        for injury in story.injuries
    )


async def settle(
    house: House,
    order: Order,
    handle: WorkflowHandle[OrderSaga, SagaState],
    case: Intervention,
    verb: str,
) -> None:
    by_hand = case.step in BY_STEP and BY_STEP[case.step].service is not Service.ORDERS
    if verb == "retry" or (verb == "resolve" and not by_hand) or case.step not in BY_STEP:
        house.heal(order)
        await attempt(handle, "retry", case.step)
        return
    if await attempt(handle, "claim", case.step) or case.claimed_by == "jimin":
        if verb == "resolve":
            await house.undo_by_hand(order, BY_STEP[case.step])
        await attempt(handle, verb, case.step)


async def replay(history: WorkflowHistory) -> None:
    """What has just happened must replay: any worker may have to at any time."""
    # Cancelled where a local activity ends, a timer makes a history that replays only sometimes.
    assert not any(event.HasField("timer_canceled_event_attributes") for event in history.events)
    replayer = Replayer(
        workflows=[OrderSaga],
        data_converter=pydantic_data_converter,
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    await replayer.replay_workflow(history)


async def check(house: House, order: Order, story: Story, state: SagaState) -> None:
    await replay(await house.handle(order).fetch_history())
    assert state.status in TERMINAL
    assert state.interventions == []
    assert state.held is None
    positions = [list(Step).index(step) for step in state.executed_steps]
    assert positions == sorted(positions)
    if state.status is not SagaStatus.FAILED:
        await house.check_books(order, state)
    abandoned = {one.step for one in state.resolutions if one.action == "abandon"}
    assert (state.status is SagaStatus.FAILED) == bool(abandoned)
    if state.status is SagaStatus.COMPLETED:
        assert state.error_code is None
        assert state.compensated_steps == []
        assert state.progress == 100
    else:
        assert state.error_code is not None
        undone = set(state.compensated_steps) | abandoned
        assert undone >= set(state.executed_steps) & set(BY_STEP)
        assert len(state.compensated_steps) == len(set(state.compensated_steps))
        if not any(injury.operation in UNDOS for injury in story.injuries):
            positions = [list(Step).index(step) for step in state.compensated_steps]
            assert positions == sorted(positions, reverse=True)
    record = await house.record(order)
    opening_refused = any(
        injury.operation == CREATE_ORDER.activity and injury.kind == "refuse"
        for injury in story.injuries
    )
    assert record is not None or opening_refused
    if record is not None and Step.ORDER_CREATED not in abandoned:
        assert record.status == state.status
