"""What the pages make of their address and of the figures, without a browser."""

from datetime import UTC, datetime, timedelta

import pytest

from client.views import Bucket, Figures, OrderFilter, Range
from models.saga import SagaStatus
from web.dashboard.charts import shown_buckets
from web.dashboard.order_list import filter_in
from web.dashboard.parts import percent, rate
from web.dashboard.texts import Language, Texts

WORDS = Texts(Language.ENGLISH)


@pytest.mark.parametrize("name", ["order_id", "customer_id", "step"])
@pytest.mark.parametrize("value", ["a\0b", "\x00", "a\u2028b", "x" * 101])
def test_address_that_no_query_can_hold_filters_nothing(name: str, value: str) -> None:
    query = {name: value, "status": "COMPLETED"}
    assert filter_in(query) == OrderFilter(status=SagaStatus.COMPLETED)


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (None, "–"),
        (0.0, "0%"),
        (0.0001, "0.1%"),
        (0.5, "50%"),
        (2 / 3, "66.7%"),
        (0.99999, "99.9%"),
        (1.0, "100%"),
    ],
)
def test_share_is_rounded_and_whole_only_if_nothing_is_missing(
    share: float | None, shown: str
) -> None:
    assert percent(share, WORDS) == shown


@pytest.mark.parametrize(
    ("per_hour", "shown"),
    [(0.0, "0.0"), (1 / 168, "0.006"), (1 / 24, "0.042"), (1.25, "1.2"), (1234.5, "1,234")],
)
def test_rate_is_never_nothing_for_what_happens(per_hour: float, shown: str) -> None:
    assert rate(per_hour) == shown


@pytest.mark.parametrize(
    ("completed", "shown"),
    [
        ((1, 2, 3, 4), (2, 3, 4)),
        ((1, 0, 0, 4), (0, 0, 4)),
        ((1, 0, 0, 0), (1, 0, 0, 0)),
    ],
    ids=["all along", "just now", "only where the range begins"],
)
def test_lines_have_the_newest_orders_and_leave_out_what_the_range_cuts_off(
    completed: tuple[int, ...], shown: tuple[int, ...]
) -> None:
    since = datetime(2026, 1, 1, tzinfo=UTC)
    buckets = tuple(
        Bucket(start=since + number * timedelta(minutes=2), completed=count)
        for number, count in enumerate(completed)
    )
    figures = Figures(
        range=Range.HOUR,
        since=since,
        until=since,
        total=sum(completed),
        completed=sum(completed),
        compensated=0,
        failed=0,
        success_rate=1.0,
        average_seconds=1.0,
        throughput_per_hour=1.0,
        buckets=buckets,
        open=0,
        open_by_status={},
        needs_person=0,
        parked_notifications=0,
    )
    assert tuple(bucket.completed for bucket in shown_buckets(figures)) == shown
