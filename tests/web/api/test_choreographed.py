"""Choreographed orders over HTTP: placed, refused what nobody decides, and driven again."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from models.order import Order
from models.saga import SagaKind
from tests.house import House
from tests.web.api.browsing import WHO, Api, problem

Document = Callable[..., dict[str, Any]]
PLACE = "/api/orders?kind=choreographed"
REDRIVE = "/api/dead-letters/redrive"


async def letter_of(api: Api, order: Order) -> dict[str, Any]:
    """The order's dead letter, once the list has it."""
    async with asyncio.timeout(30):
        while True:
            for letter in (await api.get("/api/dead-letters")).json()["dead_letters"]:
                if letter["order_id"] == order.order_id:
                    found: dict[str, Any] = letter
                    return found
            await asyncio.sleep(0.1)


@pytest.fixture
async def parked(api: Api, house: House) -> Order:
    """A choreographed order whose refund is refused once, and so is parked."""
    order = house.order("PARKED")
    house.injure(order, "deduct_points", "refuse")
    house.injure(order, "refund_payment", "refuse", times=1)
    await house.place(order, SagaKind.CHOREOGRAPHED)
    await api.until(order.order_id, lambda state: state["interventions"])
    return order


async def test_order_is_choreographed_when_asked_for(api: Api, order: Document) -> None:
    document = order()
    placed = await api.post(PLACE, document)
    assert (placed.status_code, placed.json()["kind"]) == (202, "choreographed")
    assert placed.headers["location"] == f"/api/orders/{document['order_id']}"
    state = await api.until(document["order_id"], lambda state: state["completed_at"])
    assert (state["kind"], state["status"]) == ("choreographed", "COMPLETED")
    assert (await api.post(PLACE, document)).json()["status"] == "COMPLETED"


async def test_order_id_belongs_to_one_kind(api: Api, order: Document) -> None:
    documents = [order(), order()]
    kinds = ("orchestrated", "choreographed")
    for document, kind, other in zip(documents, kinds, reversed(kinds), strict=True):
        placed = await api.post(f"/api/orders?kind={kind}", document)
        assert placed.json()["kind"] == kind
        refused = await api.post(f"/api/orders?kind={other}", document)
        problem(refused, 409, "ORDER_CONFLICT")


async def test_key_stands_for_one_kind(api: Api, order: Document) -> None:
    document, key = order(order_id=...), {"Idempotency-Key": order()["order_id"]}
    first = await api.post(PLACE, document, headers=key)
    assert first.json()["kind"] == "choreographed"
    again = await api.post(PLACE, document, headers=key)
    assert (again.json(), again.headers["idempotency-replayed"]) == (first.json(), "true")
    problem(await api.post("/api/orders", document, headers=key), 422, "KEY_REUSED")


@pytest.mark.parametrize("query", ["kind=both", "kind=", "sort=choreographed"])
async def test_unknown_kind_is_invalid(api: Api, order: Document, query: str) -> None:
    refused = await api.post(f"/api/orders?{query}", order())
    problem(refused, 422, "INVALID")


async def test_nobody_decides_about_it(api: Api, parked: Order) -> None:
    path = f"/api/orders/{parked.order_id}"
    for action in ("cancel", "hold", "resume"):
        refused = problem(await api.post(f"{path}/{action}", WHO), 409, "NOBODY_DECIDES")
        assert f"{action} is not possible: the order is choreographed" in refused["detail"]
    for action in ("claim", "retry", "resolve", "abandon"):
        body = WHO | {"action": action}
        refused = problem(
            await api.post(f"{path}/interventions/refund_payment", body), 409, "PARKED_NOT_CLAIMED"
        )
        assert f"{action} is not possible: the order is choreographed" in refused["detail"]
        assert "starter.py" not in refused["detail"]


async def test_dead_letter_is_listed_and_driven_again_once(api: Api, parked: Order) -> None:
    letter = await letter_of(api, parked)
    assert (letter["call"], letter["service"]) == ("refund_payment", "payments")
    cases = (await api.get("/api/interventions")).json()["interventions"]
    [case] = [case for case in cases if case["order_id"] == parked.order_id]
    assert case["dead_letter"] == letter["reaction_id"]
    body, key = WHO | {"reaction_id": letter["reaction_id"]}, {"Idempotency-Key": parked.order_id}
    driven = await api.post(REDRIVE, body, headers=key)
    assert driven.status_code == 200, driven.text
    assert driven.json()["reaction_id"] == letter["reaction_id"]
    state = await api.until(parked.order_id, lambda state: state["compensated_at"])
    assert state["interventions"] == []
    assert [(done["action"], done["actor"]) for done in state["resolutions"]] == [
        ("redrive", "kim")
    ]
    again = await api.post(REDRIVE, body, headers=key)
    assert (again.json(), again.headers["idempotency-replayed"]) == (driven.json(), "true")
    problem(await api.post(REDRIVE, body), 409, "NOT_PARKED")


async def test_parked_notification_of_an_ended_order_is_listed(api: Api, house: House) -> None:
    order = house.order("QUIET")
    house.injure(order, "send_notification", "refuse", times=1)
    await house.run(order, SagaKind.CHOREOGRAPHED)
    letter = await letter_of(api, order)
    assert letter["call"] == "send_notification"
    figures = (await api.get("/api/metrics")).json()
    assert figures["parked_notifications"] == 1
    driven = await api.post(REDRIVE, WHO | {"reaction_id": letter["reaction_id"]})
    assert driven.status_code == 200
    async with asyncio.timeout(30):
        while (await api.get("/api/metrics")).json()["parked_notifications"]:
            await asyncio.sleep(0.1)


async def test_unknown_reaction_is_not_found(api: Api, parked: Order) -> None:
    for unknown in ("order-NO/PaymentFailed/payments", f"order-{parked.order_id}/No/payments"):
        refused = await api.post(REDRIVE, WHO | {"reaction_id": unknown})
        assert "starter.py" not in problem(refused, 404, "UNKNOWN_REACTION")["detail"]


@pytest.mark.parametrize(
    "reaction_id", [None, 1, "", "ORD-1", "order-A/B", "order-a b/B/c", "order-A/B/c/d", "A/B/c"]
)
async def test_what_is_no_reactions_id_is_invalid(api: Api, reaction_id: Any) -> None:
    refused = problem(await api.post(REDRIVE, WHO | {"reaction_id": reaction_id}), 422, "INVALID")
    assert [fault["field"] for fault in refused["errors"]] == ["reaction_id"]
