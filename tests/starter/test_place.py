"""Placing orders: the outcome, the exit code, and what is on which stream."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.starter.programs import ROOT, Starter

MakeOrder = Callable[..., dict[str, Any]]
PLAIN = {"LANG": "C", "LC_ALL": "C", "PYTHONIOENCODING": "ascii"}
LINE = {"product_id": "PROD-789", "quantity": 2, "price": 50.0}


def test_places_the_example_and_tells_how_it_ends(starter: Starter) -> None:
    outcome = starter.run("place", str(ROOT / "examples" / "order.json"))
    assert outcome.exit_code == 0, outcome.stderr
    steps = [line.split()[0] for line in outcome.stdout.splitlines() if line.endswith("done")]
    assert steps[0] == "ORDER_CREATED"
    assert len(steps) == 7
    assert "COMPLETED after" in outcome.stdout
    assert outcome.stderr == ""


def test_prints_one_json_document_and_nothing_else(starter: Starter, order: MakeOrder) -> None:
    placed = order(total_amount=100.0)
    outcome = starter.place(placed, "--json")
    assert outcome.exit_code == 0
    assert outcome.stderr == ""
    state = outcome.json
    assert state["order_id"] == placed["order_id"]
    assert (state["status"], state["progress"]) == ("COMPLETED", 100)
    assert (state["total_amount"], state["amount_charged"]) == ("100.00", "90.00")


@pytest.mark.parametrize(
    ("changes", "code", "says"),
    [
        ({"items": [LINE | {"product_id": "NONE"}]}, "INVENTORY_RESERVATION_FAILED", "NONE"),
        ({"items": [LINE | {"price": 49.0}]}, "INVENTORY_RESERVATION_FAILED", "PROD-789"),
        ({"items": [LINE | {"product_id": "RARE"}]}, "INVENTORY_RESERVATION_FAILED", "RARE"),
        ({"payment_token": "tok_declined"}, "PAYMENT_PROCESSING_FAILED", "declined"),
        ({"payment_token": "tok_insufficient_funds"}, "PAYMENT_PROCESSING_FAILED", "funds"),
        ({"customer_id": "NOBODY"}, "POINT_DEDUCTION_FAILED", "NOBODY"),
        ({"customer_id": "POOR"}, "POINT_DEDUCTION_FAILED", "POOR"),
    ],
)
def test_ends_undone_when_a_service_says_no(
    starter: Starter, order: MakeOrder, changes: dict[str, Any], code: str, says: str
) -> None:
    outcome = starter.place(order(**changes), "--json")
    assert outcome.exit_code == 1
    state = outcome.json
    assert (state["status"], state["error_code"]) == ("COMPENSATED", code)
    assert says in state["error_message"]
    assert state["compensated_steps"] == state["executed_steps"][::-1]


def test_shows_refusal_and_undo_in_their_lanes(starter: Starter, order: MakeOrder) -> None:
    outcome = starter.place(order(payment_token="tok_declined"))
    assert outcome.exit_code == 1
    lines = outcome.stdout.splitlines()
    assert "  PAYMENT_PROCESSED    refused" in lines
    undone = [line for line in lines if line.endswith("undone")]
    assert [line.split()[0] for line in undone] == ["INVENTORY_RESERVED", "ORDER_CREATED"]
    assert {line.index("undone") for line in undone} == {lines[1].index("undo")}


def test_shows_a_step_that_is_tried_again(starter: Starter, order: MakeOrder) -> None:
    outcome = starter.place(order("RETRY"))
    assert outcome.exit_code == 0
    assert "  INVENTORY_RESERVED   attempt 2" in outcome.stdout


def test_same_order_again_is_the_same_saga(starter: Starter, order: MakeOrder) -> None:
    placed = order()
    first, again = starter.place(placed, "--json"), starter.place(placed, "--json")
    assert (first.exit_code, again.exit_code) == (0, 0)
    assert first.json == again.json


def test_same_order_written_differently_is_the_same_saga(
    starter: Starter, order: MakeOrder
) -> None:
    placed = order()
    split = [LINE | {"quantity": 1, "price": "50.00"}, LINE | {"quantity": 1, "price": 50}]
    first = starter.place(placed, "--json")
    again = starter.place(placed | {"items": split, "total_amount": 100}, "--json")
    assert again.exit_code == 0
    assert first.json == again.json


def test_other_order_under_the_id_is_refused_and_changes_nothing(
    starter: Starter, order: MakeOrder
) -> None:
    placed = order()
    first = starter.place(placed, "--json")
    other = starter.place(placed | {"shipping_address": "2 Main Street"}, "--json")
    assert (other.exit_code, other.stdout) == (4, "")
    assert placed["order_id"] in other.stderr
    assert starter.run("show", placed["order_id"], "--json").json == first.json


def test_other_order_is_refused_while_the_first_runs(starter: Starter, order: MakeOrder) -> None:
    placed = order("SLOW")
    assert starter.place(placed, "--detach").exit_code == 0
    assert starter.place(placed | {"points_to_use": 11}).exit_code == 4
    assert starter.place(placed).exit_code == 0


def test_detached_place_returns_while_the_order_runs(starter: Starter, order: MakeOrder) -> None:
    placed = order("SLOW")
    outcome = starter.place(placed, "--detach", "--json")
    assert outcome.exit_code == 0
    assert outcome.json["status"] in ("STARTED", "IN_PROGRESS")
    assert starter.run("watch", placed["order_id"]).exit_code == 0


def test_korean_survives_in_every_field(starter: Starter, order: MakeOrder) -> None:
    placed = order(
        "주문",
        customer_id="고객",
        currency="KRW",
        items=[{"product_id": "상품", "quantity": 2, "price": 1500}],
        payment_method="신용카드",
        payment_token="토큰",
        shipping_address="서울특별시 중구 세종대로 110",
        notification_email="홍길동@예시.한국",
    )
    typed = json.dumps(placed, ensure_ascii=False).encode()
    outcome = starter.run_anew(typed, "place", "-", "--json", **PLAIN)
    assert outcome.exit_code == 0, outcome.stdout
    assert outcome.json["order_id"] == placed["order_id"]
    assert outcome.json["items"][0]["product_id"] == "상품"
    shown = starter.run_anew(b"", "show", placed["order_id"], **PLAIN)
    assert "2 x 상품" in shown.stdout
    listed = starter.run_anew(b"", "list", "--limit", "1000", **PLAIN)
    assert placed["order_id"] in listed.stdout


BAD_ORDERS: dict[str, bytes | dict[str, Any]] = {
    "empty": b"",
    "not JSON": b"order",
    "quantity as text": {"items": [LINE | {"quantity": "2"}]},
    "quantity true": {"items": [LINE | {"quantity": True}]},
    "quantity 10^400": {"items": [LINE | {"quantity": 10**400}]},
    "quantity NaN": {"items": [LINE | {"quantity": float("nan")}]},
    "amount too precise": {"items": [LINE | {"price": 50.001}]},
    "total is not the sum": {"total_amount": 99.99},
    "unknown currency": {"currency": "ZZZ"},
    "unknown field": {"discount": 10},
    "key given twice": b'{"order_id": "TWICE", "order_id": "TWICE"}',
    "no items": {"items": []},
    "points above the total": {"points_to_use": 101},
    "id with a slash": {"order_id": "../x"},
    "address of 500 characters": {"shipping_address": "x" * 500},
    "control characters": {"shipping_address": "1 Main Street\x1b[31m"},
    "10 MB": b" " * 10_000_000,
    "nesting 20 000 deep": b"[" * 20_000,
    "card number": {"shipping_address": "4111 1111 1111 1111"},
    "card number as token": {"payment_token": "4111111111111111"},
}


@pytest.mark.parametrize("bad", BAD_ORDERS.values(), ids=BAD_ORDERS.keys())
def test_bad_order_is_refused_in_words(
    starter: Starter, order: MakeOrder, bad: bytes | dict[str, Any]
) -> None:
    document = order() if isinstance(bad, bytes) else order(**bad)
    typed = bad if isinstance(bad, bytes) else json.dumps(document).encode()
    outcome = starter.run_typing(typed, "place", "-", "--json")
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert outcome.stderr.startswith("error: ")
    assert "4111" not in outcome.stderr


def test_bad_order_is_not_stored(starter: Starter, order: MakeOrder) -> None:
    bad = order(total_amount=99.99)
    assert starter.place(bad).exit_code == 2
    assert starter.run("show", bad["order_id"]).exit_code == 2


def test_bad_order_starts_nothing(alone: Starter) -> None:
    assert alone.run_typing(b"{}", "place", "-").exit_code == 2
    assert alone.run("place", "/nonexistent.json").exit_code == 2
    assert not alone.home.exists()
