"""The list of orders, ended and under way, newest first and page by page."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from temporalio.client import Client, WorkflowExecution

from client.cursor import encoded
from client.live import LiveOrders
from client.records import Records
from client.rows import recorded_row
from client.views import OrderFilter, OrderPage, OrderRow
from client.visibility import newest_running
from services.orders.listing import ListedOrder, RecordFilter
from services.orders.records import Cursor

_ROUNDS = 5
"""A filter that few orders pass must not hold a caller up: after so many parts of the list, a
page is handed out as it is."""


@dataclass(frozen=True)
class _Candidate:
    """An order that may be listed, at its place in the list."""

    place: Cursor
    listed: ListedOrder | None
    runs: bool
    """By Temporal's list, which lags a little."""

    @property
    def must_be_looked_at(self) -> bool:
        """Whether its record does not tell how it stands."""
        return self.runs or self.listed is None or self.listed.record.state is None


class OrderPages:
    """Merges the records with Temporal's list of running sagas.

    Two lists in one order: the newest of both together are among the newest of each.
    """

    def __init__(self, client: Client, records: Records, live: LiveOrders) -> None:
        self._client = client
        self._records = records
        self._live = live

    async def page(self, only: OrderFilter, limit: int, after: Cursor | None) -> OrderPage:
        """At most `limit` orders from behind `after` on. Raises `RPCError` and `StoreError`."""
        rows: list[OrderRow] = []
        for _ in range(_ROUNDS):
            candidates = await self._candidates(only, limit, after)
            part = candidates[: limit - len(rows)]
            looked_at = await asyncio.gather(*(self._row(each) for each in part))
            rows += [row for row in looked_at if row is not None and _passes(row, only)]
            after = part[-1].place if len(part) < len(candidates) else None
            if after is None or len(rows) == limit:
                break
        return OrderPage(orders=tuple(rows), next_cursor=encoded(after) if after else None)

    async def _candidates(
        self, only: OrderFilter, limit: int, after: Cursor | None
    ) -> list[_Candidate]:
        """The next `limit` and at least one more, if there are so many."""
        recorded, running = await asyncio.gather(
            self._recorded(only, limit + 1, after), self._running(only, limit + 1, after)
        )
        unlisted = running.keys() - recorded.keys()
        others = await self._records.of(unlisted) if unlisted else {}
        found = [
            _Candidate(listed.record.cursor, listed, runs=saga_id in running)
            for saga_id, listed in recorded.items()
        ]
        found += [
            _Candidate(Cursor(running[saga_id].start_time, saga_id), others.get(saga_id), runs=True)
            for saga_id in unlisted
            if not _has_a_place_of_its_own(others.get(saga_id), only)
        ]
        return sorted(found, key=lambda each: each.place, reverse=True)

    async def _recorded(
        self, only: OrderFilter, limit: int, after: Cursor | None
    ) -> Mapping[str, ListedOrder]:
        if not _are_in_records(only):
            return {}
        records = RecordFilter(
            status=only.status,
            order_id=only.order_id,
            customer_id=only.customer_id,
            kind=only.kind,
        )
        found = await self._records.page(records, limit, after)
        return {listed.record.saga_id: listed for listed in found}

    async def _running(
        self, only: OrderFilter, limit: int, after: Cursor | None
    ) -> Mapping[str, WorkflowExecution]:
        if only.status is not None and only.status.ended and only.step is None:
            return {}
        found = await newest_running(self._client, only, limit, after)
        return {execution.id: execution for execution in found}

    async def _row(self, candidate: _Candidate) -> OrderRow | None:
        if candidate.listed is not None and not candidate.must_be_looked_at:
            return recorded_row(candidate.listed)
        return await self._live.row(candidate.place.saga_id, candidate.listed)


def _are_in_records(only: OrderFilter) -> bool:
    """Whether orders without a running workflow can pass the filter."""
    if only.step is not None or only.needs_operator:
        return False
    return only.status is None or only.status.ended


def _has_a_place_of_its_own(listed: ListedOrder | None, only: OrderFilter) -> bool:
    """Whether the records list it, now or on another page.

    A workflow that was reset has started later than its order was placed.
    """
    return listed is not None and _are_in_records(only)


def _passes(row: OrderRow, only: OrderFilter) -> bool:
    """Temporal's list lags behind what it describes."""
    return (
        only.status in (None, row.status)
        and only.step in (None, row.current_step)
        and only.needs_operator in (None, row.needs_operator)
    )
