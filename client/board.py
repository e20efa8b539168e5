"""The board: every order, ended or under way, as a list, in detail and in figures."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from temporalio.client import WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.service import RPCError

from client.cursor import decoded
from client.dead_letters import count_parked_notifications
from client.errors import SagaCutShort, SagaMissing, translated
from client.interventions import OpenIntervention, open_interventions
from client.live import LiveOrders
from client.pages import OrderPages
from client.records import Records
from client.rows import Facts, LiveSaga
from client.running import RunningSagas, order_id_of
from client.sagas import Sagas
from client.step_runs import step_runs
from client.timeline import Story
from client.views import (
    Bucket,
    Figures,
    OrderDetails,
    OrderFilter,
    OrderPage,
    Range,
    Totals,
)
from client.visibility import count_running, newest_running
from models.saga import SagaState, SagaStatus
from runtime.connection import NotReachable
from runtime.server import Server
from runtime.settings import Settings
from services.orders.figures import EndedOrders

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
UNDER_WAY = (SagaStatus.STARTED, SagaStatus.IN_PROGRESS, SagaStatus.COMPENSATING)

_PAGE_SECONDS = 5.0
"""Nobody looks at an empty page for longer."""
_COUNT_SECONDS = 2.0
"""Figures from the records do not wait longer for those from Temporal."""
_MOST_WAITING = 500
"""Of more orders than this that wait for a person, the newest tell since when."""


class Board:
    """Reads orders for people who watch many of them.

    Ended orders come from the orders service's records, which outlive Temporal's retention;
    those under way from Temporal, without asking a worker and without a billed action. Errors
    of Temporal and of the store come out as `CommandError` with exit code 3.
    """

    def __init__(self, sagas: Sagas, server: Server, records: Records) -> None:
        self._sagas = sagas
        self._server = server
        self._records = records
        self._running = RunningSagas(sagas.client)
        self._live = LiveOrders(sagas.client, records)
        self._pages = OrderPages(sagas.client, records, self._live)

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(
        cls, sagas: Sagas, server: Server, settings: Settings
    ) -> AsyncIterator["Board"]:
        """The board over the sagas' Temporal server and the orders store of the settings."""
        async with Records.opened(settings) as records:
            yield cls(sagas, server, records)

    async def page(
        self, only: OrderFilter, *, limit: int = 50, cursor: str | None = None
    ) -> OrderPage:
        """At most `limit` orders that pass the filter, newest first, from behind `cursor` on.

        Orders that are placed meanwhile neither repeat nor hide another one. Raises `BadCursor`.
        """
        after = None if cursor is None else decoded(cursor)
        with translated():
            try:
                async with asyncio.timeout(_PAGE_SECONDS):
                    return await self._pages.page(only, limit, after)
            except TimeoutError:
                raise NotReachable(
                    f"Temporal and the store have not told within {_PAGE_SECONDS:g} s which "
                    "orders there are"
                ) from None

    async def details(self, order_id: str) -> OrderDetails:
        """Everything about one order, also when no worker answers within 2 s.

        Raises `UnknownOrder`, and `SagaMissing` for one that is recorded as open while Temporal
        has no workflow for it.
        """
        with translated():
            description = await self._running.describe(order_id)
            if description is None:
                state = await self._sagas.state(order_id)
                return OrderDetails(state=state, timeline=(), workflow_url=None)
            story, pending = await self._live.under_way(description)
            state, complete = await self._state(description, story)
        return OrderDetails(
            state=state,
            timeline=step_runs(story, pending),
            workflow_url=self._server.workflow_page(state.saga_id),
            complete=complete,
        )

    async def figures(self, over: Range) -> Figures:
        """Figures over the orders that ended in the range, and how many are under way."""
        until = datetime.now(UTC)
        bounds = _bounds(over, until)
        with translated():
            ended = await self._records.ended(bounds)
        return _figures(over, bounds, ended, await self._under_way())

    async def totals(self) -> Totals:
        """Counts over all orders that ever were."""
        with translated():
            ended, waiting = await asyncio.gather(
                self._records.ended_ever(), self._records.waiting_events()
            )
        under_way = await self._under_way()
        return Totals(
            completed=ended.completed,
            compensated=ended.compensated,
            failed=ended.failed,
            completed_seconds=ended.microseconds / 1e6,
            open_by_status=under_way.by_status,
            needs_person=under_way.needs_person,
            oldest_intervention=await self._oldest_intervention() if under_way.known else None,
            undelivered_events=waiting.count,
            oldest_undelivered_event=waiting.oldest,
        )

    async def interventions(self) -> list[OpenIntervention]:
        """All that wait for a person, the longest waiting first."""
        return await open_interventions(self._sagas)

    async def _state(
        self, description: WorkflowExecutionDescription, story: Story
    ) -> tuple[SagaState, bool]:
        """What is known of it, and whether that is everything."""
        if not _runs(description):
            try:
                return await self._running.state(description), True
            except SagaCutShort as cut:
                return _from_outside(description, story, warning=str(cut)), False
        if told := await self._running.told(description):
            return told, True
        return _from_outside(description, story), False

    async def _under_way(self) -> "_UnderWay":
        """By Temporal's list; nothing when Temporal does not answer."""
        filters = [
            *(OrderFilter(status=status) for status in UNDER_WAY),
            OrderFilter(needs_operator=True),
        ]
        counts = [count_running(self._sagas.client, only) for only in filters]
        with contextlib.suppress(RPCError, TimeoutError):
            async with asyncio.timeout(_COUNT_SECONDS):
                *by_status, needs_person, parked = await asyncio.gather(
                    *counts, count_parked_notifications(self._sagas.client)
                )
                return _UnderWay(dict(zip(UNDER_WAY, by_status, strict=True)), needs_person, parked)
        return _UnderWay()

    async def _oldest_intervention(self) -> datetime | None:
        only = OrderFilter(needs_operator=True)
        with contextlib.suppress(RPCError):
            found = await newest_running(self._sagas.client, only, _MOST_WAITING, None)
            waits = await asyncio.gather(
                *(self._live.waiting_since(order_id_of(place.saga_id)) for place in found)
            )
            return min((since for since in waits if since is not None), default=None)
        return None


@dataclass(frozen=True)
class _UnderWay:
    """Orders that have not ended."""

    by_status: dict[SagaStatus, int] = field(default_factory=dict)
    needs_person: int | None = None
    parked_notifications: int | None = None

    @property
    def known(self) -> bool:
        """Whether Temporal has told."""
        return bool(self.by_status)


def _bounds(over: Range, until: datetime) -> list[datetime]:
    """From the range's beginning to `until`, and what lies between by the clock.

    So a line moves on by whole points, and only its first and its last one still change.
    """
    since = until - over.length
    first = since + over.bucket - (since - _EPOCH) % over.bucket
    return [since, *(first + number * over.bucket for number in range(over.points)), until]


def _figures(
    over: Range,
    bounds: list[datetime],
    ended: list[EndedOrders],
    under_way: _UnderWay,
) -> Figures:
    completed = sum(each.completed for each in ended)
    compensated = sum(each.compensated for each in ended)
    failed = sum(each.failed for each in ended)
    total = completed + compensated + failed
    microseconds = sum(each.microseconds for each in ended)
    return Figures(
        range=over,
        since=bounds[0],
        until=bounds[-1],
        total=total,
        completed=completed,
        compensated=compensated,
        failed=failed,
        success_rate=completed / total if total else None,
        average_seconds=microseconds / completed / 1e6 if completed else None,
        throughput_per_hour=total / (over.length / timedelta(hours=1)),
        buckets=tuple(
            Bucket(
                start=start,
                completed=each.completed,
                compensated=each.compensated,
                failed=each.failed,
            )
            for start, each in zip(bounds[:-1], ended, strict=True)
        ),
        open=sum(under_way.by_status.values()) if under_way.known else None,
        open_by_status=under_way.by_status,
        needs_person=under_way.needs_person,
        parked_notifications=under_way.parked_notifications,
    )


def _runs(description: WorkflowExecutionDescription) -> bool:
    return description.status is WorkflowExecutionStatus.RUNNING


def _from_outside(
    description: WorkflowExecutionDescription, story: Story, warning: str | None = None
) -> SagaState:
    """The state as far as the workflow's history and Temporal's description tell it."""
    order_id = order_id_of(description.id)
    if story.order is None:  # its history is gone, its description is not yet
        raise SagaMissing(order_id)
    warnings = [warning] if warning else []
    if told := story.told:
        return told.model_copy(update={"warnings": [*told.warnings, *warnings]})
    saga = LiveSaga(description)
    state = SagaState.at_start(story.order, saga.kind, description.id, description.start_time)
    row = saga.row(Facts.placed(story.order, description.start_time), story)
    return state.model_copy(
        update={
            "status": row.status,
            "current_step": row.current_step,
            "executed_steps": story.executed,
            "skipped_steps": [step.step for step in story.skipped],
            "compensated_steps": story.compensated,
            "warnings": warnings,
            "updated_at": row.updated_at,
        }
    )
