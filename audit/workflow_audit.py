"""The half of the audit that goes from workflows to records, and looks for workflows that stand."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from sqlalchemy import Row
from temporalio.client import (
    WorkflowExecution,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
)
from temporalio.common import SearchAttributeKey

from audit.facts import Workflow
from audit.patience import Patience
from audit.report import Finding, Tally
from audit.stores import OrderReader
from audit.temporal import TRACKER, OrderWorkflows, order_id
from audit.workflow_rules import WORKFLOW_RULES, Chain, WorkflowFacts
from client.observation import waiting_tasks
from models.saga import SagaStatus
from models.steps import Service

_NEEDS_OPERATOR = SearchAttributeKey.for_bool("NeedsOperator")
_ORDER_STATUS = SearchAttributeKey.for_keyword("OrderStatus")
_PAGE = 500
_ENDED = (WorkflowExecutionStatus.COMPLETED, WorkflowExecutionStatus.FAILED)


class WorkflowAudit:
    """Compares every workflow that Temporal keeps with its record.

    A page of ended workflows costs one look-up of records. Only what does not fit at first
    sight, and what has been running for long, is described one by one.
    """

    def __init__(
        self, reader: OrderReader, workflows: OrderWorkflows, patience: Patience, tally: Tally
    ) -> None:
        self._reader = reader
        self._workflows = workflows
        self._patience = patience
        self._tally = tally
        self._unnotified: dict[str, str] = {}
        """Orders, and the reaction that owed each a notification and was cut short."""

    async def run(self) -> None:
        """Look at every workflow; raises `RPCError` and `StoreError`."""
        self._unnotified = await self._workflows.cut_short_notifications()
        async for page in self._workflows.pages(_PAGE):
            self._tally.workflows += len(page)
            suspects = await self._suspects(page)
            first = await self._findings(suspects)
            if not first:
                continue
            await asyncio.sleep(self._patience.settle.total_seconds())
            second = await self._findings({finding.order_id or "" for finding in first})
            stays = {_identity(finding) for finding in first}
            for finding in second:
                if _identity(finding) in stays:
                    self._tally.found(finding)

    async def _suspects(self, page: Sequence[WorkflowExecution]) -> set[str]:
        """The orders whose workflow does not fit its record, as visibility has it, or is slow."""
        records = await self._reader.records([order_id(execution.id) for execution in page])
        long_ago = datetime.now(UTC) - self._patience.slow
        return {
            order_id(execution.id)
            for execution in page
            if _is_slow(execution, long_ago)
            or order_id(execution.id) in self._unnotified
            or (execution.status in _ENDED and not _fits(execution, records))
        }

    async def _findings(self, order_ids: Iterable[str]) -> list[Finding]:
        suspects = sorted(order_ids)
        records = await self._reader.records(suspects)
        polled: dict[tuple[str, int], bool] = {}
        described = await asyncio.gather(
            *(self._facts(suspect, records.get(suspect), polled) for suspect in suspects)
        )
        return [
            finding
            for facts in described
            if facts is not None
            for rule in WORKFLOW_RULES
            if (finding := rule.finding(facts)) is not None
        ]

    async def _facts(
        self, suspect: str, record: Row[tuple[str, ...]] | None, polled: dict[tuple[str, int], bool]
    ) -> WorkflowFacts | None:
        description = await self._workflows.describe(suspect)
        if description is None:
            return None  # Forgotten since it was listed.
        if description.status is not WorkflowExecutionStatus.RUNNING:
            return WorkflowFacts(
                suspect,
                await self._workflows.ended(description),
                record,
                chain=await self._rest(suspect, description),
            )
        reactions = await self._workflows.reactions(description)
        under_way = [description, *(each for each in reactions if _runs(each))]
        tasks = [each.raw_description.pending_workflow_task for each in under_way]
        worst = max(tasks, key=lambda task: task.attempt)
        return WorkflowFacts(
            suspect,
            Workflow("RUNNING"),
            record,
            task_attempt=worst.attempt,
            failing_since=worst.original_scheduled_time.ToDatetime(UTC),
            unattended=await self._unattended(under_way, polled),
            chain=_chain(description, reactions),
        )

    async def _rest(self, suspect: str, tracker: WorkflowExecutionDescription) -> Chain | None:
        """What goes on when the tracker has ended: at most the notification."""
        reaction = self._unnotified.get(suspect)
        if tracker.status not in _ENDED or reaction is None:
            return None
        if not await self._workflows.is_cut_short(reaction):
            return None
        return Chain(under_way=0, cut_short=(reaction,), unheard=(), heard=tracker.history_length)

    async def _unattended(
        self,
        descriptions: Sequence[WorkflowExecutionDescription],
        polled: dict[tuple[str, int], bool],
    ) -> tuple[str, ...]:
        queues = set()
        for task in (task for each in descriptions for task in waiting_tasks(each)):
            queue = (task.task_queue, task.type)
            if queue not in polled:
                polled[queue] = await self._workflows.polled_since(*queue, self._patience.poll)
            if not polled[queue]:
                queues.add(task.task_queue)
        return tuple(sorted(queues))


def _runs(execution: WorkflowExecution) -> bool:
    return execution.status is WorkflowExecutionStatus.RUNNING


def _chain(
    tracker: WorkflowExecutionDescription, reactions: Sequence[WorkflowExecutionDescription]
) -> Chain | None:
    if tracker.workflow_type != TRACKER:
        return None
    return Chain(
        under_way=sum(map(_runs, reactions)),
        cut_short=tuple(
            each.id
            for each in reactions
            if not _runs(each) and each.status is not WorkflowExecutionStatus.COMPLETED
        ),
        unheard=_unheard(reactions),
        heard=tracker.history_length,
    )


def _unheard(reactions: Sequence[WorkflowExecutionDescription]) -> tuple[str, ...]:
    """The undos whose event's closing reaction waits for one though none of them runs.

    One that is parked, or whose call is under way, has heard of all.
    """
    undos: list[str] = []
    for closing in reactions:
        event, _, service = closing.id.rpartition("/")
        others = [
            each for each in reactions if each.id.startswith(f"{event}/") and each is not closing
        ]
        waits = (
            service == Service.ORDERS
            and _runs(closing)
            and not closing.typed_search_attributes.get(_NEEDS_OPERATOR)
            and not closing.raw_description.pending_activities
        )
        if waits and not any(map(_runs, others)):
            undos += [each.id for each in others if each.status in _ENDED[:1]]
    return tuple(sorted(undos))


def _is_slow(execution: WorkflowExecution, long_ago: datetime) -> bool:
    return _runs(execution) and execution.start_time < long_ago


def _fits(execution: WorkflowExecution, records: dict[str, Row[tuple[str, ...]]]) -> bool:
    record = records.get(order_id(execution.id))
    if record is None:
        return False
    if record.status == SagaStatus.STARTED:
        return True  # The other half of the audit asks about open records.
    return bool(record.status == execution.typed_search_attributes.get(_ORDER_STATUS))


def _identity(finding: Finding) -> tuple[object, ...]:
    """What makes two looks' findings the same one; the count of attempts goes on growing."""
    figures = {key: value for key, value in finding.figures.items() if key != "attempts"}
    return (finding.rule, finding.order_id, *sorted(figures.items()))
