"""What the command line prints for people: steps as they happen, tables, links.

Lines are only ever added, so that it reads the same on a terminal, in a file and in a log.
"""

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from client.effects import effects, seconds_taken
from client.interventions import OpenIntervention
from client.observation import Observation, PendingCall
from models.events import DeadLetter
from models.saga import SagaKind, SagaState, SagaStatus
from models.steps import COMPENSATABLE, STEPS, Step
from runtime.printable import printable

FORWARD, UNDO, TROUBLE, QUIET = "green", "yellow", "red", "dim"
_WIDEST = 100

_STEP_OF = {step.activity: step.step for step in STEPS}
_UNDO_OF = {step.compensation.activity: step.step for step in COMPENSATABLE}
_STEP_REFUSED = {step.refused: step.step for step in COMPENSATABLE}
_STEP_FAILED = {step.failed: step.step for step in COMPENSATABLE}
_STYLES = {
    SagaStatus.COMPLETED: FORWARD,
    SagaStatus.COMPENSATED: UNDO,
    SagaStatus.COMPENSATING: UNDO,
    SagaStatus.FAILED: TROUBLE,
}

_WHAT_TO_RUN = """
When the cause is mended, have it tried at once:
  python starter.py retry ORDER STEP --by NAME --reason WHY
To take it from the machine, and then do it by hand or give it up:
  python starter.py claim ORDER STEP --by NAME --reason WHY
  python starter.py resolve ORDER STEP --by NAME --reason WHY
  python starter.py abandon ORDER STEP --by NAME --reason WHY"""

_WHAT_TO_DRIVE = """
When the cause is mended, have a dead letter tried again:
  python starter.py dead-letters --retry ID --by NAME --reason WHY"""


def standard_console() -> Console:
    """For what was asked for: on stdout, in colour only on a terminal that wants it."""
    return Console(file=sys.stdout, highlight=False, markup=False, emoji=False, soft_wrap=True)


class Storyteller:
    """Prints one saga's observations: steps in the left lane, their undo in the right one."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._told: SagaState | None = None
        self._attempts: set[tuple[str, int]] = set()

    def tell(self, observation: Observation) -> None:
        """Print what is new; at first, which order it is and what the lanes are."""
        state, told = observation.state, self._told
        if told is None:
            self._say(f"Order {state.order_id}", "bold")
            self._lanes("step", "forward", "undo", QUIET)
        for step in _new_steps(state, told):
            skipped = step in state.skipped_steps
            self._lanes(step, "skipped" if skipped else "done", "", QUIET if skipped else FORWARD)
        if state.error_code is not None and (told is None or told.error_code is None):
            self._stopped(state)
        for call in observation.pending:
            self._attempt(call)
        for step in state.compensated_steps[len(told.compensated_steps) if told else 0 :]:
            self._lanes(step, "", "undone", UNDO)
        self._people(state, told)
        self._told = state

    def ending(self, state: SagaState) -> None:
        """How it ended."""
        seconds = seconds_taken(state)
        after = "" if seconds is None else f" after {seconds:.2f} s"
        self._say(f"  {state.status}{after}", f"bold {_STYLES.get(state.status, '')}".strip())

    def _stopped(self, state: SagaState) -> None:
        code = state.error_code
        if code in _STEP_REFUSED:
            self._lanes(_STEP_REFUSED[code], "refused", "", TROUBLE)
        elif code in _STEP_FAILED:
            self._lanes(_STEP_FAILED[code], "not known", "", TROUBLE)
        self._say(f"    {code}: {printable(state.error_message or '')}", TROUBLE)

    def _attempt(self, call: PendingCall) -> None:
        if call.attempt < 2 or (call.operation, call.attempt) in self._attempts:
            return
        self._attempts.add((call.operation, call.attempt))
        text = f"attempt {call.attempt}"
        if call.operation in _UNDO_OF:
            self._lanes(_UNDO_OF[call.operation], "", text, TROUBLE)
        else:
            self._lanes(_STEP_OF.get(call.operation, call.operation), text, "", TROUBLE)
        self._say(f"    {printable(call.last_error or 'no answer')}", QUIET)

    def _people(self, state: SagaState, told: SagaState | None) -> None:
        known = [case.step for case in told.interventions] if told else []
        for case in state.interventions:
            if case.step not in known:
                self._lanes(case.step, "", "needs a person", TROUBLE)
        for done in state.resolutions[len(told.resolutions) if told else 0 :]:
            self._say(f"    {done.action} by {printable(f'{done.actor}: {done.reason}')}", QUIET)
        for warning in state.warnings[len(told.warnings) if told else 0 :]:
            self._say(f"    warning: {printable(warning)}", TROUBLE)

    def _lanes(self, step: str, forward: str, undo: str, style: str) -> None:
        self._say(f"  {step:<20} {forward:<12} {undo}".rstrip(), style)

    def _say(self, line: str, style: str) -> None:
        self._console.print(Text(line, style))


def print_comparison(console: Console, states: Mapping[str, SagaState]) -> None:
    """A table of what became of each order."""
    rows: dict[str, list[str]] = {}
    for state in states.values():
        seconds = seconds_taken(state)
        facts = {
            "order": state.order_id,
            "kind": "" if state.kind is SagaKind.ORCHESTRATED else state.kind.value,
            "status": state.status.value,
            "now": "" if state.current_step == state.status else state.current_step,
            **effects(state),
            "because": _because(state),
            **_people(state),
            "took": "" if seconds is None else f"{seconds:.2f} s",
        }
        for name, fact in facts.items():
            rows.setdefault(name, []).append(printable(fact))
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("")
    for name in states:
        table.add_column(name, overflow="fold", ratio=1)
    for name, facts_of in rows.items():
        if any(facts_of):
            table.add_row(name, *(Text(fact) for fact in facts_of))
    console.print(table, width=min(console.width, _WIDEST), soft_wrap=False)


def print_list(console: Console, states: Sequence[SagaState]) -> None:
    """One line for each saga."""
    if not states:
        console.print(Text("no orders", QUIET))
        return
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for name in ("order", "status", "amount", "created (UTC)"):
        table.add_column(name, overflow="fold", justify="right" if name == "amount" else "left")
    for state in states:
        lines = [state.status.value]
        if state.current_step != state.status:
            lines.append(state.current_step)
        if state.kind is not SagaKind.ORCHESTRATED:
            lines.append(state.kind.value)
        if not state.status.ended:
            lines += state.warnings
        table.add_row(
            Text(state.order_id),
            Text("\n".join(lines), _STYLES.get(state.status, "")),
            Text(f"{state.amount_charged} {state.currency}"),
            f"{state.created_at:%Y-%m-%d %H:%M:%S}",
        )
    console.print(table, soft_wrap=False)


def print_interventions(console: Console, cases: Sequence[OpenIntervention]) -> None:
    """What waits for a person, and what to run."""
    if not cases:
        console.print(Text("nothing needs a person", QUIET))
        return
    for case in cases:
        console.print(Text(f"{case.order_id} {case.step}", f"bold {TROUBLE}"))
        for fact in (
            f"{case.compensation} fails since {_time(case.since)}, attempts: {case.attempts}",
            printable(case.last_error),
            _who(case),
        ):
            console.print(Text(f"    {fact}"))
    if not all(case.dead_letter for case in cases):
        console.print(Text(_WHAT_TO_RUN, QUIET))
    if any(case.dead_letter for case in cases):
        console.print(Text(_WHAT_TO_DRIVE, QUIET))


def print_dead_letters(console: Console, letters: Sequence[DeadLetter]) -> None:
    """What is parked, and what to run."""
    if not letters:
        console.print(Text("no dead letters", QUIET))
        return
    for letter in letters:
        console.print(Text(letter.reaction_id, f"bold {TROUBLE}"))
        tried = "; it is being tried now" if letter.being_tried else ""
        what = (
            f"{letter.call} failed, parked since {_time(letter.since)}, "
            f"retries: {letter.retry_count}{tried}"
            if letter.answered
            else f"{letter.call} failed, begun at {_time(letter.since)}"
        )
        for fact in (
            what,
            printable(letter.last_error),
        ):
            console.print(Text(f"    {fact}"))
    console.print(Text(_WHAT_TO_DRIVE, QUIET))


def _who(case: OpenIntervention) -> str:
    if case.dead_letter is not None:
        return f"parked as {case.dead_letter}: the machine does not try it again"
    if case.claimed_by is not None:
        return f"claimed by {printable(case.claimed_by)}"
    if not case.machine_tries:
        return "not claimed; the service has refused, so the machine does not try it again"
    if case.next_attempt_at is None:
        return "not claimed; the machine is trying it now"
    return f"not claimed; the machine tries it again at {_time(case.next_attempt_at)}"


def _new_steps(state: SagaState, told: SagaState | None) -> list[Step]:
    before = {*told.executed_steps, *told.skipped_steps} if told else set()
    now = {*state.executed_steps, *state.skipped_steps} - before
    return [step.step for step in STEPS if step.step in now]


def _people(state: SagaState) -> dict[str, str]:
    """Who has to do something, who did something, and what went wrong on the way."""
    held = state.held
    return {
        "held": f"since {_time(held.since)} by {held.by}: {held.reason}" if held else "",
        "needs a person": "; ".join(
            f"{case.step} ({case.compensation}) since {_time(case.since)}, "
            f"{f'claimed by {case.claimed_by}' if case.claimed_by else 'not claimed'}: "
            f"{case.last_error}"
            for case in state.interventions
        ),
        "actions": "; ".join(
            f"{done.action}{f' {done.step}' if done.step else ''} by {done.actor}: {done.reason}"
            for done in state.resolutions
        ),
        "warnings": "; ".join(state.warnings),
    }


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _because(state: SagaState) -> str:
    return "" if state.error_code is None else f"{state.error_code}: {state.error_message}"
