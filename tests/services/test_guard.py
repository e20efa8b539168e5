"""What the guard promises of every operation of every service."""

import asyncio

import pytest
from sqlalchemy import insert

from models.calls import DeductPointsResult
from models.errors import Fenced, KeyReused, OrderIdTaken, ServiceFailure
from models.steps import DEDUCT_POINTS, Service
from services.database import Connection, Database, StoreError
from services.operations import Operations, forward, undo
from services.points.service import PointsService
from services.points.tables import operations, point_entries
from tests.databases import Stores
from tests.services.cases import CASES, UNDOABLE, Case, Guarded, guarded_by, other_content
from tests.services.ledgers import balance, operation, paid, rows, stock
from tests.services.orders import CUSTOMER, PLACED_AT, PRODUCT, deducting, order, undoing

ROUNDS = 12


async def test_has_one_effect_when_called_three_times(guarded: Guarded) -> None:
    first = await guarded.forward(order())
    effects = await guarded.effects()
    assert any(effects.values())
    assert await guarded.forward(order()) == first
    assert await guarded.forward(order()) == first
    assert await guarded.effects() == effects


async def test_has_one_effect_when_called_at_once(guarded: Guarded) -> None:
    answers = await asyncio.gather(*(guarded.forward(order()) for _ in range(8)))
    effects = await guarded.effects()
    assert all(answer == answers[0] for answer in answers)
    assert await guarded.forward(order()) == answers[0]
    assert await guarded.effects() == effects


async def test_refuses_another_content_under_the_key(guarded: Guarded) -> None:
    await guarded.forward(order())
    effects = await guarded.effects()
    with pytest.raises((KeyReused, OrderIdTaken)):
        await guarded.forward(other_content(order()))
    assert await guarded.effects() == effects


@pytest.mark.parametrize(
    # The others refuse the other content for a reason of their own.
    "case",
    [case for case in CASES if case.operation not in ("complete_order", "deduct_points")],
    ids=lambda case: case.operation,
)
async def test_lets_one_of_two_contents_win_when_called_at_once(case: Case, stores: Stores) -> None:
    guarded = await guarded_by(case, stores)
    answers = await asyncio.gather(
        guarded.forward(order()), guarded.forward(other_content(order())), return_exceptions=True
    )
    assert sum(isinstance(answer, (KeyReused, OrderIdTaken)) for answer in answers) == 1


async def test_undo_has_one_effect_when_called_three_times(undoable: Guarded) -> None:
    await undoable.forward(order())
    await undoable.undo(order())
    effects = await undoable.effects()
    await undoable.undo(order())
    await asyncio.gather(*(undoable.undo(order()) for _ in range(4)))
    assert await undoable.effects() == effects
    await assert_nothing_stands(undoable)


async def test_undo_succeeds_when_there_is_nothing_to_undo(undoable: Guarded) -> None:
    before = await undoable.effects()
    await undoable.undo(order())
    if undoable.case.service is not Service.ORDERS:
        assert (await undoable.effects()).keys() == before.keys()
        await assert_nothing_stands(undoable)
    fence = await operation(undoable.store, f"ORD-1:{undoable.case.operation}")
    assert fence.fenced


async def test_forward_call_is_refused_and_counted_when_it_comes_after_its_undo(
    undoable: Guarded,
) -> None:
    await undoable.undo(order())
    effects = await undoable.effects()
    for _ in range(2):
        with pytest.raises(Fenced):
            await undoable.forward(order())
    assert await undoable.effects() == effects
    fence = await operation(undoable.store, f"ORD-1:{undoable.case.operation}")
    assert fence.fenced_calls == 2


async def test_forward_call_is_refused_after_its_undo_although_it_was_answered_before(
    undoable: Guarded,
) -> None:
    await undoable.forward(order())
    await undoable.undo(order())
    effects = await undoable.effects()
    with pytest.raises(Fenced):
        await undoable.forward(order())
    assert await undoable.effects() == effects
    fence = await operation(undoable.store, f"ORD-1:{undoable.case.operation}")
    assert fence.fenced_calls == 1
    assert fence.answer is not None


@pytest.mark.parametrize("case", UNDOABLE, ids=lambda case: case.operation)
async def test_nothing_stands_when_forward_call_and_undo_race(case: Case, stores: Stores) -> None:
    undoable = await guarded_by(case, stores)
    fenced = 0
    for number in range(ROUNDS):
        raced = order(f"ORD-{number}")
        calls = [undoable.forward(raced), undoable.undo(raced), undoable.forward(raced)]
        if number % 2:
            calls.reverse()
        results = await asyncio.gather(*calls, return_exceptions=True)
        failures = [result for result in results if isinstance(result, BaseException)]
        assert {type(failure) for failure in failures} <= {Fenced}
        fenced += len(failures)
    await assert_nothing_stands(undoable)
    counted = [row.fenced_calls for row in await rows(undoable.store, operations)]
    assert sum(counted) == fenced
    assert fenced > 0


async def test_an_undo_waits_for_a_claimed_call_whose_effect_is_on_its_way(
    points_store: Database,
) -> None:
    guard = Operations(points_store, operations)
    call = forward(DEDUCT_POINTS, "ORD-1", deducting(order()), DeductPointsResult)
    happened: list[str] = []
    begun, goes_on = asyncio.Event(), asyncio.Event()

    async def lose_the_gateway() -> None:
        raise ServiceFailure("no answer")

    async def take_long(connection: Connection) -> DeductPointsResult:
        begun.set()
        await goes_on.wait()
        happened.append("effect")
        return DeductPointsResult(transaction_id="PTS-1")

    async def take_back(connection: Connection) -> None:
        happened.append("undo")

    with pytest.raises(ServiceFailure):
        await guard.perform_outside(
            call, lose_the_gateway, lambda connection, _: take_long(connection)
        )
    effect = asyncio.create_task(guard.perform(call, take_long))
    await begun.wait()
    undoing_it = asyncio.create_task(guard.perform(undo(DEDUCT_POINTS, "ORD-1"), take_back))
    await asyncio.wait({undoing_it}, timeout=0.3)
    goes_on.set()
    await asyncio.gather(effect, undoing_it)
    assert happened == ["effect", "undo"]


async def test_gives_the_stored_refusal_again_although_the_call_would_now_succeed(
    points: PointsService, points_store: Database
) -> None:
    greedy = deducting(order()).model_copy(update={"points": 1001})
    with pytest.raises(Exception, match="1000 points, and the order uses 1001") as first:
        await points.deduct_points(greedy)
    await points.deduct_points(deducting(order("ORD-2")))
    with pytest.raises(type(first.value)) as second:
        await points.deduct_points(greedy)
    assert str(second.value) == str(first.value)
    assert await balance(points_store, CUSTOMER.customer_id) == 990


async def test_takes_the_effect_back_when_the_store_fails_in_the_middle(
    points: PointsService, points_store: Database
) -> None:
    # The ledger's entry is in the way, and it is written after the balance.
    entry = {"cause": "ORD-1:deduct_points", "customer_id": CUSTOMER.customer_id, "points": 0}
    async with points_store.transaction() as connection:
        await connection.execute(insert(point_entries).values(**entry, at=PLACED_AT))
    with pytest.raises(StoreError, match="points store failed"):
        await points.deduct_points(deducting(order()))
    assert await balance(points_store, CUSTOMER.customer_id) == 1000
    assert await rows(points_store, operations) == []


async def test_undo_works_for_an_order_whose_step_was_refused(
    points: PointsService, points_store: Database
) -> None:
    refused = deducting(order()).model_copy(update={"customer_id": "CUST-9"})
    with pytest.raises(Exception, match="CUST-9"):
        await points.deduct_points(refused)
    await points.restore_points(undoing(order()))
    assert await balance(points_store, CUSTOMER.customer_id) == 1000


async def assert_nothing_stands(undone: Guarded) -> None:
    """Every order of the service's store has been undone in full, by the service's own books."""
    store, effects = undone.store, await undone.effects()
    match undone.case.service:
        case Service.INVENTORY:
            assert await stock(store, PRODUCT.product_id) == (100, 0)
        case Service.PAYMENTS:
            keys = await rows(store, operations, operation="refund_payment")
            assert [await paid(store, row.order_id) for row in keys] == [0] * len(keys)
        case Service.POINTS:
            assert await balance(store, CUSTOMER.customer_id) == 1000
        case Service.SHIPPING:
            assert all("CANCELLED" in row for row in effects["shipments"])
        case Service.ORDERS:
            assert all("CANCELLED" in row for row in effects["orders"])
            assert all("COMPENSATED" in row for row in effects["saga_records"])
