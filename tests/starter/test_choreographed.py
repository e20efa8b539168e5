"""Choreographed orders on the command line: placed, followed, listed, audited, driven again."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.starter.operating import KIM, refusal
from tests.starter.programs import Starter, worker

MakeOrder = Callable[..., dict[str, Any]]


def test_choreographed_order_is_followed_and_listed(starter: Starter, order: MakeOrder) -> None:
    placed = order()
    outcome = starter.place(placed, "--choreographed")
    assert outcome.exit_code == 0, outcome.stderr
    assert "NOTIFICATION_SENT    done" in outcome.stdout
    assert "COMPLETED after" in outcome.stdout
    shown = starter.run("show", placed["order_id"], "--json").json
    assert (shown["kind"], shown["status"]) == ("choreographed", "COMPLETED")
    listed = starter.run("list", "--limit", "1000", "--json").json
    kinds = {state["order_id"]: state["kind"] for state in listed}
    assert kinds[placed["order_id"]] == "choreographed"
    again = starter.place(placed, "--choreographed", "--json")
    assert (again.exit_code, again.json) == (0, shown)


def test_order_id_belongs_to_one_kind(starter: Starter, order: MakeOrder) -> None:
    placed = order("SLOW")
    assert starter.place(placed, "--choreographed", "--detach").exit_code == 0
    other = starter.place(placed)
    assert other.exit_code == 4
    assert (
        f"order {placed['order_id']} is there already, as one that is choreographed" in other.stderr
    )
    assert starter.run("watch", placed["order_id"]).exit_code == 0
    assert starter.place(placed).exit_code == 4
    first = order()
    assert starter.place(first).exit_code == 0
    assert starter.place(first, "--choreographed").exit_code == 4


def test_dead_letter_is_listed_and_driven_again(starter: Starter, order: MakeOrder) -> None:
    placed = order("HEAL", payment_token="tok_declined")
    order_id = placed["order_id"]
    assert starter.place(placed, "--choreographed", "--detach").exit_code == 0
    letter_id = f"order-{order_id}/PaymentFailed/inventory"
    with starter.running("watch", order_id) as watching:
        while letter_id not in starter.run("dead-letters").stdout:
            assert watching.poll() is None
        letters = {each["reaction_id"]: each for each in starter.run("dead-letters", "--json").json}
        assert letters[letter_id]["call"] == "release_inventory"
        cases = starter.run("interventions", "--json").json
        assert letter_id in [case["dead_letter"] for case in cases]
        assert f"parked as {letter_id}" in starter.run("interventions").stdout
        assert refusal(starter.run("cancel", order_id, *KIM)) == "NOBODY_DECIDES"
        claim = starter.run("claim", order_id, "INVENTORY_RESERVED", *KIM)
        assert refusal(claim) == "PARKED_NOT_CLAIMED"
        assert "dead-letters --retry" in claim.stderr
        driven = starter.run("dead-letters", "--retry", letter_id, *KIM, "--json")
        assert driven.exit_code == 0, driven.stderr
        assert watching.wait(30) == 1
    state = starter.run("show", order_id, "--json").json
    assert state["status"] == "COMPENSATED"
    assert [one["action"] for one in state["resolutions"]] == ["redrive"]
    assert refusal(starter.run("dead-letters", "--retry", letter_id, *KIM)) == "NOT_PARKED"


def test_dead_letters_refuse_what_cannot_be_meant(starter: Starter) -> None:
    unknown = starter.run("dead-letters", "--retry", "order-NO/OrderPlaced/orders", *KIM)
    assert unknown.exit_code == 2
    assert "there is no reaction" in unknown.stderr
    for arguments in (
        ("--retry", "ORD-123", *KIM),
        ("--retry", "order-a b/OrderPlaced/orders", *KIM),
        ("--retry", "order-NO/OrderPlaced/orders"),
    ):
        outcome = starter.run("dead-letters", *arguments)
        assert (outcome.exit_code, outcome.stdout) == (2, ""), arguments


@pytest.mark.long
def test_order_waits_visibly_when_nobody_works_for_a_service(
    alone: Starter, order: MakeOrder
) -> None:
    services = ("orders", "inventory", "points", "shipping", "notifications")
    with worker(alone.home, "--only", *services):
        outcome = alone.place(order(), "--choreographed")
        assert outcome.exit_code == 3
        assert "no worker has polled the task queue payments" in outcome.stderr
        assert outcome.seconds < 30


def test_load_measures_choreographed_orders(starter: Starter) -> None:
    options = ("--orders", "6", "--concurrency", "3", "--choreographed", "--json")
    figures = starter.run("load", *options).json
    assert figures["outcomes"] == {"COMPLETED": 6}
    newest = starter.run("list", "--limit", "6", "--json").json
    assert {state["kind"] for state in newest} == {"choreographed"}, json.dumps(newest)
