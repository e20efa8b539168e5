"""What a history tells agrees with what the saga itself tells at its end: over every recording."""

import json
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter

from client.observation import PendingCall
from client.step_runs import step_runs
from client.timeline import Story, read_story
from client.views import Lane, RunOutcome, StepRun
from models.saga import SagaState, SagaStatus
from models.steps import CREATE_ORDER, PROCESS_PAYMENT, RESERVE_INVENTORY, Step
from tests.replay.record import HISTORIES

RECORDED = sorted(path for path in HISTORIES.glob("*.json") if "--" not in path.stem)
"""Of sagas and trackers; single reactions tell no order's story."""
ERROR = "inventory is on fire"


def history(name: str) -> WorkflowHistory:
    document = json.loads((HISTORIES / f"{name}.json").read_text(encoding="utf-8"))
    return WorkflowHistory.from_json(name, document)


async def story(name: str, events: int | None = None) -> Story:
    """The story of a recording, or of how it began."""
    return await read_story(history(name).events[:events], pydantic_data_converter)


async def runs(name: str) -> dict[tuple[Step, Lane], StepRun]:
    return {(run.step, run.lane): run for run in step_runs(await story(name), ())}


async def final_state(name: str) -> SagaState:
    last = history(name).events[-1]
    if last.HasField("workflow_execution_completed_event_attributes"):
        payloads = last.workflow_execution_completed_event_attributes.result.payloads
    else:
        failure = last.workflow_execution_failed_event_attributes.failure
        payloads = failure.application_failure_info.details.payloads
    [state] = await pydantic_data_converter.decode(payloads, [SagaState])
    return SagaState.model_validate(state)


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
async def test_a_history_tells_the_same_steps_as_the_saga(path: Path) -> None:
    told, state = await story(path.stem), await final_state(path.stem)
    assert told.executed == state.executed_steps
    assert [step.step for step in told.skipped] == state.skipped_steps
    assert told.compensated == state.compensated_steps
    if state.status is not SagaStatus.COMPLETED:
        assert told.progress == state.progress


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
async def test_a_timeline_has_every_step_and_undo_that_the_saga_has(path: Path) -> None:
    timeline = step_runs(await story(path.stem), ())
    state = await final_state(path.stem)
    ways = {run.step: run for run in timeline if run.lane is Lane.FORWARD}
    undos = {run.step: run for run in timeline if run.lane is Lane.UNDO}
    done = [step for step, run in ways.items() if run.outcome is RunOutcome.DONE]
    assert done == state.executed_steps
    assert set(state.compensated_steps) == {
        step for step, run in undos.items() if run.outcome in (RunOutcome.DONE, RunOutcome.RESOLVED)
    }
    assert all(run.ended_at is not None and run.ended_at >= run.started_at for run in timeline)
    # The history has no attempt of a call that was cancelled between two of them.
    may_have_none = (RunOutcome.SKIPPED, RunOutcome.UNKNOWN)
    assert all(run.attempts > 0 for run in timeline if run.outcome not in may_have_none)


async def test_a_refusal_an_outage_and_a_settled_undo_are_told_apart() -> None:
    refused = (await runs("refused-at-process_payment"))[Step.PAYMENT_PROCESSED, Lane.FORWARD]
    assert refused.outcome is RunOutcome.REFUSED
    assert refused.last_error
    silent = (await runs("timed-out-at-process_payment"))[Step.PAYMENT_PROCESSED, Lane.FORWARD]
    assert silent.outcome is RunOutcome.UNKNOWN
    stopped = (await runs("cancelled-at-process_payment"))[Step.PAYMENT_PROCESSED, Lane.FORWARD]
    assert stopped.outcome in (RunOutcome.UNKNOWN, RunOutcome.DONE)
    outcomes = {run.outcome for run in (await runs("undo-abandoned")).values()}
    assert RunOutcome.ABANDONED in outcomes
    outcomes = {run.outcome for run in (await runs("undo-resolved")).values()}
    assert RunOutcome.RESOLVED in outcomes


async def test_attempts_of_the_quick_first_call_and_of_its_successor_are_one_run() -> None:
    created = (await runs("completed-after-retries"))[CREATE_ORDER.step, Lane.FORWARD]
    assert created.attempts > 1
    assert created.outcome is RunOutcome.DONE


async def test_a_step_without_anything_to_do_is_skipped_with_the_next_one() -> None:
    timeline = await runs("completed-without-points")
    skipped = timeline[Step.POINTS_DEDUCTED, Lane.FORWARD]
    assert (skipped.outcome, skipped.attempts) == (RunOutcome.SKIPPED, 0)
    assert skipped.started_at == timeline[Step.SHIPMENT_CREATED, Lane.FORWARD].started_at


async def test_a_call_under_way_counts_the_attempts_that_have_begun() -> None:
    events = history("completed").events
    asked = [
        number
        for number, event in enumerate(events)
        if event.activity_task_scheduled_event_attributes.activity_type.name
        == PROCESS_PAYMENT.activity
    ]
    told = await story("completed", asked[0] + 1)
    assert (told.current_step, told.progress) == (PROCESS_PAYMENT.running, 28)
    pending = PendingCall(PROCESS_PAYMENT.activity, 3, ERROR, told.calls[-1].started_at)
    [*_, live] = step_runs(told, (pending,))
    assert (live.outcome, live.attempts, live.last_error) == (RunOutcome.RETRYING, 2, ERROR)
    assert live.ended_at is None


async def test_an_undo_that_failed_for_good_waits_for_a_person() -> None:
    whole = history("undo-healed-by-itself").events
    failed = [
        number
        for number, event in enumerate(whole)
        if event.HasField("activity_task_failed_event_attributes")
    ]
    told = await story("undo-healed-by-itself", failed[-1] + 1)
    last = step_runs(told, ())[-1]
    assert (last.lane, last.outcome, last.ended_at) == (Lane.UNDO, RunOutcome.WAITS, None)
    assert last.step is not RESERVE_INVENTORY.step or last.last_error


async def test_a_trackers_events_tell_how_a_choreographed_order_was_undone() -> None:
    timeline = await runs("choreographed-timed-out-at-process_payment")
    payment = timeline[Step.PAYMENT_PROCESSED, Lane.FORWARD]
    assert payment.outcome is RunOutcome.UNKNOWN
    assert payment.last_error
    undone = {step for step, lane in timeline if lane is Lane.UNDO}
    assert undone == {Step.PAYMENT_PROCESSED, Step.INVENTORY_RESERVED, Step.ORDER_CREATED}
    assert all(timeline[step, Lane.UNDO].outcome is RunOutcome.DONE for step in undone)
    assert timeline[Step.INVENTORY_RESERVED, Lane.FORWARD].outcome is RunOutcome.DONE


async def test_an_order_that_was_never_opened_has_no_undo() -> None:
    timeline = await runs("choreographed-refused-at-create_order")
    assert {key: run.outcome for key, run in timeline.items()} == {
        (Step.ORDER_CREATED, Lane.FORWARD): RunOutcome.REFUSED
    }


async def test_a_parked_undo_waits_for_a_person_until_it_is_driven_again() -> None:
    name = "choreographed-undo-driven-again"
    notes = [
        number
        for number, event in enumerate(history(name).events)
        if event.workflow_execution_signaled_event_attributes.signal_name == "note"
    ]
    parked = await story(name, notes[0] + 1)
    last = step_runs(parked, ())[-1]
    assert (last.step, last.lane) == (Step.PAYMENT_PROCESSED, Lane.UNDO)
    assert (last.outcome, last.ended_at) == (RunOutcome.WAITS, None)
    assert last.last_error
    assert parked.told is not None
    assert parked.told.current_step == "REFUNDING_PAYMENT"
    assert parked.told.status is SagaStatus.COMPENSATING
    assert (await runs(name))[last.step, Lane.UNDO].outcome is RunOutcome.DONE
