"""Recorded sagas still replay with the code as it is: what runs in production can be updated."""

import json
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from models.calls import CompensationInput
from models.events import Delivery, EventType
from models.saga import SagaInput, SagaState
from tests.replay.record import HISTORIES, OF
from tests.replay.scenarios import SCENARIOS
from worker import SANDBOX
from workflows.choreography.reaction import Reaction
from workflows.choreography.subscriptions import SUBSCRIPTIONS, Verb
from workflows.choreography.tracker import OrderTracker
from workflows.order_saga import OrderSaga

RECORDED = sorted(HISTORIES.glob("*.json"))


def history(path: Path) -> WorkflowHistory:
    recorded = json.loads(path.read_text(encoding="utf-8"))
    # Of a choreographed order, ids of reactions are made of the id that it was recorded under.
    started = recorded["events"][0]["workflowExecutionStartedEventAttributes"]
    return WorkflowHistory.from_json(started.get("workflowId", path.stem), recorded)


def replayer(*workflows: type) -> Replayer:
    return Replayer(
        workflows=workflows, data_converter=pydantic_data_converter, workflow_runner=SANDBOX
    )


def test_every_scenario_is_recorded_and_nothing_else() -> None:
    assert RECORDED, "no histories: run `python -m tests.replay.record`"
    assert {path.stem.partition(OF)[0] for path in RECORDED} == set(SCENARIOS)


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
async def test_recorded_history_replays_with_todays_code(path: Path) -> None:
    await replayer(OrderSaga, OrderTracker, Reaction).replay_workflow(history(path))


@pytest.mark.parametrize(
    ("event", "service"),
    [
        (event, each.service)
        for event, subscriptions in SUBSCRIPTIONS.items()
        for each in subscriptions
        if each.verb is not Verb.COUNTS
    ],
)
def test_every_reaction_that_there_is_has_a_history(event: str, service: str) -> None:
    assert list(HISTORIES.glob(f"*{OF}{event}-{service}.json"))


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_recorded_history_tells_nothing_of_the_machine(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "stackTrace" not in text
    assert "@" not in "".join(part for part in text.split('"') if part.startswith("recorder"))
    assert str(Path(__file__).parents[2]) not in text


@workflow.defn(name="OrderSaga", sandboxed=False)
class ChangedOrderSaga(OrderSaga):
    """The saga with its steps in another order: what a careless change would be."""

    @workflow.init
    def __init__(self, saga: SagaInput) -> None:
        super().__init__(saga)

    @workflow.run
    async def run(self, saga: SagaInput) -> SagaState:
        await workflow.execute_activity(
            "release_inventory",
            CompensationInput(order_id=saga.order.order_id),
            start_to_close_timeout=self._deadline,
        )
        return await super().run(saga)


@workflow.defn(name="Reaction", sandboxed=False)
class ChangedReaction(Reaction):
    """A reaction that publishes before it has done anything."""

    @workflow.init
    def __init__(self, delivery: Delivery) -> None:
        super().__init__(delivery)

    @workflow.run
    async def run(self, delivery: Delivery) -> EventType:
        await workflow.sleep(1)
        return await super().run(delivery)


async def test_replay_fails_when_a_reaction_has_changed() -> None:
    recorded = history(HISTORIES / f"choreographed-completed{OF}OrderCreated-inventory.json")
    with pytest.raises(NondeterminismError):
        await replayer(ChangedReaction).replay_workflow(recorded)


async def test_replay_fails_when_the_workflow_has_changed() -> None:
    with pytest.raises(NondeterminismError):
        await replayer(ChangedOrderSaga).replay_workflow(history(HISTORIES / "completed.json"))
