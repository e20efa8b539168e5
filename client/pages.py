"""The list of orders, ended and under way, newest first and page by page."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from temporalio.client import Client

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
    runs: bool
    """By Temporal's list, which lags a little."""


class OrderPages:
    """Merges the records with Temporal's list of running sagas.

    Two lists in one order: the newest of both together are among the newest of each. Both tell
    only which orders there are; read are those that come to stand on the page.
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
            looked_at = await self._rows(part)
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
        places = {place.saga_id: place for place in recorded}
        unlisted = [place for place in running if place.saga_id not in places]
        # A workflow that was reset has started later than its order was placed: where the records
        # list it, now or on another page, it has its place by them.
        elsewhere: Collection[str] = ()
        if unlisted and _are_in_records(only):
            elsewhere = await self._records.of(place.saga_id for place in unlisted)
        places |= {place.saga_id: place for place in unlisted if place.saga_id not in elsewhere}
        run = {place.saga_id for place in running}
        newest_first = sorted(places.values(), reverse=True)
        return [_Candidate(place, runs=place.saga_id in run) for place in newest_first]

    async def _recorded(self, only: OrderFilter, limit: int, after: Cursor | None) -> list[Cursor]:
        if not _are_in_records(only):
            return []
        records = RecordFilter(
            status=only.status,
            order_id=only.order_id,
            customer_id=only.customer_id,
            kind=only.kind,
        )
        return await self._records.places(records, limit, after)

    async def _running(self, only: OrderFilter, limit: int, after: Cursor | None) -> list[Cursor]:
        if only.status is not None and only.status.ended and only.step is None:
            return []
        return await newest_running(self._client, only, limit, after)

    async def _rows(self, part: Sequence[_Candidate]) -> list[OrderRow | None]:
        listed = await self._records.of(each.place.saga_id for each in part)
        return await asyncio.gather(
            *(self._row(each, listed.get(each.place.saga_id)) for each in part)
        )

    async def _row(self, candidate: _Candidate, listed: ListedOrder | None) -> OrderRow | None:
        """From the record where that tells how the order stands."""
        if not candidate.runs and listed is not None and listed.record.state is not None:
            return recorded_row(listed)
        return await self._live.row(candidate.place.saga_id, listed)


def _are_in_records(only: OrderFilter) -> bool:
    """Whether orders without a running workflow can pass the filter."""
    if only.step is not None or only.needs_operator:
        return False
    return only.status is None or only.status.ended


def _passes(row: OrderRow, only: OrderFilter) -> bool:
    """Temporal's list lags behind what it describes."""
    return (
        only.status in (None, row.status)
        and only.step in (None, row.current_step)
        and only.needs_operator in (None, row.needs_operator)
    )
