"""What operators' commands refuse, with which exit code, and what they say is possible."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from client.actions import ON_INTERVENTIONS, Action
from runtime.embedded import EmbeddedServer
from runtime.settings import Settings
from tests.starter.operating import KIM, STEP, act, begin, opened_sagas, refusal, until
from tests.starter.programs import NOBODY, Starter, worker

MakeOrder = Callable[..., dict[str, Any]]
CARD = "4111 1111 1111 1111"


def command(action: Action, order_id: str) -> list[str]:
    step = [STEP] if action in ON_INTERVENTIONS else []
    return [action.value, order_id, *step, *KIM]


@pytest.mark.parametrize("action", [Action.CANCEL, Action.HOLD, Action.CLAIM])
def test_action_on_an_unknown_order_is_bad_input(starter: Starter, action: Action) -> None:
    outcome = starter.run(*command(action, "NONE-1"))
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert outcome.stderr == "error: there is no order NONE-1\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["cancel", "ORD-1"], "required: --reason"),
        (["hold", "ORD-1", "--reason", "why"], "required: --by"),
        (["claim", "ORD-1", *KIM], "required: STEP"),
        (["cancel", "a/b", *KIM], "must be 1 to 100"),
        (["cancel", "ORD-1", "--reason", " "], "--reason: must not be empty"),
        (["cancel", "ORD-1", "--reason", "x" * 500], "--reason: must be at most 499"),
        (["cancel", "ORD-1", "--reason", "a\x1b[31mb"], "--reason: must not hold control"),
        (["cancel", "ORD-1", "--reason", f"card {CARD}"], "--reason: must not hold a card"),
        (["hold", "ORD-1", "--reason", "why", "--by", ""], "--by: must not be empty"),
        (["hold", "ORD-1", "--reason", "why", "--by", "x" * 101], "--by: must be at most 100"),
        (["hold", "ORD-1", "--reason", "why", "--by", "a\x7fb"], "--by: must not"),
        (["hold", "ORD-1", "--reason", "why", "--by", CARD], "--by: must not hold a card"),
        (["interventions", "ORD-1"], "unrecognized arguments"),
    ],
)
def test_bad_usage_starts_nothing(alone: Starter, arguments: list[str], says: str) -> None:
    outcome = alone.run(*arguments)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert says in outcome.stderr
    assert "4111" not in outcome.stderr
    assert not alone.home.exists()


async def test_actions_that_are_not_possible_now_are_refused(
    starter: Starter, order: MakeOrder
) -> None:
    async with opened_sagas(starter) as sagas:
        order_id = await begin(sagas, order("STUCK", payment_token="tok_declined"))
        await until(sagas, order_id, lambda state: state.interventions)
    for arguments, code, possible in (
        (["hold", order_id], "ALREADY_COMPENSATING", f"watch {order_id}"),
        (["resume", order_id], "NOT_HELD", "not held"),
        (["claim", order_id, "refund_payment"], "NO_OPEN_INTERVENTION", f"open: {STEP}"),
        (["retry", order_id, "NOTIFICATION_SENT"], "NO_OPEN_INTERVENTION", f"open: {STEP}"),
        (["abandon", order_id, STEP], "NOT_CLAIMED", f"claim {order_id} {STEP}"),
        (["claim", order_id, "SHIPPED"], "UNKNOWN_STEP", f"need a person: {STEP}"),
    ):
        outcome = starter.run(*arguments, *KIM, "--json")
        assert refusal(outcome) == code
        assert possible in outcome.stderr


@pytest.mark.parametrize("action", [Action.CANCEL, Action.RESUME, Action.ABANDON])
def test_completed_order_takes_no_action(starter: Starter, completed: str, action: Action) -> None:
    outcome = starter.run(*command(action, completed))
    assert refusal(outcome) == "ORDER_ALREADY_COMPLETED"
    assert f"order {completed} completed at 2" in outcome.stderr


@pytest.fixture(scope="module")
def completed(starter: Starter) -> str:
    """An order whose workflow has ended."""
    document = {
        "order_id": "DONE-1",
        "customer_id": "CUST-456",
        "items": [{"product_id": "PROD-789", "quantity": 1, "price": 50.0}],
        "payment_method": "credit_card",
        "shipping_address": "1 Main Street, Springfield",
    }
    assert starter.place(document, "--json").exit_code == 0
    return "DONE-1"


def test_forgotten_orders_are_refused_by_their_record(
    starter: Starter, forgetful: Starter, order: MakeOrder, completed: str
) -> None:
    nothing = forgetful.run("interventions")
    assert (nothing.exit_code, nothing.stdout) == (0, "nothing needs a person\n")
    assert forgetful.run("interventions", "--json").json == []
    assert refusal(forgetful.run("cancel", completed, *KIM)) == "ORDER_ALREADY_COMPLETED"
    undone = order(payment_token="tok_declined")
    assert starter.place(undone, "--json").exit_code == 1
    outcome = forgetful.run("cancel", undone["order_id"], *KIM)
    assert refusal(outcome) == "ORDER_ALREADY_COMPENSATED"
    assert "PAYMENT_PROCESSING_FAILED" in outcome.stderr


async def test_order_past_its_pivot_is_too_late_to_cancel(
    starter: Starter, order: MakeOrder
) -> None:
    async with opened_sagas(starter) as sagas:
        order_id = await begin(sagas, order("QUIET"))
        await until(sagas, order_id, lambda state: state.current_step == "SENDING_NOTIFICATIONS")
    assert refusal(starter.run("cancel", order_id, *KIM)) == "ORDER_ALREADY_COMPLETED"


@pytest.mark.long
async def test_pivot_in_trouble_can_only_be_retried(starter: Starter, order: MakeOrder) -> None:
    async with opened_sagas(starter) as sagas:
        order_id = await begin(sagas, order("PIVOT"))
        await until(sagas, order_id, lambda state: state.interventions)
    outcome = starter.run("claim", order_id, "complete_order", *KIM)
    assert refusal(outcome) == "FORWARD_ONLY"
    assert f"python starter.py retry {order_id} ORDER_COMPLETED" in outcome.stderr
    assert refusal(starter.run("cancel", order_id, *KIM)) == "ORDER_ALREADY_COMPLETED"
    assert starter.run("retry", order_id, "ORDER_COMPLETED", *KIM).exit_code == 0


async def test_order_whose_workflow_was_terminated_takes_no_action(
    starter: Starter, order: MakeOrder
) -> None:
    async with opened_sagas(starter) as sagas:
        order_id = await begin(sagas, order("WAIT"))
        await sagas.client.get_workflow_handle(f"order-{order_id}").terminate("test")
    outcome = starter.run("cancel", order_id, *KIM)
    assert refusal(outcome) == "WORKFLOW_CUT_SHORT"
    assert "was terminated in Temporal" in outcome.stderr


async def test_cancel_without_a_worker_says_so_in_time(
    forgetful: Starter, order: MakeOrder
) -> None:
    async with opened_sagas(forgetful) as sagas:
        order_id = await begin(sagas, order())
        with pytest.raises(TimeoutError):  # not an answer of the command's own
            async with asyncio.timeout(0.5):
                await act(sagas, Action.CANCEL, order_id)
    outcome = forgetful.run("cancel", order_id, *KIM)
    assert (outcome.exit_code, outcome.stdout) == (3, "")
    assert outcome.seconds < 15
    assert "no worker answered on the task queue orders" in outcome.stderr
    assert f"`python starter.py show {order_id}` tells" in outcome.stderr


@pytest.mark.parametrize("arguments", [["cancel", "ORD-1", *KIM], ["interventions"]])
def test_unreachable_server_is_named(alone: Starter, arguments: list[str]) -> None:
    outcome = alone.run(*arguments, TEMPORAL_ADDRESS=NOBODY)
    assert (outcome.exit_code, outcome.stdout) == (3, "")
    assert outcome.seconds < 15
    assert NOBODY in outcome.stderr
    nothing = alone.run(*arguments)
    assert nothing.exit_code == 3
    assert "no Temporal server" in nothing.stderr
    assert not alone.home.exists()


@pytest.mark.long
async def test_interventions_without_a_worker_say_so(alone: Starter, order: MakeOrder) -> None:
    faults = alone.home.parent / "faults.json"
    refuse = {"operation": "release_inventory", "kind": "refuse", "order_id": "*", "times": -1}
    faults.write_text(json.dumps([refuse]))
    async with EmbeddedServer.running(Settings.load(home=alone.home)):
        with worker(alone.home, "--faults", str(faults)):
            async with opened_sagas(alone) as sagas:
                order_id = await begin(sagas, order(payment_token="tok_declined"))
                await until(sagas, order_id, lambda state: state.interventions)
        outcome = alone.run("interventions")
    assert (outcome.exit_code, outcome.stdout) == (3, "")
    assert outcome.seconds < 20
    assert "polled the task queue orders for 15 s" in outcome.stderr


@pytest.mark.parametrize("name", ["cancel", "interventions", "claim"])
def test_help_of_operators_commands_comes_at_once(alone: Starter, name: str) -> None:
    outcome = alone.run(name, "--help")
    assert outcome.exit_code == 0
    assert outcome.stdout.startswith(f"usage: starter.py {name}")
    assert outcome.seconds < 1
