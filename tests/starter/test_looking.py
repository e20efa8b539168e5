"""Looking at orders: show, watch and list, also after Temporal has forgotten them."""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from temporalio.client import Client

from client.running import RunningSagas, saga_id
from models.saga import OperatorAction, SagaState
from models.steps import Step
from runtime.connection import connect, embedded_server
from runtime.settings import Settings
from tests.starter.programs import Starter

MakeOrder = Callable[..., dict[str, Any]]


@pytest.fixture
async def client(starter: Starter) -> Client:
    server = embedded_server(Settings.load(home=starter.home))
    assert server is not None
    return await connect(server)


async def state_of(client: Client, placed: dict[str, Any]) -> SagaState:
    """The saga's state; waits for it to be there."""
    sagas = RunningSagas(client)
    async with asyncio.timeout(20):
        while (description := await sagas.describe(placed["order_id"])) is None:
            await asyncio.sleep(0.1)
    return await sagas.state(description)


async def operate(client: Client, order_id: str, update: str) -> None:
    """Do as an operator would, once the saga needs one."""
    action = OperatorAction(step=Step.INVENTORY_RESERVED, actor="kim", reason="broken goods")
    handle = client.get_workflow_handle(saga_id(order_id))
    await handle.execute_update(update, action)


def test_shows_an_order(starter: Starter, order: MakeOrder) -> None:
    placed = order()
    ended = starter.place(placed, "--json")
    shown = starter.run("show", placed["order_id"], "--json")
    assert shown.exit_code == 0
    assert shown.json == ended.json
    plain = starter.run("show", placed["order_id"]).stdout
    assert "charged    90.00 USD" in plain
    assert "reserved   2 x PROD-789" in plain


@pytest.mark.parametrize("command", ["show", "watch"])
def test_unknown_order_is_said_to_be_unknown(starter: Starter, command: str) -> None:
    outcome = starter.run(command, "NONE-1")
    assert outcome.exit_code == 2
    assert outcome.stdout == ""
    assert outcome.stderr == "error: there is no order NONE-1\n"


@pytest.mark.parametrize("order_id", ["", "a b", "a/b", "x" * 101, "a\nb"])
def test_impossible_ids_are_bad_usage(starter: Starter, order_id: str) -> None:
    outcome = starter.run("show", order_id)
    assert outcome.exit_code == 2
    assert "must be 1 to 100" in outcome.stderr


def test_watching_tells_an_order_to_its_end(starter: Starter, order: MakeOrder) -> None:
    placed = order("SLOW", payment_token="tok_declined")
    assert starter.place(placed, "--detach").exit_code == 0
    outcome = starter.run("watch", placed["order_id"])
    assert outcome.exit_code == 1
    assert "COMPENSATED after" in outcome.stdout


def test_lists_the_newest_first(starter: Starter, order: MakeOrder) -> None:
    placed = [order(), order(payment_token="tok_declined"), order("SLOW")]
    for document in placed:
        starter.place(document, "--detach" if "SLOW" in document["order_id"] else "--json")
    running = starter.run("list", "--status", "IN_PROGRESS", "--json").json
    assert placed[2]["order_id"] in [state["order_id"] for state in running]
    listed = starter.run("list", "--limit", "3", "--json")
    assert listed.exit_code == 0
    assert [state["order_id"] for state in listed.json] == [
        document["order_id"] for document in reversed(placed)
    ]
    assert placed[0]["order_id"] in starter.run("list", "--limit", "3").stdout
    undone = starter.run("list", "--status", "COMPENSATED", "--limit", "1", "--json").json
    assert [state["order_id"] for state in undone] == [placed[1]["order_id"]]
    assert starter.run("watch", placed[2]["order_id"]).exit_code == 0


def test_record_outlives_what_temporal_keeps(
    starter: Starter, forgetful: Starter, order: MakeOrder
) -> None:
    placed = order()
    ended = starter.place(placed, "--json").json
    shown = forgetful.run("show", placed["order_id"], "--json")
    assert shown.exit_code == 0
    assert (shown.json["status"], shown.json["created_at"]) == ("COMPLETED", ended["created_at"])
    again = forgetful.place(placed, "--json")
    assert (again.exit_code, again.json) == (0, shown.json)
    assert forgetful.place(placed | {"points_to_use": 11}).exit_code == 4


def test_order_that_waits_for_its_first_worker_is_seen(
    forgetful: Starter, order: MakeOrder
) -> None:
    placed = order(notification_email="kim@example.com")
    outcome = forgetful.place(placed, "--detach", "--json")
    assert outcome.exit_code == 0
    assert outcome.json["status"] == "STARTED"
    listed = forgetful.run("list", "--limit", "1", "--json").json
    assert [state["order_id"] for state in listed] == [placed["order_id"]]
    assert listed[0]["amount_charged"] == "90.00"
    shown = forgetful.run("show", placed["order_id"])
    assert shown.exit_code == 3
    assert shown.seconds < 20
    assert "polled the task queue orders for 15 s" in shown.stderr


def test_shows_an_undo_that_is_tried_again(starter: Starter, order: MakeOrder) -> None:
    outcome = starter.place(order("HARD", payment_token="tok_declined"))
    assert outcome.exit_code == 1
    assert "  INVENTORY_RESERVED                attempt 2" in outcome.stdout


async def test_order_that_an_operator_gave_up_has_failed(
    starter: Starter, order: MakeOrder, client: Client
) -> None:
    placed = order("STUCK", payment_token="tok_declined")
    arguments = ("place", "-", "--json")
    with starter.running(*arguments, typed=json.dumps(placed).encode()) as process:
        while not (await state_of(client, placed)).interventions:
            await asyncio.sleep(0.1)
        await operate(client, placed["order_id"], "claim")
        await operate(client, placed["order_id"], "abandon")
        stdout, stderr = process.communicate(timeout=20)
    assert process.returncode == 1, stderr
    state = json.loads(stdout)
    assert (state["status"], state["error_code"]) == ("FAILED", "PAYMENT_PROCESSING_FAILED")
    assert [done["action"] for done in state["resolutions"]] == ["claim", "abandon"]
    assert starter.run("show", placed["order_id"], "--json").json == state
    told = starter.run("watch", placed["order_id"])
    assert told.exit_code == 1
    assert "abandon by kim: broken goods" in told.stdout


async def test_order_whose_workflow_was_terminated_is_not_waited_for(
    starter: Starter, order: MakeOrder, client: Client
) -> None:
    placed = order("SLOW")
    starter.place(placed, "--detach")
    await client.get_workflow_handle(saga_id(placed["order_id"])).terminate("test")
    outcome = starter.run("watch", placed["order_id"])
    assert outcome.exit_code == 1
    assert "was terminated in Temporal" in outcome.stderr
    told = "the workflow was terminated in Temporal"
    until = time.monotonic() + 20  # Temporal's list lags behind
    while told not in " ".join((listed := starter.run("list").stdout).split()):
        assert time.monotonic() < until, listed
    [state] = [
        state
        for state in starter.run("list", "--json").json
        if state["order_id"] == placed["order_id"]
    ]
    assert state["warnings"] == [told]
    assert placed["order_id"] in starter.run("list", "--status", state["status"]).stdout
    assert placed["order_id"] not in starter.run("list", "--status", "FAILED").stdout
