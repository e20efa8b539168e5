"""What an audit says: its findings, what was accepted by name, and how much was looked at."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from time import monotonic

from models.contract import Contract
from models.steps import Service

MOST_LISTED = 1000
"""Findings and accepted undos that a report lists; all are counted."""

Figure = int | str | None


class Finding(Contract):
    """One rule that something breaks."""

    rule: str
    service: Service
    order_id: str | None
    """None for what belongs to no single order, such as a product's balance."""
    says: str
    """What the rule demands."""
    figures: dict[str, Figure]
    """What was found; amounts of money in minor units."""


class AcceptedUndo(Contract):
    """An undo that a named person did by hand (`resolve`) or gave up (`abandon`)."""

    order_id: str
    step: str
    action: str
    actor: str
    reason: str
    at: datetime


class AuditReport(Contract):
    """The result of one audit. `model_dump_json()` is its form for programs."""

    started_at: datetime
    seconds: float
    orders: dict[str, int]
    """Orders looked at, by their record's status; UNRECORDED are those that only others know."""
    temporal_asked: bool
    workflows: int
    """Workflows that were compared with their records."""
    open_interventions: int | None
    """Orders that wait for a person; None if Temporal was not asked."""
    fenced_late_calls: int
    """Calls that came after their own undo and were refused."""
    finding_count: int
    findings_by_rule: dict[str, int]
    findings: tuple[Finding, ...]
    """At most `MOST_LISTED`, in the order in which they were found."""
    accepted_count: int
    accepted: tuple[AcceptedUndo, ...]
    """At most `MOST_LISTED`."""

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return self.finding_count == 0


class Tally:
    """Adds up a report while the audit runs, in memory that does not grow with the orders."""

    def __init__(self) -> None:
        self.orders: Counter[str] = Counter()
        self.workflows = 0
        self.fenced_late_calls = 0
        self._started_at, self._began = datetime.now(UTC), monotonic()
        self._findings_by_rule: Counter[str] = Counter()
        self._findings: list[Finding] = []
        self._accepted_count = 0
        self._accepted: list[AcceptedUndo] = []

    def found(self, finding: Finding) -> None:
        """Count a finding, and list it while there is room."""
        self._findings_by_rule[finding.rule] += 1
        if len(self._findings) < MOST_LISTED:
            self._findings.append(finding)

    def accepted(self, undo: AcceptedUndo) -> None:
        """Count an accepted undo, and list it while there is room."""
        self._accepted_count += 1
        if len(self._accepted) < MOST_LISTED:
            self._accepted.append(undo)

    def report(self, *, temporal_asked: bool, open_interventions: int | None) -> AuditReport:
        """Everything counted so far."""
        return AuditReport(
            started_at=self._started_at,
            seconds=round(monotonic() - self._began, 3),
            orders=_sorted(self.orders),
            temporal_asked=temporal_asked,
            workflows=self.workflows,
            open_interventions=open_interventions,
            fenced_late_calls=self.fenced_late_calls,
            finding_count=self._findings_by_rule.total(),
            findings_by_rule=_sorted(self._findings_by_rule),
            findings=tuple(self._findings),
            accepted_count=self._accepted_count,
            accepted=tuple(self._accepted),
        )


def _sorted(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items()))
