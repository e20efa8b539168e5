"""Operators' commands: cancel, hold and resume, and interventions from the list to their end."""

import asyncio
import json
import statistics
import sys
import time
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any

import pytest

from client.actions import Action
from client.interventions import OpenIntervention, open_interventions
from client.operators import Operators, new_request_id
from client.sagas import Sagas
from models.saga import OperatorAction, SagaStatus
from models.steps import Step
from tests.starter.operating import (
    KIM,
    SORA,
    STEP,
    act,
    begin,
    opened_sagas,
    refusal,
    until,
    until_nothing_runs,
)
from tests.starter.programs import Starter

MakeOrder = Callable[..., dict[str, Any]]


@pytest.fixture
async def sagas(starter: Starter) -> AsyncIterator[Sagas]:
    async with opened_sagas(starter) as sagas:
        yield sagas


@pytest.fixture
def stuck(order: MakeOrder, sagas: Sagas) -> Callable[..., Any]:
    """Places orders whose undo is refused, and returns their ids once they need a person."""

    async def make(*names: str) -> list[str]:
        ids = [await begin(sagas, order(name, payment_token="tok_declined")) for name in names]
        for order_id in ids:
            await until(sagas, order_id, lambda state: state.interventions)
        return ids

    return make


async def test_cancel_undoes_an_order_in_the_name_of_who_is_logged_in(
    starter: Starter, order: MakeOrder, sagas: Sagas
) -> None:
    order_id = await begin(sagas, order("WAIT"))
    outcome = starter.run("cancel", order_id, "--reason", "마음이 바뀜", LOGNAME="minji")
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.stderr == ""
    assert outcome.stdout.startswith(f"order {order_id} is being undone")
    ended = await until(sagas, order_id, lambda state: state.status.ended)
    assert (ended.status, ended.error_code) == ("COMPENSATED", "ORDER_CANCELLED")
    [done] = ended.resolutions
    assert (done.action, done.actor, done.reason) == ("cancel", "minji", "마음이 바뀜")
    again = starter.run("cancel", order_id, *KIM)
    assert refusal(again) == "ORDER_ALREADY_COMPENSATED"
    assert "was undone at" in again.stderr


async def test_cancel_of_an_order_that_is_being_undone_is_noted_only(
    starter: Starter, stuck: Callable[..., Any]
) -> None:
    [order_id] = await stuck("STUCK")
    outcome = starter.run("cancel", order_id, *KIM)
    assert outcome.exit_code == 0
    assert "being undone already (PAYMENT_PROCESSING_FAILED)" in outcome.stdout
    again = starter.run("cancel", order_id, *KIM, "--json")
    assert again.exit_code == 0
    assert again.json["error_code"] == "PAYMENT_PROCESSING_FAILED"
    noted = [(done["action"], done["actor"]) for done in again.json["resolutions"]]
    assert noted == [("cancel", "kim"), ("cancel", "kim")]


async def test_held_order_starts_no_step_until_it_is_resumed(
    starter: Starter, order: MakeOrder, sagas: Sagas
) -> None:
    order_id = await begin(sagas, order("WAIT"))
    held = starter.run("hold", order_id, *KIM, "--json")
    assert held.exit_code == 0, held.stderr
    assert held.stderr == ""
    assert (held.json["held"]["by"], held.json["held"]["reason"]) == ("kim", "고객 요청")
    await until(sagas, order_id, lambda state: STEP in state.executed_steps)
    await until_nothing_runs(sagas, order_id)
    state = await sagas.state(order_id)
    assert state.executed_steps == [Step.ORDER_CREATED, Step.INVENTORY_RESERVED]
    assert "UTC by kim: 고객 요청" in " ".join(starter.run("show", order_id).stdout.split())
    again = starter.run("hold", order_id, *SORA)
    assert refusal(again) == "ALREADY_HELD"
    assert f"python starter.py resume {order_id}" in again.stderr
    resumed = starter.run("resume", order_id, *SORA)
    assert (resumed.exit_code, resumed.stdout) == (0, f"order {order_id} goes on\n")
    watched = starter.run("watch", order_id)
    assert watched.exit_code == 0
    assert "hold by kim: 고객 요청" in watched.stdout
    assert "resume by sora: second look" in watched.stdout


async def test_held_order_can_be_cancelled(
    starter: Starter, order: MakeOrder, sagas: Sagas
) -> None:
    order_id = await begin(sagas, order("WAIT"))
    assert starter.run("hold", order_id, *KIM).exit_code == 0
    cancelled = starter.run("cancel", order_id, *KIM, "--json")
    assert cancelled.exit_code == 0
    assert cancelled.json["error_code"] == "ORDER_CANCELLED"
    ended = await until(sagas, order_id, lambda state: state.status.ended)
    assert ended.status is SagaStatus.COMPENSATED


async def test_interventions_lists_those_of_all_orders(
    starter: Starter, sagas: Sagas, stuck: Callable[..., Any]
) -> None:
    ids = await stuck("STUCK", "STUCK", "STUCK-주문")
    listed = _listed(starter, ids)
    assert [case["order_id"] for case in listed] == ids  # the longest waiting first
    for case in listed:
        assert case == {
            "order_id": case["order_id"],
            "saga_id": f"order-{case['order_id']}",
            "step": STEP,
            "compensation": "release_inventory",
            "since": case["since"],
            "attempts": 1,
            "last_error": "release_inventory was refused by a fault file",
            "next_attempt_at": None,
            "machine_tries": False,
            "alerted": False,
            "claimed_by": None,
            "dead_letter": None,
        }
    await act(sagas, Action.CLAIM, ids[0])
    plain = starter.run("interventions")
    assert (plain.exit_code, plain.stderr) == (0, "")
    lines = plain.stdout.splitlines()
    assert lines[lines.index(f"{ids[0]} {STEP}") + 3] == "    claimed by kim"
    assert "not claimed" in lines[lines.index(f"{ids[2]} {STEP}") + 3]
    for order_id in ids[1:]:
        await act(sagas, Action.CLAIM, order_id)
    for order_id in ids:
        await act(sagas, Action.RESOLVE, order_id)
        await until(sagas, order_id, lambda state: state.status.ended)
    remaining = starter.run("interventions", "--json").json
    assert not [case for case in remaining if case["order_id"] in ids]


def _listed(starter: Starter, ids: list[str]) -> list[dict[str, Any]]:
    """The listed interventions of these orders, as soon as there is one of each.

    Temporal's list lags a little behind.
    """
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        outcome = starter.run("interventions", "--json")
        assert (outcome.exit_code, outcome.stderr) == (0, "")
        listed = [case for case in outcome.json if case["order_id"] in ids]
        if len(listed) == len(ids):
            return listed
    raise AssertionError(outcome.stdout)


async def test_claimed_undo_that_is_done_by_hand_ends_compensated(
    starter: Starter, stuck: Callable[..., Any]
) -> None:
    [order_id] = await stuck("STUCK")
    early = starter.run("resolve", order_id, STEP, *KIM)
    assert refusal(early) == "NOT_CLAIMED"
    assert f"python starter.py claim {order_id} {STEP} --by NAME --reason WHY" in early.stderr
    claimed = starter.run("claim", order_id, "release_inventory", *KIM)
    assert claimed.exit_code == 0
    assert f"{STEP} is yours" in claimed.stdout
    shown = " ".join(starter.run("show", order_id).stdout.split())
    assert f"{STEP} (release_inventory) since 2" in shown
    assert "claimed by kim: release_inventory was refused" in shown
    taken = starter.run("claim", order_id, STEP, *SORA)
    assert refusal(taken) == "ALREADY_CLAIMED"
    assert "claimed by kim" in taken.stderr
    other = starter.run("abandon", order_id, STEP, *SORA)
    assert refusal(other) == "CLAIMED_BY_ANOTHER"
    assert f"python starter.py retry {order_id} {STEP}" in other.stderr
    resolved = starter.run("resolve", order_id, STEP, *KIM, "--json")
    assert resolved.exit_code == 0
    assert [done["action"] for done in resolved.json["resolutions"]] == ["claim", "resolve"]
    watched = starter.run("watch", order_id)
    assert watched.exit_code == 1
    assert "COMPENSATED after" in watched.stdout


async def test_claimed_undo_that_is_given_up_ends_failed(
    starter: Starter, stuck: Callable[..., Any]
) -> None:
    [order_id] = await stuck("STUCK")
    assert starter.run("claim", order_id, STEP.lower(), *KIM).exit_code == 0
    abandoned = starter.run("abandon", order_id, STEP, *KIM)
    assert abandoned.exit_code == 0
    assert "the order will end FAILED" in abandoned.stdout
    assert starter.run("watch", order_id).exit_code == 1
    assert refusal(starter.run("claim", order_id, STEP, *KIM)) == "ORDER_ALREADY_FAILED"


async def test_retried_undo_succeeds_once_its_cause_is_gone(
    starter: Starter, sagas: Sagas, stuck: Callable[..., Any]
) -> None:
    [order_id] = await stuck("HEAL")
    outcome = starter.run("retry", order_id, STEP, *KIM)
    assert outcome.exit_code == 0, outcome.stderr
    ended = await until(sagas, order_id, lambda state: state.status.ended)
    assert ended.status is SagaStatus.COMPENSATED
    assert [done.action for done in ended.resolutions] == ["retry"]


async def test_interventions_shows_what_the_machine_goes_on_trying(
    starter: Starter, sagas: Sagas, stuck: Callable[..., Any]
) -> None:
    [order_id] = await stuck("DOWN")
    async with asyncio.timeout(30):
        while (await _case_of(sagas, order_id)).attempts <= 6:
            await asyncio.sleep(0.2)
    [case] = _listed(starter, [order_id])
    assert case["machine_tries"]
    assert "was made to fail" in case["last_error"]
    claimed = starter.run("claim", order_id, STEP, *KIM)
    assert claimed.exit_code == 0, claimed.stderr
    taken = await _case_of(sagas, order_id)
    assert (taken.machine_tries, taken.claimed_by) == (False, "kim")
    await act(sagas, Action.RESOLVE, order_id)
    await until(sagas, order_id, lambda state: state.status.ended)


async def _case_of(sagas: Sagas, order_id: str) -> OpenIntervention:
    [case] = [case for case in await open_interventions(sagas) if case.order_id == order_id]
    return case


async def test_intervention_without_alert_targets_is_logged_as_an_error(
    starter: Starter, stuck: Callable[..., Any]
) -> None:
    [order_id] = await stuck("STUCK")
    log = (starter.home.parent / f"{starter.home.name}-worker.log").read_text()
    [line] = [
        event
        for event in map(json.loads, log.splitlines())
        if event.get("order_id") == order_id and event["level"] == "error"
    ]
    assert line["message"] == "intervention opened"
    assert line["step"] == STEP
    assert line["compensation"] == "release_inventory"
    assert line["reason"] == "release_inventory was refused by a fault file"
    assert line["attempts"] == 1
    assert line["run"] == "python starter.py interventions"
    assert datetime.fromisoformat(line["since"]).tzinfo is not None


async def test_one_wish_acts_once_however_often_it_is_sent(
    sagas: Sagas, stuck: Callable[..., Any]
) -> None:
    [order_id] = await stuck("STUCK")
    operators = Operators(sagas)
    by = OperatorAction(actor="kim", reason="again", step=Step.INVENTORY_RESERVED)

    async def retried(request_id: str) -> int:
        state = await operators.act(Action.RETRY, order_id, by, request_id=request_id)
        return sum(done.action == "retry" for done in state.resolutions)

    first, later = new_request_id(), new_request_id()
    await asyncio.gather(*(retried(first) for _ in range(3)))
    assert await retried(first) == 1
    await until(sagas, order_id, lambda state: state.interventions)
    assert await retried(later) == 2


async def test_cancel_is_answered_at_once(
    order: MakeOrder, sagas: Sagas, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = await asyncio.gather(*(begin(sagas, order("SLOW")) for _ in range(30)))
    await asyncio.gather(*(act(sagas, Action.HOLD, each) for each in ids))
    for each in ids:
        await until_nothing_runs(sagas, each)
    seconds = []
    for each in ids:
        began = time.monotonic()
        await act(sagas, Action.CANCEL, each)
        seconds.append(time.monotonic() - began)
    with capsys.disabled():
        p50, slowest = statistics.median(seconds) * 1000, max(seconds) * 1000
        sys.stdout.write(f"\ncancel answered: p50 {p50:.0f} ms, max {slowest:.0f} ms\n")
    assert statistics.median(seconds) < 2
    for each in ids:
        ended = await until(sagas, each, lambda state: state.status.ended)
        assert ended.status is SagaStatus.COMPENSATED
