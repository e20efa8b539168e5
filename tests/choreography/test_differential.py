"""Both variants of the saga, in the same house, come to the same end in every scenario."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from models.order import Order
from models.saga import SagaKind, SagaState
from models.steps import COMPENSATABLE, Service
from services.orders.tables import outbox
from tests.choreography.operator import on_duty
from tests.house import House
from tests.services import ledgers


@dataclass(frozen=True)
class Scenario:
    """What is ordered, and how its services fail."""

    name: str
    injuries: tuple[tuple[str, str, int], ...] = ()
    """Operation, kind and how many times; -1 is for ever."""
    changes: dict[str, Any] = field(default_factory=dict)

    @property
    def step_seconds(self) -> float:
        """Short where a step is to be spent, and long where it is to heal, whatever the load."""
        forward = {step.activity for step in COMPENSATABLE}
        spent = any(times < 0 and name in forward for name, _, times in self.injuries)
        return 5 if spent else 60


ORDERS_AT_ONCE = 24
SCENARIOS = [
    Scenario("completed"),
    Scenario("no-points", changes={"points_to_use": 0}),
    Scenario("points-alone", changes={"points_to_use": 60}),
    Scenario("declined", changes={"payment_token": "tok_declined"}),
    Scenario(
        "no-points-refused", (("create_shipment", "refuse", 1),), changes={"points_to_use": 0}
    ),
    Scenario(
        "points-alone-unknown",
        (("create_shipment", "lose_reply", -1),),
        changes={"points_to_use": 60},
    ),
    Scenario("silent", (("send_notification", "refuse", -1),)),
    *(
        Scenario(f"refused-{step.activity}", ((step.activity, "refuse", 1),))
        for step in COMPENSATABLE
    ),
    *(
        Scenario(f"failed-{step.activity}", ((step.activity, "fail", -1),))
        for step in COMPENSATABLE
    ),
    *(
        Scenario(f"lost-{step.activity}", ((step.activity, "lose_reply", -1),))
        for step in COMPENSATABLE
    ),
    # What heals is drawn at random in test_convergence.py; here is one on each way.
    Scenario("healed", (("process_payment", "lose_reply", 2), ("complete_order", "fail", 2))),
    Scenario(
        "undo-healed", (("create_shipment", "refuse", 1), ("refund_payment", "lose_reply", 3))
    ),
]


async def end_of(
    house: House, kind: SagaKind, scenario: Scenario, places: asyncio.Semaphore
) -> dict[str, Any]:
    """Everything that can be told of the order afterwards but its id and times."""
    order = house.order(scenario.name, **scenario.changes)
    for operation, injury, times in scenario.injuries:
        house.injure(order, operation, injury, times=times)
    async with places:
        handle = await house.place(order, kind, step_seconds=scenario.step_seconds)
        state = await house.state_at_end(handle)
    await house.check_effects(order, state)
    return {**from_state(state), **await from_books(house, order)}


def from_state(state: SagaState) -> dict[str, Any]:
    return {
        "status": state.status,
        "current_step": state.current_step,
        "executed": state.executed_steps,
        "skipped": state.skipped_steps,
        # Undone at the same time, so their order is not the same; the order's own is last.
        "undone": sorted(state.compensated_steps),
        "undone last": state.compensated_steps[-1:],
        "code": state.error_code,
        "message": state.error_message,
        "warnings": state.warnings,
        "interventions": state.interventions,
        "progress": state.progress,
        "ids": [
            identifier is not None
            for identifier in (
                state.inventory_reservation_id,
                state.payment_transaction_id,
                state.point_transaction_id,
                state.shipment_id,
            )
        ],
        "charged": state.amount_charged,
        "ended": (state.completed_at is not None, state.compensated_at is not None),
    }


async def from_books(house: House, order: Order) -> dict[str, Any]:
    record = await house.record(order)
    announced = await ledgers.rows(house.stores[Service.ORDERS], outbox, order_id=order.order_id)
    kept = record.state if record is not None else {}
    return {
        "paid": await house.paid(order),
        "points": await house.points_spent(order),
        "held": await house.pieces_held(order),
        "shipments": await house.live_shipments(order),
        "notifications": await house.notifications(order),
        "record": record and (record.status, record.error_code, record.error_message),
        "kept": {key: kept[key] for key in ("status", "executed_steps", "skipped_steps") if kept},
        "announced": [(row.type, row.event["status"]) for row in announced],
    }


@pytest.mark.timeout(300)
async def test_both_variants_come_to_the_same_end(house: House) -> None:
    """Many at once: most of the time is spent in waiting for services that fail."""
    places = asyncio.Semaphore(ORDERS_AT_ONCE)
    async with on_duty(house.client):
        ends = await asyncio.gather(
            *(
                asyncio.gather(*(end_of(house, kind, each, places) for each in SCENARIOS))
                for kind in SagaKind
            )
        )
    differing = {
        scenario.name: {
            key: (expected[key], found[key]) for key in expected if expected[key] != found[key]
        }
        for scenario, expected, found in zip(SCENARIOS, *ends, strict=True)
        if expected != found
    }
    assert differing == {}
    await house.check_balances(house.order())
