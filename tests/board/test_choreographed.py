"""Choreographed orders on the board: told by their events, and by the reactions under way."""

from client.views import Lane, OrderFilter, RunOutcome
from models.saga import SagaKind, SagaStatus
from models.steps import Step
from tests.board.conftest import Premises

CHOREOGRAPHED = SagaKind.CHOREOGRAPHED


async def test_row_tells_which_reaction_is_retried_and_since_when(shop: Premises) -> None:
    order = shop.house.order("retried")
    shop.house.injure(order, "process_payment", "fail", times=-1)
    await shop.place(order, kind=CHOREOGRAPHED)
    row = await shop.row(order, lambda row: (row.attempt or 0) > 2)
    assert (row.kind, row.status) == (CHOREOGRAPHED, SagaStatus.IN_PROGRESS)
    assert (row.current_step, row.progress) == ("PROCESSING_PAYMENT", 28)
    assert row.retrying_since is not None
    assert row.retrying_since >= row.created_at
    assert row.last_error == "process_payment was made to fail by a fault file"
    assert not row.held
    payment = (await shop.board.details(order.order_id)).timeline[-1]
    assert (payment.step, payment.outcome) == (Step.PAYMENT_PROCESSED, RunOutcome.RETRYING)
    assert payment.attempts > 1
    shop.house.heal(order)


async def test_parked_undo_waits_for_a_person_while_the_others_are_done(shop: Premises) -> None:
    order = shop.house.order("parked")
    shop.house.injure(order, "create_shipment", "refuse")
    shop.house.injure(order, "refund_payment", "refuse", times=-1)
    await shop.place(order, kind=CHOREOGRAPHED)
    row = await shop.row(order, lambda row: row.needs_operator)
    assert row.status is SagaStatus.COMPENSATING
    details = await shop.board.details(order.order_id)
    [case] = details.state.interventions
    assert case.step is Step.PAYMENT_PROCESSED
    undos = {run.step: run.outcome for run in details.timeline if run.lane is Lane.UNDO}
    assert undos[Step.PAYMENT_PROCESSED] is RunOutcome.WAITS
    await shop.until_listed(OrderFilter(needs_operator=True, kind=CHOREOGRAPHED), {order.order_id})


async def test_order_is_told_by_its_events_when_no_worker_answers(closed: Premises) -> None:
    order = closed.house.order("unattended")
    closed.house.injure(order, "deduct_points", "fail", times=-1)
    async with closed.split.workflows():
        await closed.place(order, kind=CHOREOGRAPHED)
        await closed.row(order, lambda row: row.current_step == "DEDUCTING_POINTS")
    details = await closed.board.details(order.order_id)
    assert not details.complete
    assert details.state.kind is CHOREOGRAPHED
    assert details.state.current_step == "DEDUCTING_POINTS"
    assert details.state.executed_steps == [
        Step.ORDER_CREATED,
        Step.INVENTORY_RESERVED,
        Step.PAYMENT_PROCESSED,
    ]
    assert details.state.payment_transaction_id


async def test_undos_begin_together_when_a_step_has_failed(shop: Premises) -> None:
    order = shop.house.order("fanned-out")
    shop.house.injure(order, "create_shipment", "refuse")
    await shop.place(order, kind=CHOREOGRAPHED)
    state = await shop.house.handle(order).result()
    assert state.status is SagaStatus.COMPENSATED
    timeline = (await shop.board.details(order.order_id)).timeline
    [failed] = [run for run in timeline if run.outcome is RunOutcome.REFUSED]
    *undos, close = [run for run in timeline if run.lane is Lane.UNDO]
    assert {run.step for run in undos} == {
        Step.INVENTORY_RESERVED,
        Step.PAYMENT_PROCESSED,
        Step.POINTS_DEDUCTED,
    }
    assert {run.started_at for run in undos} == {failed.ended_at}
    ends = [run.ended_at for run in undos if run.ended_at is not None]
    assert close.step is Step.ORDER_CREATED
    assert close.started_at >= max(ends)
