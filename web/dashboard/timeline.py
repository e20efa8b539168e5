"""The steps of one order over time: the way forward and, in a lane of its own, the way back."""

from collections.abc import Sequence
from datetime import UTC, datetime

from nicegui import ui

from client.views import Lane, RunOutcome, StepRun
from models.steps import COMPENSATABLE, STEPS
from web.dashboard.parts import Moment, Text, box, duration
from web.dashboard.texts import Texts

_ICONS = {
    RunOutcome.RUNNING: "timelapse",
    RunOutcome.RETRYING: "sync",
    RunOutcome.DONE: "check_circle",
    RunOutcome.REFUSED: "block",
    RunOutcome.UNKNOWN: "help_outline",
    RunOutcome.SKIPPED: "remove_circle_outline",
    RunOutcome.WAITS: "front_hand",
    RunOutcome.RESOLVED: "how_to_reg",
    RunOutcome.ABANDONED: "report",
}
_SHORTEST_BAR = 1.2
"""Percent of the width, so that a call of a few milliseconds is still seen."""
_ORDER = [step.step for step in STEPS]
_SERVICES = {
    **{step.activity: step.service for step in STEPS},
    **{step.compensation.activity: step.service for step in COMPENSATABLE},
}


def build_timeline(words: Texts, runs: Sequence[StepRun]) -> None:
    """Both lanes on one axis of time."""
    if not runs:
        return
    now = datetime.now(UTC)
    begin = min(run.started_at for run in runs)
    end = max(run.ended_at or now for run in runs)
    for lane in Lane:
        of_lane = sorted((run for run in runs if run.lane is lane), key=_place_in_lane)
        if of_lane:
            Text("h3", words(f"order.{lane}"), f"lane-title {lane}")
            with box("ol", f"lane {lane}"):
                for run in of_lane:
                    _build_run(words, run, begin, end, now)


def _place_in_lane(run: StepRun) -> tuple[int, datetime]:
    """Forward in the order of the steps, where skipped ones have no time; back by start."""
    return (_ORDER.index(run.step) if run.lane is Lane.FORWARD else 0), run.started_at


def _build_run(words: Texts, run: StepRun, begin: datetime, end: datetime, now: datetime) -> None:
    outcome = run.outcome
    with box("li", f"run {outcome.name}"):
        ui.icon(_ICONS[outcome])
        with box("div", "what"):
            section = "step" if run.lane is Lane.FORWARD else "undo"
            Text("span", words.named(section, run.step), "name").props["title"] = run.step
            Text("span", f"{_SERVICES.get(run.activity, '')} · {run.activity}", "soft mono code")
        with box("div", "track"):
            left, width = _place(run, begin, end, now)
            box("span", "span").style(f"left: {left:.2f}%; width: {width:.2f}%")
        with box("div", "numbers"):
            length = None if run.ended_at is None else (run.ended_at - run.started_at)
            skipped = outcome is RunOutcome.SKIPPED
            if length is not None and not skipped:
                Text("span", duration(words, length.total_seconds()), "length")
            Text("span", words.named("outcome", outcome.name), "outcome")
            if run.attempts > 1:
                Text("span", words("order.attempts", count=run.attempts), "attempts")
        with box("div", "when soft small"):
            Moment(run.started_at)
        if run.last_error:
            Text("p", run.last_error, "error wrap small")


def _place(run: StepRun, begin: datetime, end: datetime, now: datetime) -> tuple[float, float]:
    """Where the bar of a run begins, and how wide it is, in percent."""
    whole = max((end - begin).total_seconds(), 0.001)
    left = 100 * (run.started_at - begin).total_seconds() / whole
    width = 100 * ((run.ended_at or now) - run.started_at).total_seconds() / whole
    width = min(max(width, _SHORTEST_BAR), 100.0)
    return min(left, 100 - width), width
