"""Orders over HTTP: placed, listed, shown and acted on, with what each is refused for."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from models.steps import Step
from tests.house import House
from tests.web.api.browsing import WHO, Api, problem

Order = Callable[..., dict[str, Any]]
STEPS = list(Step)
CARD = "4111 1111 1111 1111"


async def test_order_is_placed_and_completes(api: Api, order: Order) -> None:
    document = order()
    placed = await api.post("/api/orders", document)
    assert placed.status_code == 202
    assert placed.headers["location"] == f"/api/orders/{document['order_id']}"
    assert placed.json()["saga_id"] == f"order-{document['order_id']}"
    # The state and the timeline are read one after the other.
    state = await api.until(
        document["order_id"],
        lambda state: (
            [run["step"] for run in state["timeline"]] == state["executed_steps"] == STEPS
        ),
    )
    assert (state["status"], state["progress"]) == ("COMPLETED", 100)
    assert state["total_amount"] == "50.00"


async def test_same_order_again_is_the_same_saga(api: Api, order: Order) -> None:
    document = order()
    first, again = await asyncio.gather(*(api.post("/api/orders", document) for _ in range(2)))
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["saga_id"] == again.json()["saga_id"]
    await api.until(document["order_id"], lambda state: state["completed_at"])
    late = await api.post("/api/orders", document)
    assert late.json()["status"] == "COMPLETED"


async def test_same_id_with_another_body_is_a_conflict(api: Api, order: Order) -> None:
    document = order()
    await api.post("/api/orders", document)
    other = document | {"shipping_address": "2 Main Street"}
    problem(await api.post("/api/orders", other), 409, "ORDER_CONFLICT")


async def test_order_without_an_id_gets_one(api: Api, order: Order) -> None:
    placed = await api.post("/api/orders", order(order_id=...))
    assert placed.status_code == 202
    assert (await api.get(placed.headers["location"])).json()["order_id"].startswith("ORD-")


async def test_every_field_at_fault_is_named_and_no_value_repeated(api: Api, order: Order) -> None:
    secret = "s3cret-value"
    document = order(
        customer_id=f"{secret} ",
        items=[{"product_id": secret, "quantity": 0, "price": "1e3"}],
        points_to_use=-1,
        notification_email=secret,
        shipping_address="",
        colour=secret,
        currency=secret,
    )
    response = await api.post("/api/orders", document)
    found = problem(response, 422, "INVALID")
    assert {fault["field"] for fault in found["errors"]} == {
        "customer_id",
        "items[0].quantity",
        "items[0].price",
        "points_to_use",
        "notification_email",
        "shipping_address",
        "currency",
        "colour",
    }
    assert secret not in response.text


async def test_rule_over_several_fields_names_the_field(api: Api, order: Order) -> None:
    found = problem(await api.post("/api/orders", order(total_amount=1)), 422, "INVALID")
    [fault] = found["errors"]
    assert fault == {"field": "total_amount", "message": "must be 50.00, the sum of the items"}


@pytest.mark.parametrize("field", ["shipping_address", "payment_token", "payment_method"])
async def test_card_number_is_refused_and_not_repeated(
    api: Api, order: Order, field: str, caplog: pytest.LogCaptureFixture
) -> None:
    number = CARD if field == "shipping_address" else CARD.replace(" ", "")
    response = await api.post("/api/orders", order(**{field: number}))
    problem(response, 422, "INVALID")
    assert "1111" not in response.text + caplog.text


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "BAD_JSON"),
        (b"{", "BAD_JSON"),
        (b'{"customer_id": "a", "customer_id": "b"}', "BAD_JSON"),
        (b'"\xff"', "BAD_JSON"),
        (b"[" * 60_000, "BAD_JSON"),
    ],
    ids=["empty", "cut short", "a key twice", "not UTF-8", "deep"],
)
async def test_what_is_not_json_is_refused(api: Api, body: bytes, code: str) -> None:
    headers = {"Content-Type": "application/json"}
    problem(await api.post("/api/orders", content=body, headers=headers), 400, code)


@pytest.mark.parametrize("body", [b"[]", b"1", b"null", b'"order"'])
async def test_json_that_is_no_object_is_invalid(api: Api, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    problem(await api.post("/api/orders", content=body, headers=headers), 422, "INVALID")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_body_of_another_kind_is_refused(api: Api, order: Order, kind: str) -> None:
    body = json.dumps(order()).encode()
    response = await api.post("/api/orders", content=body, headers={"Content-Type": kind})
    problem(response, 415, "NOT_JSON")


async def test_exact_decimals_are_kept(api: Api, order: Order) -> None:
    body = json.dumps(order(order_id=...)).replace("25.0", "0.1234567890123456789")
    response = await api.post(
        "/api/orders", content=body.encode(), headers={"Content-Type": "application/json"}
    )
    assert "items[0].price" in problem(response, 422, "INVALID")["detail"]


async def test_list_pages_through_orders_by_customer(api: Api, house: House, order: Order) -> None:
    documents = [order(points_to_use=0, customer_id="CUST-PAGES") for _ in range(3)]
    for document in documents:
        await api.post("/api/orders", document)
        await api.until(document["order_id"], lambda state: state["status"] == "COMPLETED")
    seen, cursor = [], None
    while True:
        query = {"customer_id": "CUST-PAGES", "limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await api.get("/api/orders", params=query)).json()
        seen += [row["order_id"] for row in page["orders"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [document["order_id"] for document in reversed(documents)]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=NONE", "status"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("needs_operator=perhaps", "needs_operator"),
        ("kind=x", "kind"),
        ("cursor=garbled", "cursor"),
        ("page=2", "page"),
        ("order_id=%00", "order_id"),
        ("customer_id=a%0Ab", "customer_id"),
        ("step=%E2%80%A8", "step"),
    ],
)
async def test_unusable_parameters_are_named(api: Api, query: str, field: str) -> None:
    found = problem(await api.get(f"/api/orders?{query}"), 422, "INVALID")
    assert [fault["field"] for fault in found["errors"]] == [field]


async def test_unknown_order_is_not_found(api: Api) -> None:
    problem(await api.get("/api/orders/NOBODYS"), 404, "UNKNOWN_ORDER")
    problem(await api.post("/api/orders/NOBODYS/cancel", WHO), 404, "UNKNOWN_ORDER")


async def test_id_that_cannot_be_one_is_invalid(api: Api) -> None:
    problem(await api.get("/api/orders/a%20b"), 422, "INVALID")


async def test_order_is_held_resumed_and_cancelled(api: Api, house: House, order: Order) -> None:
    document = order()
    order_id = document["order_id"]
    house.services.injuries.append(_fault("reserve_inventory", order_id, kind="delay", seconds=1.0))
    await api.post("/api/orders", document)
    held = (await api.post(f"/api/orders/{order_id}/hold", WHO)).json()
    assert held["held"]["by"] == "kim"
    problem(await api.post(f"/api/orders/{order_id}/hold", WHO), 409, "ALREADY_HELD")
    resumed = (await api.post(f"/api/orders/{order_id}/resume", WHO)).json()
    assert resumed["held"] is None
    problem(await api.post(f"/api/orders/{order_id}/resume", WHO), 409, "NOT_HELD")
    await api.post(f"/api/orders/{order_id}/hold", WHO)
    cancelled = await api.post(f"/api/orders/{order_id}/cancel", WHO)
    assert cancelled.status_code == 200
    state = await api.until(order_id, lambda state: state["status"] == "COMPENSATED")
    assert state["error_code"] == "ORDER_CANCELLED"
    assert [done["action"] for done in state["resolutions"]] == [
        "hold",
        "resume",
        "hold",
        "cancel",
    ]
    late = await api.post(f"/api/orders/{order_id}/cancel", WHO)
    problem(late, 409, "ORDER_ALREADY_COMPENSATED")


async def test_who_acts_and_why_must_be_said(api: Api) -> None:
    for body, field in (({"reason": "x"}, "actor"), ({"actor": "kim"}, "reason")):
        found = problem(await api.post("/api/orders/X/cancel", body), 422, "INVALID")
        assert [fault["field"] for fault in found["errors"]] == [field]


def _fault(operation: str, order_id: str, **how: Any) -> Any:
    from services.faults import Fault

    return Fault.model_validate({"operation": operation, "order_id": order_id, **how})
