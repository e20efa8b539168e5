"""The business figures for Prometheus: how orders end, how many are open, and what is stuck."""

from collections.abc import Iterable
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from client.board import Board
from client.views import Totals
from models.saga import SagaStatus

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4


class BusinessFigures:
    """Makes the text that Prometheus reads. No figure is about one order or customer.

    Counts come from the orders service's records, so they are the same from every process and
    outlive its restart. What Temporal tells is left out while Temporal does not answer.
    """

    def __init__(self, *, events_go_out: bool) -> None:
        self._events_go_out = events_go_out
        """Whether there is anybody to deliver events to."""
        self._highest: dict[str, float] = {}

    async def exposition(self, board: Board) -> bytes:
        """The figures as they are now, of `CONTENT_TYPE`. Raises `CommandError`."""
        totals = await board.totals()
        registry = CollectorRegistry()
        registry.register(_Snapshot([*self._metrics(totals, datetime.now(UTC))]))
        return generate_latest(registry)

    def _metrics(self, totals: Totals, now: datetime) -> Iterable[Metric]:
        yield self._ended(totals)
        yield SummaryMetricFamily(
            "order_saga_completed_order_seconds",
            "Time from an order's creation to its completion.",
            count_value=int(self._never_less("completed", totals.completed)),
            sum_value=self._never_less("seconds", totals.completed_seconds),
        )
        yield _gauge(
            "order_saga_temporal_up",
            "Whether Temporal tells what is under way.",
            bool(totals.open_by_status),
        )
        if totals.open_by_status:
            yield from _under_way(totals, now)
        if self._events_go_out:
            yield from _events(totals, now)

    def _ended(self, totals: Totals) -> Metric:
        ended = CounterMetricFamily(
            "order_saga_orders_ended", "Orders that ended, by how.", labels=["status"]
        )
        for status, count in (
            (SagaStatus.COMPLETED, totals.completed),
            (SagaStatus.COMPENSATED, totals.compensated),
            (SagaStatus.FAILED, totals.failed),
        ):
            ended.add_metric([status], self._never_less(status.value.lower(), count))
        return ended

    def _never_less(self, name: str, value: float) -> float:
        """A record that is turned (its workflow was reset) would look like a restart."""
        self._highest[name] = max(value, self._highest.get(name, 0))
        return self._highest[name]


class _Snapshot(Collector):
    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _under_way(totals: Totals, now: datetime) -> Iterable[Metric]:
    open_orders = GaugeMetricFamily(
        "order_saga_orders_open", "Orders under way, by status.", labels=["status"]
    )
    for status, count in totals.open_by_status.items():
        open_orders.add_metric([status], count)
    yield open_orders
    yield _gauge(
        "order_saga_orders_waiting_for_person",
        "Orders under way that wait for a person.",
        totals.needs_person or 0,
    )
    yield _gauge(
        "order_saga_oldest_intervention_age_seconds",
        "For how long the first of them has waited; 0 when none waits.",
        _age(totals.oldest_intervention, now),
    )


def _events(totals: Totals, now: datetime) -> Iterable[Metric]:
    yield _gauge(
        "order_saga_undelivered_events",
        "OrderCompleted and OrderFailed events that nobody has been told of yet.",
        totals.undelivered_events,
    )
    yield _gauge(
        "order_saga_oldest_undelivered_event_age_seconds",
        "For how long the first of them has waited; 0 when none waits.",
        _age(totals.oldest_undelivered_event, now),
    )


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=float(value))


def _age(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else max(0.0, (now - since).total_seconds())
