"""What the audit finds out about workflows, on a real Temporal server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError, WorkflowHandle
from temporalio.service import RPCError

from audit.auditor import audit
from audit.patience import Patience
from audit.report import AuditReport, Finding
from models.order import Order
from models.saga import SagaState, SagaStatus
from models.steps import COMPENSATABLE, CREATE_ORDER
from runtime.connection import connect
from runtime.embedded import EmbeddedServer
from runtime.settings import Settings
from tests.audit.conftest import TOY_QUEUE
from tests.audit.shop import Shop, compensated, completed, resolution
from tests.audit.toy_saga import Behaviour
from tests.services.orders import order

QUICK = Patience(settle=timedelta(seconds=0.5), slow=timedelta(0), poll=timedelta(seconds=15))
NOBODY = "nobodys-queue"
PLANTED_IN_TEMPORAL = {
    "open_order_has_a_running_workflow",
    "result_equals_the_record",
    "result_is_recorded",
    "workflow_task_succeeds",
    "queue_is_polled",
    "events_go_on",  # in test_choreography.py, on real reactions
}
WITHOUT_SAGA = {
    "no_stock_is_held_without_a_saga",
    "no_money_is_kept_without_a_saga",
    "no_points_are_kept_without_a_saga",
    "no_parcel_leaves_without_a_saga",
}
STEPS = len(COMPENSATABLE)
Handle = WorkflowHandle[Any, Any]


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something that Temporal tells by and by."""
    async with asyncio.timeout(20):
        while not await condition():  # the server has no event to wait for
            await asyncio.sleep(0.05)


class ToySagas:
    """Starts toy sagas and ends them after the test, so that the next one finds none of them."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._started: list[Handle] = []

    async def start(
        self,
        order: Order,
        behaviour: Behaviour = Behaviour.WAIT,
        state: SagaState | None = None,
        task_queue: str = TOY_QUEUE,
    ) -> Handle:
        final = state.model_dump(mode="json") if state is not None else {}
        handle = await self.client.start_workflow(
            "OrderSaga",
            args=[behaviour, final, NOBODY],
            id=f"order-{order.order_id}",
            task_queue=task_queue,
        )
        self._started.append(handle)
        return handle

    async def end(self, order: Order, behaviour: Behaviour, state: SagaState) -> None:
        """A toy saga that has ended, as visibility sees it too."""
        handle = await self.start(order, behaviour, state)
        try:
            await handle.result()
        except WorkflowFailureError:
            assert behaviour is Behaviour.FAIL
        await self.until_listed(handle, "ExecutionStatus != 'Running'")

    async def until_listed(self, handle: Handle, condition: str) -> None:
        query = f"WorkflowId = '{handle.id}' AND {condition}"

        async def is_listed() -> bool:
            return (await self.client.count_workflows(query)).count > 0

        await until(is_listed)

    async def clear(self) -> None:
        for handle in self._started:
            description = await handle.describe()
            if description.status is WorkflowExecutionStatus.RUNNING:
                await handle.terminate()
                await self.until_listed(handle, "ExecutionStatus = 'Terminated'")


@pytest_asyncio.fixture
async def sagas(client: Client) -> AsyncIterator[ToySagas]:
    sagas = ToySagas(client)
    yield sagas
    await sagas.clear()


async def checked(shop: Shop, sagas: ToySagas, patience: Patience = QUICK) -> AuditReport:
    report = await audit(shop.stores, sagas.client, patience=patience)
    assert report.temporal_asked
    return report


def about(report: AuditReport, order: Order) -> list[Finding]:
    """The findings about one order; ended sagas of other tests have no records here."""
    return [finding for finding in report.findings if finding.order_id == order.order_id]


def rules(findings: list[Finding]) -> set[str]:
    return {finding.rule for finding in findings}


async def test_nothing_is_found_in_sagas_that_run_or_ended_well(
    sqlite_shop: Shop, sagas: ToySagas
) -> None:
    under_way, done, undone = order("WF-run"), order("WF-done"), order("WF-undone")
    await sqlite_shop.forward(under_way, 3)
    await sagas.until_listed(await sagas.start(under_way), "ExecutionStatus = 'Running'")
    await sagas.end(done, Behaviour.END, await sqlite_shop.complete(done))
    await sagas.end(undone, Behaviour.END, await sqlite_shop.compensate(undone, STEPS))
    report = await checked(sqlite_shop, sagas)
    for each in (under_way, done, undone):
        assert about(report, each) == []
    assert report.workflows >= 3


async def test_effects_are_found_after_a_terminate(shop: Shop, sagas: ToySagas) -> None:
    orphan = order(f"WF-terminated-{id(shop)}")
    await shop.forward(orphan, STEPS)
    handle = await sagas.start(orphan)
    await handle.terminate()
    await sagas.until_listed(handle, "ExecutionStatus = 'Terminated'")
    found = about(await checked(shop, sagas), orphan)
    assert rules(found) == {"open_order_has_a_running_workflow", *WITHOUT_SAGA}
    assert {finding.figures["workflow"] for finding in found} == {"TERMINATED"}


async def test_an_open_order_is_found_when_temporal_knows_no_workflow(
    sqlite_shop: Shop, sagas: ToySagas
) -> None:
    lost = order("WF-lost")
    await sqlite_shop.forward(lost, 1)
    (finding,) = about(await checked(sqlite_shop, sagas), lost)
    assert finding.rule == "open_order_has_a_running_workflow"
    assert finding.figures == {"record": "STARTED", "workflow": "ABSENT"}


async def test_a_result_that_is_not_the_record_is_found(sqlite_shop: Shop, sagas: ToySagas) -> None:
    disputed = order("WF-disputed")
    await sqlite_shop.compensate(disputed, STEPS)
    await sagas.end(disputed, Behaviour.END, completed(disputed))
    (finding,) = about(await checked(sqlite_shop, sagas), disputed)
    assert finding.rule == "result_equals_the_record"
    assert finding.figures == {"workflow": "COMPLETED", "record": "COMPENSATED"}


async def test_a_closing_that_a_person_gave_up_is_no_finding_though_it_had_its_effect(
    sqlite_shop: Shop, sagas: ToySagas
) -> None:
    """The reply of `cancel_order` was lost: the record is closed, and the workflow never knew."""
    closed = order("WF-closed")
    await sqlite_shop.compensate(closed, STEPS)
    given_up = compensated(
        closed, COMPENSATABLE, COMPENSATABLE, resolutions=[resolution(CREATE_ORDER, "abandon")]
    )
    await sagas.end(closed, Behaviour.FAIL, given_up)
    assert about(await checked(sqlite_shop, sagas), closed) == []


async def test_a_result_without_a_record_is_found(sqlite_shop: Shop, sagas: ToySagas) -> None:
    forgotten, refused = order("WF-forgotten"), order("WF-refused")
    await sagas.end(forgotten, Behaviour.END, completed(forgotten))
    await sagas.end(refused, Behaviour.END, compensated(refused, [], []))
    report = await checked(sqlite_shop, sagas)
    assert rules(about(report, forgotten)) == {"result_is_recorded"}
    assert about(report, refused) == []


async def test_a_workflow_whose_task_fails_is_found(sqlite_shop: Shop, sagas: ToySagas) -> None:
    broken = order("WF-broken")
    await sqlite_shop.forward(broken, 1)
    handle = await sagas.start(broken, Behaviour.BREAK)
    await sagas.until_listed(handle, "ExecutionStatus = 'Running'")

    async def has_failed() -> bool:
        return (await handle.describe()).raw_description.pending_workflow_task.attempt > 1

    await until(has_failed)
    (finding,) = about(await checked(sqlite_shop, sagas), broken)
    assert finding.rule == "workflow_task_succeeds"
    assert int(finding.figures["attempts"] or 0) >= 2


async def test_a_call_to_a_service_without_a_worker_is_found(
    sqlite_shop: Shop, sagas: ToySagas
) -> None:
    calling, waiting = order("WF-calling"), order("WF-waiting")
    call = await sagas.start(calling, Behaviour.CALL)
    start = await sagas.start(waiting, task_queue=NOBODY)
    await sagas.until_listed(call, "ExecutionStatus = 'Running'")
    await sagas.until_listed(start, "ExecutionStatus = 'Running'")

    async def has_called() -> bool:
        return bool((await call.describe()).raw_description.pending_activities)

    await until(has_called)
    report = await checked(sqlite_shop, sagas)
    for each in (calling, waiting):
        (finding,) = about(report, each)
        assert finding.rule == "queue_is_polled"
        assert finding.figures == {"queues": NOBODY}
    young = await checked(sqlite_shop, sagas, Patience(settle=timedelta(0)))
    assert about(young, calling) == []


async def test_an_abandoned_closing_is_accepted_from_the_workflows_result(
    sqlite_shop: Shop, sagas: ToySagas
) -> None:
    unclosed = order("WF-unclosed")
    await sqlite_shop.forward(unclosed, 2)
    await sqlite_shop.undo(unclosed, COMPENSATABLE[1])
    state = compensated(
        unclosed,
        COMPENSATABLE[:2],
        COMPENSATABLE[:2],
        resolutions=[resolution(CREATE_ORDER, "abandon")],
    )
    await sagas.end(unclosed, Behaviour.FAIL, state)
    report = await checked(sqlite_shop, sagas)
    assert state.status is SagaStatus.FAILED
    assert about(report, unclosed) == []
    assert [undo.step for undo in report.accepted] == [CREATE_ORDER.step]


async def test_an_effect_that_stands_is_found_although_the_closing_was_abandoned(
    sqlite_shop: Shop, sagas: ToySagas
) -> None:
    unclosed = order("WF-held")
    await sqlite_shop.forward(unclosed, 2)
    state = compensated(
        unclosed,
        COMPENSATABLE[:2],
        COMPENSATABLE[:2],
        resolutions=[resolution(CREATE_ORDER, "abandon")],
    )
    await sagas.end(unclosed, Behaviour.FAIL, state)
    assert "stock_matches_outcome" in rules(about(await checked(sqlite_shop, sagas), unclosed))


async def test_an_order_that_a_reset_workflow_undoes_is_open_again(
    sqlite_shop: Shop, sagas: ToySagas
) -> None:
    reset = order("WF-reset")
    await sqlite_shop.complete(reset)
    await sqlite_shop.undo(reset, COMPENSATABLE[-1])
    handle = await sagas.start(reset)
    await sagas.until_listed(handle, "ExecutionStatus = 'Running'")
    assert about(await checked(sqlite_shop, sagas), reset) == []
    await handle.terminate()
    await sagas.until_listed(handle, "ExecutionStatus = 'Terminated'")
    assert "shipment_matches_outcome" in rules(about(await checked(sqlite_shop, sagas), reset))


async def test_orders_that_wait_for_a_person_are_counted(
    sqlite_shop: Shop, sagas: ToySagas
) -> None:
    handle = await sagas.start(order("WF-person"), Behaviour.NEED_OPERATOR)
    await sagas.until_listed(handle, "NeedsOperator = true")
    assert (await checked(sqlite_shop, sagas)).open_interventions == 1


async def test_an_audit_without_temporals_answer_has_no_result(
    sqlite_shop: Shop, tmp_path: Path
) -> None:
    async with EmbeddedServer.running(Settings.load(home=tmp_path / "home")) as server:
        client = await connect(server)
    await sqlite_shop.forward(order(), 1)
    with pytest.raises(RPCError):
        await audit(sqlite_shop.stores, client)
