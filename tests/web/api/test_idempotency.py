"""`Idempotency-Key`: sent again, a request is done once and answered alike."""

import asyncio
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import delete

from models.saga import SagaState
from models.steps import Service
from services.orders.tables import api_requests
from tests.house import House
from tests.web.api.browsing import TOKENS, WHO, Api, bearer, problem

Order = Callable[..., dict[str, Any]]


def keyed(key: str | None = None) -> dict[str, str]:
    return {"Idempotency-Key": key or uuid.uuid4().hex}


async def test_request_sent_again_is_answered_alike(api: Api, order: Order) -> None:
    key, document = keyed(), order(order_id=...)
    first = await api.post("/api/orders", document, headers=key)
    await api.until(first.json()["order_id"], lambda state: state["completed_at"])
    again = await api.post("/api/orders", document, headers=key)
    assert (again.status_code, again.content) == (202, first.content)
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers


async def test_another_key_is_another_order(api: Api, order: Order) -> None:
    document = order(order_id=...)
    answers = [await api.post("/api/orders", document, headers=keyed()) for _ in range(2)]
    assert len({answer.json()["order_id"] for answer in answers}) == 2


async def test_same_key_with_another_request_is_refused(api: Api, order: Order) -> None:
    key, document = keyed(), order()
    await api.post("/api/orders", document, headers=key)
    other = document | {"shipping_address": "2 Main Street"}
    problem(await api.post("/api/orders", other, headers=key), 422, "KEY_REUSED")
    path = f"/api/orders/{document['order_id']}/cancel"
    problem(await api.post(path, WHO, headers=key), 422, "KEY_REUSED")


async def test_request_still_under_way_is_a_conflict(api: Api, house: House, order: Order) -> None:
    """A claim waits for the attempt in flight, so it stays under way."""
    document = order()
    order_id = document["order_id"]
    injured = house.order().model_copy(update={"order_id": order_id})
    house.injure(injured, "create_shipment", "refuse")
    house.injure(injured, "refund_payment", "refuse")
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def attempt() -> None:
        begun.set()
        await go_on.wait()

    await api.post("/api/orders", document)
    await api.until(order_id, lambda state: state["interventions"])
    house.services.before[order_id, "refund_payment"] = attempt
    path, key = f"/api/orders/{order_id}/interventions/refund_payment", keyed()
    await api.post(path, WHO | {"action": "retry"})
    await begun.wait()
    claim = WHO | {"action": "claim"}
    first = asyncio.ensure_future(api.post(path, claim, headers=key))
    while (await house.handle(injured).query("state", result_type=SagaState)).resolutions[
        -1
    ].action != "claim":
        await asyncio.sleep(0.02)
    problem(await api.post(path, claim, headers=key), 409, "REQUEST_RUNNING")
    go_on.set()
    assert (await first).status_code == 200
    again = await api.post(path, claim, headers=key)
    assert again.content == (await first).content


async def test_refused_request_may_be_sent_again(api: Api, house: House, order: Order) -> None:
    document, key = order(), keyed()
    order_id = document["order_id"]
    injured = house.order().model_copy(update={"order_id": order_id})
    house.injure(injured, "reserve_inventory", "delay", seconds=1.0)
    await api.post("/api/orders", document)
    path = f"/api/orders/{order_id}/resume"
    problem(await api.post(path, WHO, headers=key), 409, "NOT_HELD")
    await api.post(f"/api/orders/{order_id}/hold", WHO)
    assert (await api.post(path, WHO, headers=key)).status_code == 200
    await api.until(order_id, lambda state: state["completed_at"])


async def test_two_at_once_make_one_order(api: Api, order: Order) -> None:
    key, document = keyed(), order(order_id=..., customer_id="CUST-TWICE", points_to_use=0)
    answers = await asyncio.gather(
        *(api.post("/api/orders", document, headers=key) for _ in range(5))
    )
    assert {answer.status_code for answer in answers} <= {202, 409}
    placed = {answer.json()["order_id"] for answer in answers if answer.status_code == 202}
    assert len(placed) == 1


async def test_crash_between_the_effect_and_the_answer_has_one_effect(
    api: Api, house: House, order: Order
) -> None:
    """What is lost with the process is the kept answer; the key's row is given up in time."""
    key, document = keyed(), order(order_id=...)
    first = (await api.post("/api/orders", document, headers=key)).json()
    await forget_all(house)
    again = (await api.post("/api/orders", document, headers=key)).json()
    assert again["order_id"] == first["order_id"]


async def test_crash_after_an_action_lets_it_be_answered_once_more(
    api: Api, house: House, order: Order
) -> None:
    document, key = order(), keyed()
    order_id = document["order_id"]
    injured = house.order().model_copy(update={"order_id": order_id})
    house.injure(injured, "reserve_inventory", "fail", times=-1)
    await api.post("/api/orders", document)
    path = f"/api/orders/{order_id}/hold"
    assert (await api.post(path, WHO, headers=key)).status_code == 200
    await forget_all(house)
    assert (await api.post(path, WHO, headers=key)).status_code == 200
    problem(await api.post(path, WHO, headers=keyed()), 409, "ALREADY_HELD")
    await api.post(f"/api/orders/{order_id}/cancel", WHO)
    state = await api.until(order_id, lambda state: state["compensated_at"])
    assert [done["action"] for done in state["resolutions"]] == ["hold", "cancel"]


async def forget_all(house: House) -> None:
    async with house.stores[Service.ORDERS].transaction() as connection:
        await connection.execute(delete(api_requests))


async def test_keys_belong_to_whoever_sends_them(locked: Api, order: Order) -> None:
    key, document = keyed(), order(order_id=...)
    placed = [
        await locked.post("/api/orders", document, headers=key | bearer(TOKENS[role]))
        for role in ("customer-service", "operator")
    ]
    assert len({answer.json()["order_id"] for answer in placed}) == 2


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "k\xe9"])
async def test_unfit_key_is_invalid(api: Api, order: Order, key: str) -> None:
    headers = [(b"Idempotency-Key", key.encode("latin-1"))]
    response = await api.client.post("/api/orders", json=order(), headers=headers)
    [fault] = problem(response, 422, "INVALID")["errors"]
    assert fault["field"] == "Idempotency-Key"
