"""What the board shows of orders: rows of the list, one order's details, and figures over many."""

import unicodedata
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field

from models.contract import Contract
from models.saga import SagaKind, SagaState, SagaStatus
from models.steps import Step

_CONTROL = ("Cc", "Cs", "Zl", "Zp")


def _on_one_line(text: str) -> str:
    """Temporal's query language has no way to write a control character, so that it takes one for
    a fault of its own and lets the query be tried again."""
    if any(unicodedata.category(character) in _CONTROL for character in text):
        raise ValueError("must not hold control characters")
    return text


Sought = Annotated[str, Field(max_length=100), AfterValidator(_on_one_line)]
"""A text to look for, as it may stand in a query."""


class OrderFilter(Contract):
    """Which orders to list; None lets every order through."""

    status: SagaStatus | None = None
    order_id: Sought | None = None
    """The beginning of the order's id."""
    customer_id: Sought | None = None
    """The customer's whole id."""
    step: Sought | None = None
    """`current_step`: the step or the undo that runs. Ended orders have none."""
    needs_operator: bool | None = None
    kind: SagaKind | None = None


class OrderRow(Contract):
    """One order in the list, read without asking a worker."""

    order_id: str
    saga_id: str
    kind: SagaKind
    customer_id: str
    status: SagaStatus
    current_step: str
    progress: int
    """Percent of the steps that are executed or skipped; 100 when COMPLETED."""
    attempt: int | None
    """Of the call under way; None when no call is."""
    retrying_since: datetime | None
    """When the call under way was made for the first time, once that has failed."""
    next_attempt_at: datetime | None
    """None while an attempt runs or waits for a worker."""
    last_error: str | None
    """Of the attempt before."""
    needs_operator: bool
    held: bool
    """No new step starts until somebody resumes the order."""
    currency: str
    total_amount: str
    amount_charged: str
    error_code: str | None
    created_at: datetime
    updated_at: datetime
    """The last sign of life that is known."""
    ended_at: datetime | None


class OrderPage(Contract):
    """A part of the list, newest first."""

    orders: tuple[OrderRow, ...]
    """May be fewer than were asked for although others follow."""
    next_cursor: str | None
    """Where the list goes on; None at its end."""


class Lane(StrEnum):
    """Which way a call goes."""

    FORWARD = "forward"
    UNDO = "undo"


class RunOutcome(StrEnum):
    """How far a step or an undo has come."""

    RUNNING = "running"
    RETRYING = "retrying"
    DONE = "done"
    REFUSED = "refused"
    """The service said no and vouches that there is no effect."""
    UNKNOWN = "unknown"
    """Retries spent or interrupted: it is undone as if it had happened."""
    SKIPPED = "skipped"
    """There was nothing to do."""
    WAITS = "waits for a person"
    RESOLVED = "resolved"
    """A person did it by hand."""
    ABANDONED = "abandoned"
    """A person gave it up and accepted the loss."""


class StepRun(Contract):
    """One step's way forward, or its undo, with all its attempts."""

    step: Step
    lane: Lane
    activity: str
    """The operation of the service."""
    started_at: datetime
    ended_at: datetime | None
    """None while it is not over."""
    attempts: int
    """Begun so far; 0 for a skipped step."""
    outcome: RunOutcome
    last_error: str | None


class OrderDetails(Contract):
    """One order as its page shows it."""

    state: SagaState
    timeline: tuple[StepRun, ...]
    """By start; empty when Temporal has forgotten the workflow."""
    workflow_url: str | None
    """The workflow in Temporal's Web UI, where that is known."""
    complete: bool = True
    """False when no worker told the state: what only a worker knows (held, warnings,
    interventions, ids of transactions) is missing from it."""


class Range(StrEnum):
    """How far figures reach back."""

    HOUR = "1h"
    DAY = "24h"
    WEEK = "7d"

    @property
    def length(self) -> timedelta:
        """From `since` to `until`."""
        return _LENGTHS[self]

    @property
    def bucket(self) -> timedelta:
        """The part of the range that one point of a line stands for."""
        return _BUCKETS[self]

    @property
    def points(self) -> int:
        """How many of them the range holds."""
        return self.length // self.bucket


_LENGTHS = {
    Range.HOUR: timedelta(hours=1),
    Range.DAY: timedelta(days=1),
    Range.WEEK: timedelta(days=7),
}
_BUCKETS = {
    Range.HOUR: timedelta(minutes=2),
    Range.DAY: timedelta(minutes=30),
    Range.WEEK: timedelta(hours=4),
}


class Bucket(Contract):
    """The orders that ended from `start` to before the next bucket.

    Buckets begin by the clock (every 2 min, 30 min or 4 h); the first one begins with the range,
    and the last one is still under way.
    """

    start: datetime
    completed: int = 0
    compensated: int = 0
    failed: int = 0


class Figures(Contract):
    """Figures over the orders that ended in `since ≤ ended_at < until`, and over those under way.

    `total`, rates, times and buckets are exact, from the orders service's records.
    """

    range: Range
    since: datetime
    until: datetime
    total: int
    """All that ended in the range."""
    completed: int
    compensated: int
    failed: int
    success_rate: float | None
    """COMPLETED of all that ended, 0 to 1; None when none ended."""
    average_seconds: float | None
    """Mean of `completed_at - created_at` over COMPLETED; None when there is none."""
    throughput_per_hour: float
    buckets: tuple[Bucket, ...]
    """Gapless, oldest first."""
    open: int | None
    """Under way at this moment, by Temporal's list, which lags a little; None when Temporal
    does not answer."""
    open_by_status: dict[SagaStatus, int]
    """The same by STARTED, IN_PROGRESS and COMPENSATING; empty when Temporal does not answer."""
    needs_person: int | None
    """Orders under way that wait for a person; None when Temporal does not answer."""
    parked_notifications: int | None
    """Of choreographed orders, which completed all the same; None when Temporal does not answer."""


class Totals(Contract):
    """Counts over all orders that ever were."""

    completed: int
    compensated: int
    failed: int
    completed_seconds: float
    """From creation to end, summed over those that completed."""
    open_by_status: dict[SagaStatus, int]
    """Under way, by STARTED, IN_PROGRESS and COMPENSATING; empty when Temporal does not answer."""
    needs_person: int | None
    """Orders under way that wait for a person; None when Temporal does not answer."""
    oldest_intervention: datetime | None
    """Since when the first of them has waited."""
    undelivered_events: int
    """`OrderCompleted` and `OrderFailed` that no other system has been told of."""
    oldest_undelivered_event: datetime | None
