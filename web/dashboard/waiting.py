"""All that waits for a person: interventions of orders, and parked reactions that no order has."""

import asyncio
from dataclasses import dataclass, replace

from temporalio.client import Client

from client.dead_letters import open_dead_letters
from client.interventions import OpenIntervention, open_interventions
from client.sagas import Sagas
from client.views import Figures
from models.events import DeadLetter
from models.steps import SEND_NOTIFICATION
from runtime.program import CommandError
from web.dashboard.live import Snapshot
from web.problems import of_command

LETTERS_SECONDS = 4.0
"""Reactions are read from the workers of all services. One that is away keeps nobody from the
rest."""
WORKER_SECONDS = 1.5
"""For each of them to answer; of what is parked there, Temporal's list tells."""


@dataclass(frozen=True)
class WaitingCase:
    """One call that waits for a person."""

    case: OpenIntervention
    order_ended: bool
    """Whether the order has ended, and so does not wait for it."""


@dataclass(frozen=True)
class Waiting:
    """Every such call, the longest waiting first."""

    cases: tuple[WaitingCase, ...]
    untold: str | None = None
    """The code of why parked reactions could not be read, if so: some may be missing."""


async def read_waiting(sagas: Sagas) -> Waiting:
    """What waits now. Raises `CommandError` when the orders' interventions cannot be read."""
    found, (letters, untold) = await asyncio.gather(
        open_interventions(sagas), _letters(sagas.client)
    )
    known = {letter.reaction_id: letter for letter in letters}
    cases = [_case(each, known.pop(each.dead_letter or "", None)) for each in found]
    cases += [_letter_alone(letter) for letter in known.values()]
    return Waiting(tuple(sorted(cases, key=lambda each: each.case.since)), untold)


def people_needed(figures: Figures) -> int | None:
    """How many orders have something that waits for a person; None when nobody can tell."""
    if figures.needs_person is None or figures.parked_notifications is None:
        return None
    return figures.needs_person + figures.parked_notifications


def with_temporals_part(snapshot: Snapshot[Figures]) -> Snapshot[Figures]:
    """As it is, but a problem also where the records told their figures and Temporal none."""
    figures = snapshot.value
    if snapshot.problem is not None or figures is None or people_needed(figures) is not None:
        return snapshot
    return replace(snapshot, problem="NOT_REACHABLE", read_at=None)


async def _letters(client: Client) -> tuple[list[DeadLetter], str | None]:
    """Those that are parked, or the code of why they could not be read."""
    try:
        async with asyncio.timeout(LETTERS_SECONDS):
            return await open_dead_letters(client, patience=WORKER_SECONDS), None
    except TimeoutError:
        return [], "NO_WORKER"
    except CommandError as error:
        return [], of_command(error).problem.code


def _case(case: OpenIntervention, letter: DeadLetter | None) -> WaitingCase:
    if letter is not None:
        case = case.model_copy(update={"machine_tries": letter.being_tried})
    return WaitingCase(case, order_ended=False)


def _letter_alone(letter: DeadLetter) -> WaitingCase:
    """One that its order does not tell of: it has ended, or will hear of it in a moment."""
    case = OpenIntervention(
        order_id=letter.order_id,
        saga_id=letter.saga_id,
        step=letter.step,
        compensation=letter.call,
        since=letter.since,
        attempts=letter.retry_count + 1,
        last_error=letter.last_error,
        next_attempt_at=None,
        machine_tries=letter.being_tried,
        alerted=letter.alerted,
        claimed_by=None,
        dead_letter=letter.reaction_id,
    )
    return WaitingCase(case, order_ended=letter.step is SEND_NOTIFICATION.step)
