"""What waits for a person, over HTTP: listed, claimed, given back, settled, and refused."""

from typing import Any

import pytest

from models.order import Order
from tests.house import House
from tests.web.api.browsing import WHO, Api, problem

STEP = "PAYMENT_PROCESSED"


@pytest.fixture
async def stuck(api: Api, house: House) -> Order:
    """An order whose refund is refused once, and so waits for a person."""
    order = house.order("STUCK")
    house.injure(order, "create_shipment", "refuse")
    house.injure(order, "refund_payment", "refuse", times=1)
    await house.place(order)
    await api.until(order.order_id, lambda state: state["interventions"])
    return order


def path(order: Order, step: str = STEP) -> str:
    return f"/api/orders/{order.order_id}/interventions/{step}"


async def test_open_intervention_is_listed(api: Api, stuck: Order) -> None:
    found = (await api.get("/api/interventions")).json()["interventions"]
    [case] = [case for case in found if case["order_id"] == stuck.order_id]
    assert (case["step"], case["compensation"]) == (STEP, "refund_payment")
    assert not case["machine_tries"]
    assert case["claimed_by"] is None


async def test_retry_gives_it_back_to_the_machine(api: Api, stuck: Order) -> None:
    response = await api.post(path(stuck, "refund_payment"), WHO | {"action": "retry"})
    assert response.status_code == 200
    state = await api.until(stuck.order_id, lambda state: state["compensated_at"])
    assert state["interventions"] == []


async def test_claimed_one_is_resolved_by_who_claimed_it(
    api: Api, house: House, stuck: Order
) -> None:
    early = await api.post(path(stuck), WHO | {"action": "resolve"})
    assert "starter.py" not in problem(early, 409, "NOT_CLAIMED")["detail"]
    claimed = await api.post(path(stuck), WHO | {"action": "claim"})
    assert claimed.json()["interventions"][0]["claimed_by"] == "kim"
    other = WHO | {"action": "resolve", "actor": "sora"}
    problem(await api.post(path(stuck), other), 409, "CLAIMED_BY_ANOTHER")
    resolved = await api.post(path(stuck), WHO | {"action": "resolve"})
    assert resolved.status_code == 200
    state = await api.until(stuck.order_id, lambda state: state["compensated_at"])
    assert [done["action"] for done in state["resolutions"]] == ["claim", "resolve"]


async def test_abandoned_one_fails_the_order(api: Api, stuck: Order) -> None:
    await api.post(path(stuck), WHO | {"action": "claim"})
    await api.post(path(stuck), WHO | {"action": "abandon"})
    state = await api.until(stuck.order_id, lambda state: state["failed_at"])
    assert state["status"] == "FAILED"
    problem(await api.post(path(stuck), WHO | {"action": "retry"}), 409, "ORDER_ALREADY_FAILED")


async def test_step_that_is_unknown_or_well_is_refused(api: Api, stuck: Order) -> None:
    claim = WHO | {"action": "claim"}
    problem(await api.post(path(stuck, "NOTHING"), claim), 404, "UNKNOWN_STEP")
    problem(await api.post(path(stuck, "SHIPMENT_CREATED"), claim), 409, "NO_OPEN_INTERVENTION")


@pytest.mark.parametrize("action", [None, "cancel", "CLAIM", 1])
async def test_unknown_action_is_invalid(api: Api, action: Any) -> None:
    body = WHO | ({} if action is None else {"action": action})
    response = await api.post("/api/orders/ORD-1/interventions/X", body)
    assert [fault["field"] for fault in problem(response, 422, "INVALID")["errors"]] == ["action"]


async def test_figures_count_what_has_ended(api: Api, house: House) -> None:
    before = (await api.get("/api/metrics?range=1h")).json()
    await house.run(house.order("FIGURES"))
    after = (await api.get("/api/metrics", params={"range": "1h"})).json()
    assert after["completed"] == before["completed"] + 1
    assert after["total"] == before["total"] + 1
    text = await api.get("/metrics")
    assert text.headers["content-type"].startswith("text/plain")
    assert 'order_saga_orders_ended_total{status="COMPLETED"}' in text.text
