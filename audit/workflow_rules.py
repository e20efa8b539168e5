"""What must be true of an order's workflow: it ends as its record says, and never stands still."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from audit.facts import ACCEPTING, Workflow
from audit.report import Finding
from audit.rules.rule import Figures, Rule
from models.saga import SagaStatus
from models.steps import ErrorCode, Service, Step


@dataclass(frozen=True)
class Chain:
    """The reactions to the events of a choreographed order.

    Once its tracker has ended, of the notification alone, and only if that was cut short.
    """

    under_way: int
    cut_short: tuple[str, ...]
    """Those that ended without publishing what they owe: terminated, for example."""
    unheard: tuple[str, ...]
    """Undos that have ended while the reaction that closes the order still waits for one: it was
    reset without what it had been told."""
    heard: int
    """Length of the tracker's history: it grows with each event, so it tells a chain that moves."""


@dataclass(frozen=True)
class WorkflowFacts:
    """One order's workflow beside its record."""

    order_id: str
    workflow: Workflow
    record: Row[Any] | None
    """Status and kind."""
    task_attempt: int = 1
    """Of the workflow task that is pending; above 1 after a failure."""
    failing_since: datetime | None = None
    unattended: tuple[str, ...] = ()
    """The queues that nobody polls though a task of this order lies there."""
    chain: Chain | None = None
    """None if the order is orchestrated, or its tracker has ended and nothing is owed."""

    @property
    def state(self) -> Mapping[str, Any]:
        """What the workflow ended with; empty while it runs or if it was cut short."""
        return self.workflow.state or {}


Check = Callable[[WorkflowFacts], Figures | None]


@dataclass(frozen=True)
class WorkflowRule(Rule):
    """Something that must be so for every order's workflow."""

    check: Check

    def finding(self, facts: WorkflowFacts) -> Finding | None:
        """What is wrong with the workflow."""
        figures = self.check(facts)
        return None if figures is None else self.violated(facts.order_id, figures)


def _workflow_rule(check: Check) -> WorkflowRule:
    return WorkflowRule(check.__name__, Service.ORDERS, check.__doc__ or "", check)


@_workflow_rule
def result_equals_the_record(facts: WorkflowFacts) -> Figures | None:
    """The status that a workflow ended with is the one in the order's record.

    To do: what the services hold tells which is true; the other rules name what does not fit it.
    """
    record, status = facts.record, facts.state.get("status")
    if status is None or record is None or _another_orders(facts):
        return None
    if _closing_accepted(facts.state):
        return None  # It may have been closed all the same, and its reply lost.
    if record.status in (status, SagaStatus.STARTED):
        return None  # An open record is `open_order_has_a_running_workflow`'s.
    return {"workflow": status, "record": record.status}


@_workflow_rule
def result_is_recorded(facts: WorkflowFacts) -> Figures | None:
    """An order whose workflow has ended has a record, unless it was refused before it was opened.

    To do: restore the orders store from its backup. Temporal has the order's state.
    """
    state = facts.state
    if not state or facts.record is not None or _closing_accepted(state):
        return None
    if Step.ORDER_CREATED not in {*state["executed_steps"], *state["compensated_steps"]}:
        return None
    return {"workflow": state["status"], "record": "missing"}


@_workflow_rule
def workflow_task_succeeds(facts: WorkflowFacts) -> Figures | None:
    """No running workflow has a workflow task that fails again and again.

    To do: the workflow's history in the Web UI has the error. It is a bug, or a worker of
    another version: deploy the code that fits, and the order goes on.
    """
    if not facts.workflow.running or facts.task_attempt <= 1:
        return None
    since = facts.failing_since.isoformat() if facts.failing_since is not None else None
    return {"attempts": facts.task_attempt, "since": since}


@_workflow_rule
def queue_is_polled(facts: WorkflowFacts) -> Figures | None:
    """No task of a running workflow lies in a queue that no worker polls.

    To do: start a worker for the queue: `python worker.py --only SERVICE`.
    """
    if not facts.workflow.running or not facts.unattended:
        return None
    return {"queues": ", ".join(facts.unattended)}


@_workflow_rule
def events_go_on(facts: WorkflowFacts) -> Figures | None:
    """While a choreographed order has not ended, a reaction runs, and none is cut short or unheard.

    When it has, the reaction that owes it a notification is not cut short.

    To do: reset each reaction that is named as cut short or unheard to its first task in Temporal,
    those cut short first; it reacts again, its call answers as it did, and what it publishes goes
    on from there.
    """
    chain = facts.chain
    if chain is None or (chain.under_way and not chain.cut_short and not chain.unheard):
        return None
    return {
        "under_way": chain.under_way,
        "cut_short": ", ".join(chain.cut_short) or "none",
        "unheard": ", ".join(chain.unheard) or "none",
        "tracker_events": chain.heard,
    }


WORKFLOW_RULES = (
    result_equals_the_record,
    result_is_recorded,
    workflow_task_succeeds,
    queue_is_polled,
    events_go_on,
)


def _another_orders(facts: WorkflowFacts) -> bool:
    """Whether the id belongs to another order, which this workflow was refused for."""
    other_kind = facts.record is not None and facts.record.kind != facts.state.get("kind")
    return other_kind or facts.state.get("error_code") == ErrorCode.ORDER_REJECTED


def _closing_accepted(state: Mapping[str, Any]) -> bool:
    """Whether a person gave up, or did by hand, what would have closed the record."""
    return any(
        each["action"] in ACCEPTING and each["step"] == Step.ORDER_CREATED
        for each in state.get("resolutions", ())
    )
