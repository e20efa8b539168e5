"""Cards and Prometheus figures: recounted, with Temporal and without it."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import select

from client.board import Board
from client.records import Records
from client.sagas import Sagas
from client.views import Figures, OrderFilter, Range
from models.saga import SagaStatus
from models.steps import Service, Step
from runtime.connection import connect
from runtime.embedded import EmbeddedServer
from runtime.program import CommandError, ExitCode
from runtime.settings import Settings
from services.database import Database
from services.orders.tables import saga_records
from tests.board.conftest import KIM, Premises
from tests.markdown import first_names, section
from tests.services.filling import fill, random_records
from web.prometheus import BusinessFigures


async def check(figures: Figures, store: Database) -> None:
    """Count every record by hand."""
    async with store.reading() as connection:
        records = (await connection.execute(select(saga_records))).all()
    ended = [
        record
        for record in records
        if record.ended_at and figures.since <= record.ended_at < figures.until
    ]
    statuses = Counter(record.status for record in ended)
    took = [record.ended_at - record.created_at for record in ended if record.status == "COMPLETED"]
    hours = (figures.until - figures.since) / timedelta(hours=1)
    assert figures.until - figures.since == figures.range.length
    assert figures.total == len(ended) > 0
    assert (figures.completed, figures.compensated, figures.failed) == (
        statuses["COMPLETED"],
        statuses["COMPENSATED"],
        statuses["FAILED"],
    )
    assert figures.success_rate == pytest.approx(statuses["COMPLETED"] / len(ended))
    mean = sum(took, timedelta()).total_seconds() / len(took)
    assert figures.average_seconds == pytest.approx(mean, abs=1e-6)
    assert figures.throughput_per_hour == pytest.approx(len(ended) / hours)
    bounds = [*(bucket.start for bucket in figures.buckets), figures.until]
    assert bounds == sorted(bounds)
    for bucket, until in zip(figures.buckets, bounds[1:], strict=True):
        inside = Counter(
            record.status for record in ended if bucket.start <= record.ended_at < until
        )
        assert (bucket.completed, bucket.compensated, bucket.failed) == (
            inside["COMPLETED"],
            inside["COMPENSATED"],
            inside["FAILED"],
        )


@pytest.mark.parametrize("over", Range)
async def test_cards_equal_a_recount(over: Range, closed: Premises) -> None:
    store = closed.house.stores[Service.ORDERS]
    async with closed.split.workflows():
        pass  # now the store is there
    records = random_records(3000, seed=21, now=datetime.now(UTC) - timedelta(minutes=1))
    await fill(store, records)
    figures = await closed.board.figures(over)
    await check(figures, store)
    assert len(figures.buckets) == over.length // over.bucket + 1
    assert all(
        (bucket.start - datetime(1970, 1, 1, tzinfo=UTC)) % over.bucket == timedelta(0)
        for bucket in figures.buckets[1:]
    )


async def test_open_orders_are_counted_by_status(shop: Premises) -> None:
    stuck, slow, done = (shop.house.order(name) for name in ("stuck", "slow", "done"))
    shop.house.injure(stuck, "create_shipment", "refuse")
    shop.house.injure(stuck, "release_inventory", "refuse", times=-1)
    shop.house.injure(slow, "process_payment", "fail", times=-1)
    await shop.place(stuck, slow, done)
    await shop.until_listed(OrderFilter(needs_operator=True), {stuck.order_id})
    await shop.until_listed(OrderFilter(status=SagaStatus.IN_PROGRESS), {slow.order_id})
    await shop.row(done, lambda row: row.current_step == "COMPLETED")
    figures = await shop.board.figures(Range.HOUR)
    await check(figures, shop.house.stores[Service.ORDERS])
    assert (figures.total, figures.open, figures.needs_person) == (1, 2, 1)
    assert figures.open_by_status == {
        SagaStatus.STARTED: 0,
        SagaStatus.IN_PROGRESS: 1,
        SagaStatus.COMPENSATING: 1,
    }


async def scraped(figures: BusinessFigures, board: Board) -> dict[str, float]:
    """What Prometheus reads: samples by name and status."""
    text = (await figures.exposition(board)).decode()
    return {
        " ".join((sample.name, *sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_prometheus_is_told_the_business_figures(shop: Premises) -> None:
    figures = BusinessFigures(events_go_out=True)
    assert (await scraped(figures, shop.board))["order_saga_orders_ended_total COMPLETED"] == 0
    stuck, done = shop.house.order(), shop.house.order()
    shop.house.injure(stuck, "create_shipment", "refuse")
    shop.house.injure(stuck, "release_inventory", "refuse", times=-1)
    began = datetime.now(UTC)
    await shop.place(stuck, done)
    await shop.until_listed(OrderFilter(needs_operator=True), {stuck.order_id})
    ended = await shop.row(done, lambda row: row.current_step == "COMPLETED")
    told = await scraped(figures, shop.board)
    passed = (datetime.now(UTC) - began).total_seconds()
    assert told["order_saga_orders_ended_total COMPLETED"] == 1
    assert told["order_saga_orders_ended_total COMPENSATED"] == 0
    assert told["order_saga_completed_order_seconds_count"] == 1
    assert ended.ended_at is not None
    took = (ended.ended_at - ended.created_at).total_seconds()
    assert told["order_saga_completed_order_seconds_sum"] == pytest.approx(took, abs=1e-5)
    assert told["order_saga_orders_open COMPENSATING"] == 1
    assert told["order_saga_orders_waiting_for_person"] == 1
    assert 0 < told["order_saga_oldest_intervention_age_seconds"] < passed
    assert told["order_saga_undelivered_events"] == 1
    assert 0 < told["order_saga_oldest_undelivered_event_age_seconds"] < passed
    assert told["order_saga_temporal_up"] == 1
    for action in ("claim", "resolve"):
        by = KIM.model_copy(update={"step": Step.INVENTORY_RESERVED})
        await shop.house.handle(stuck).execute_update(action, by)
    await shop.row(stuck, lambda row: row.status is SagaStatus.COMPENSATED)
    await shop.until_listed(OrderFilter(needs_operator=True), set())
    quiet = BusinessFigures(events_go_out=False)
    told = await scraped(quiet, shop.board)
    assert told["order_saga_orders_ended_total COMPENSATED"] == 1
    assert told["order_saga_oldest_intervention_age_seconds"] == 0
    assert "order_saga_undelivered_events" not in told
    assert not any(stuck.order_id in name or "CUST" in name for name in told)


async def test_every_metric_is_documented_and_no_other(closed: Premises) -> None:
    text = (await BusinessFigures(events_go_out=True).exposition(closed.board)).decode()
    told = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in text_string_to_metric_families(text)
    }
    operations = Path(__file__).parents[2] / "docs" / "operations.md"
    assert set(first_names(section(operations, "Metrics"))) == told


async def test_a_turned_record_lets_no_counter_go_backwards(closed: Premises) -> None:
    async with closed.split.workflows():
        pass  # now the store is there
    store = closed.house.stores[Service.ORDERS]
    await fill(store, random_records(50, seed=4))
    figures = BusinessFigures(events_go_out=False)
    before = await scraped(figures, closed.board)
    async with store.transaction() as connection:
        await connection.execute(
            saga_records.update()
            .where(saga_records.c.status == "COMPLETED")
            .values(status="COMPENSATED")
        )
    after = await scraped(figures, closed.board)
    for name in before:
        if "ended" in name or "completed" in name:
            assert after[name] >= before[name] > 0, name


async def test_what_records_tell_is_told_while_temporal_is_away(
    closed: Premises, tmp_path: Path
) -> None:
    async with closed.split.workflows():
        pass  # now the store is there
    await fill(
        closed.house.stores[Service.ORDERS], random_records(300, seed=9, now=datetime.now(UTC))
    )
    settings = closed.split.settings
    async with Records.opened(settings) as records:
        async with EmbeddedServer.running(Settings.load(home=tmp_path / "gone")) as server:
            board = Board(Sagas(await connect(server), records, settings), server, records)
        page = asyncio.create_task(board.page(OrderFilter()))
        figures = await board.figures(Range.WEEK)
        await check(figures, closed.house.stores[Service.ORDERS])
        assert (figures.open, figures.open_by_status, figures.needs_person) == (None, {}, None)
        told = await scraped(BusinessFigures(events_go_out=False), board)
        assert told["order_saga_temporal_up"] == 0
        assert told["order_saga_orders_ended_total COMPLETED"] > 0
        with pytest.raises(CommandError) as refused:
            await page
        assert refused.value.exit_code == ExitCode.NOT_REACHABLE
