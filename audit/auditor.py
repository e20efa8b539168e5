"""The audit: every rule, over every order, in the six stores and in Temporal."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence

from sqlalchemy import Table
from temporalio.client import Client

from audit.balances import BALANCE_RULES
from audit.facts import OrderFacts, Outcome
from audit.patience import Patience
from audit.report import AuditReport, Finding, Tally
from audit.rules import ORDER_RULES
from audit.rules.rule import Rule
from audit.stores import RECORDS, SOURCES, OrderReader, Stores
from audit.temporal import OrderWorkflows
from audit.workflow_audit import WorkflowAudit
from audit.workflow_rules import WORKFLOW_RULES
from models.saga import SagaStatus

RULES: tuple[Rule, ...] = (*ORDER_RULES, *BALANCE_RULES, *WORKFLOW_RULES)
"""Every rule of the audit."""

_BATCH = 1000
_IDS_AT_ONCE = 2000
_LOOKS = 3

Progress = Callable[[int, int], None]
"""Called with how many orders have been looked at, and how many there are about."""


async def audit(
    stores: Stores,
    client: Client | None,
    *,
    on_progress: Progress | None = None,
    patience: Patience | None = None,
) -> AuditReport:
    """Check every rule; changes nothing.

    Without a client Temporal is not asked: effects without a saga and workflows that stand still
    go unseen, and the report says so. Raises `StoreError` (`StoreUnavailable` if a store cannot
    be reached at all) and `RPCError`: an audit that could not look at everything has no result.
    Its memory does not grow with the number of orders.
    """
    return await _Audit(stores, client, patience or Patience(), on_progress).run()


class _Audit:
    """One audit. Orders are looked at in batches; those that break a rule, once more later."""

    def __init__(
        self,
        stores: Stores,
        client: Client | None,
        patience: Patience,
        on_progress: Progress | None,
    ) -> None:
        self._stores = stores
        self._reader = OrderReader(stores)
        self._workflows = OrderWorkflows(client) if client is not None else None
        self._patience = patience
        self._on_progress = on_progress
        self._tally = Tally()
        self._rows_read: Counter[Table] = Counter()
        """Of orders with a record, by table."""

    async def run(self) -> AuditReport:
        await self._reader.check_reachable()
        await self._check_recorded_orders()
        await self._check_unrecorded_orders()
        await self._check_balances()
        waiting = None
        if self._workflows is not None:
            await WorkflowAudit(self._reader, self._workflows, self._patience, self._tally).run()
            waiting = await self._workflows.count_needing_operator()
        return self._tally.report(
            temporal_asked=self._workflows is not None, open_interventions=waiting
        )

    async def _check_recorded_orders(self) -> None:
        total, done = await self._reader.count(RECORDS), 0
        async for order_ids in self._reader.recorded(_BATCH):
            await self._check(await self._look(order_ids, self._rows_read))
            done += len(order_ids)
            if self._on_progress is not None:
                self._on_progress(done, max(done, total))

    async def _check_unrecorded_orders(self) -> None:
        """Orders that other tables know and no record does.

        There are none in a table of which every row has been read with its order's record:
        nothing is ever deleted, so what came since can only make it longer.
        """
        for place, source in enumerate(SOURCES):
            if await self._reader.count(source) == self._rows_read[source.table]:
                continue
            async for order_ids in self._reader.unrecorded(source, _IDS_AT_ONCE):
                orders = await self._look(order_ids)
                earlier = SOURCES[:place]
                await self._check(
                    [order for order in orders if not any(each.knows(order) for each in earlier)]
                )

    async def _check_balances(self) -> None:
        for rule in BALANCE_RULES:
            async for finding in rule.findings(self._stores[rule.service], _BATCH):
                self._tally.found(finding)

    async def _check(self, orders: Sequence[OrderFacts]) -> None:
        for order in orders:
            self._count(order)
        for finding in await self._lasting(_findings(orders)):
            self._tally.found(finding)

    async def _lasting(self, found: list[Finding]) -> list[Finding]:
        """What two looks in a row find; an order under way may look wrong in one of them."""
        for _ in range(_LOOKS):
            if not found:
                return []
            before = {(finding.rule, finding.order_id) for finding in found}
            found = await self._look_again(found)
            if all((finding.rule, finding.order_id) in before for finding in found):
                return found
        return [finding for finding in found if (finding.rule, finding.order_id) in before]

    async def _look(
        self, order_ids: Sequence[str], rows_read: Counter[Table] | None = None
    ) -> list[OrderFacts]:
        orders = await self._reader.facts(order_ids, rows_read)
        await self._ask_temporal([order for order in orders if _may_be_alone(order)])
        return orders

    async def _look_again(self, found: Sequence[Finding]) -> list[Finding]:
        """What is still wrong a moment later. The state of each order's workflow is asked too."""
        await asyncio.sleep(self._patience.settle.total_seconds())
        suspects = list(dict.fromkeys(str(finding.order_id) for finding in found))
        orders = await self._reader.facts(suspects)
        await self._ask_temporal(orders)
        return _findings(orders)

    async def _ask_temporal(self, orders: Sequence[OrderFacts]) -> None:
        if self._workflows is None or not orders:
            return
        workflows = await self._workflows.of([order.order_id for order in orders])
        for order in orders:
            order.workflow = workflows[order.order_id]

    def _count(self, order: OrderFacts) -> None:
        status = order.record.status if order.record is not None else Outcome.UNRECORDED.name
        self._tally.orders[status] += 1
        self._tally.fenced_late_calls += sum(guard.fenced_calls for guard in order.guards.values())
        for undo in order.accepted_undos():
            self._tally.accepted(undo)


def _findings(orders: Sequence[OrderFacts]) -> list[Finding]:
    return [
        finding
        for order in orders
        for rule in ORDER_RULES
        if (finding := rule.finding(order)) is not None
    ]


def _may_be_alone(order: OrderFacts) -> bool:
    """Whether the order needs a running workflow."""
    return order.record is None or order.record.status == SagaStatus.STARTED
