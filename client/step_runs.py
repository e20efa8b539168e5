"""The timeline of one order: each step and each undo with its attempts and its outcome."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from client.observation import PendingCall
from client.timeline import CALLS, AnyStep, Call, Story
from client.views import Lane, RunOutcome, StepRun
from models.steps import COMPLETE_ORDER, CREATE_ORDER


def step_runs(story: Story, pending: tuple[PendingCall, ...]) -> tuple[StepRun, ...]:
    """All runs by their start; `pending` are the calls that Temporal still makes."""
    live = {call.operation: call for call in pending}
    runs = [*_made(story, live), *_skipped(story)]
    return tuple(sorted(runs, key=lambda run: run.started_at))


def waiting_since(story: Story) -> datetime | None:
    """Since when the order has needed a person; None if it does not."""
    waiting = [
        story.calls_of(*CALLS[run.activity])[0].ended_at
        for run in step_runs(story, ())
        if run.outcome is RunOutcome.WAITS
    ]
    return min((since for since in waiting if since is not None), default=None)


def _made(story: Story, live: Mapping[str, PendingCall]) -> Iterator[StepRun]:
    for operation in dict.fromkeys(call.operation for call in story.calls):
        step, lane = CALLS[operation]
        yield _run(story, step, lane, live.get(operation))


def _run(story: Story, step: AnyStep, lane: Lane, live: PendingCall | None) -> StepRun:
    calls = story.calls_of(step, lane)
    outcome = _outcome(story, step, lane, calls, live)
    settled = story.settled.get(step.step) if lane is Lane.UNDO else None
    ended_at = calls[-1].ended_at
    if outcome in (RunOutcome.RESOLVED, RunOutcome.ABANDONED) and settled is not None:
        ended_at = settled[1]
    errors = [call.error for call in calls if call.error is not None]
    return StepRun(
        step=step.step,
        lane=lane,
        activity=calls[-1].operation,
        started_at=_began(story, step, lane, calls),
        ended_at=None if outcome in _UNFINISHED else ended_at,
        attempts=sum(call.attempts for call in calls) + (_begun(live) if live else 0),
        outcome=outcome,
        last_error=(live.last_error if live else None) or (errors[-1] if errors else None),
    )


def _began(story: Story, step: AnyStep, lane: Lane, calls: list[Call]) -> datetime:
    """When the first call was made.

    A choreographed order's tracker hears of ends alone. Its undos all begin with the failure, but
    for the last one, which closes the order when the others are done.
    """
    began = calls[0].started_at
    if lane is Lane.FORWARD or step is CREATE_ORDER:
        return began
    failed = (event.timestamp for event in story.events if event.data.failure is not None)
    return min(failed, default=began)


_UNFINISHED = (RunOutcome.RUNNING, RunOutcome.RETRYING, RunOutcome.WAITS)


def _begun(live: PendingCall) -> int:
    """The attempts begun: one that is backing off counts the next already."""
    return live.attempt - (live.next_attempt_at is not None)


def _outcome(
    story: Story, step: AnyStep, lane: Lane, calls: list[Call], live: PendingCall | None
) -> RunOutcome:
    last = calls[-1]
    if last.done:
        return RunOutcome.DONE
    if lane is Lane.UNDO and step.step in story.settled:
        how, _ = story.settled[step.step]
        return RunOutcome.RESOLVED if how == "resolve" else RunOutcome.ABANDONED
    if lane is Lane.UNDO or step is COMPLETE_ORDER:
        # These calls are made until they succeed. Failed once for good, they need a person.
        return RunOutcome.WAITS if calls[0].ended_at else _under_way(live)
    if last.ended_at is None:
        return _under_way(live)
    return RunOutcome.REFUSED if last.refused else RunOutcome.UNKNOWN


def _under_way(live: PendingCall | None) -> RunOutcome:
    return RunOutcome.RETRYING if live is not None and live.attempt > 1 else RunOutcome.RUNNING


def _skipped(story: Story) -> Iterator[StepRun]:
    for step in story.skipped:
        # When the next step began, there had been nothing to do for this one.
        at = min(call.started_at for call in story.calls if _is_behind(call, step))
        yield StepRun(
            step=step.step,
            lane=Lane.FORWARD,
            activity=step.activity,
            started_at=at,
            ended_at=at,
            attempts=0,
            outcome=RunOutcome.SKIPPED,
            last_error=None,
        )


def _is_behind(call: Call, step: AnyStep) -> bool:
    other, lane = CALLS[call.operation]
    return lane is Lane.FORWARD and _STEPS.index(other) > _STEPS.index(step)


_STEPS = [step for step, lane in CALLS.values() if lane is Lane.FORWARD]
