"""Many orders with records, as they might be after some weeks, and made at random."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert

from models.saga import SagaKind, SagaStatus
from services.database import Database
from services.orders.tables import orders, saga_records
from tests.services.orders import order, state

NOW = datetime(2026, 3, 4, 5, 6, 7, 890_123, tzinfo=UTC)
STATUSES = (SagaStatus.STARTED, SagaStatus.COMPLETED, SagaStatus.COMPENSATED, SagaStatus.FAILED)


def random_records(count: int, seed: int, now: datetime = NOW) -> list[dict[str, Any]]:
    """Rows of `saga_records`; many share a moment, and ids do not grow with time."""
    chance = random.Random(seed)
    return [_record(number, chance, now) for number in chance.sample(range(count), count)]


def _record(number: int, chance: random.Random, now: datetime) -> dict[str, Any]:
    prefix = chance.choice(("ORD", "ord", "주문", "Z_", "ÿ"))
    order_id = f"{prefix}-{number:05d}"
    status = chance.choice(STATUSES)
    # The day before yesterday and last week are there too, and whole seconds with many orders.
    created_at = now - timedelta(seconds=chance.randrange(200 * 3600) // 60 * 60)
    ended_at = created_at + timedelta(microseconds=chance.randrange(1, 90_000_000))
    ended = None if status is SagaStatus.STARTED else min(ended_at, now)
    return {
        "saga_id": f"order-{order_id}",
        "order_id": order_id,
        "kind": chance.choice(tuple(SagaKind)).value,
        "customer_id": f"CUST-{chance.randrange(5)}",
        "content_hash": "0",
        "status": status.value,
        "error_code": None,
        "error_message": None,
        "created_at": created_at,
        "ended_at": ended,
        "took": None if ended is None else (ended - created_at) // timedelta(microseconds=1),
        "state": None if ended is None else state(order(order_id), status).model_dump(mode="json"),
    }


async def fill(store: Database, records: list[dict[str, Any]]) -> None:
    """Put them, and their orders, into the orders store."""
    rows = [
        {
            "order_id": record["order_id"],
            "customer_id": record["customer_id"],
            "content_hash": "0",
            "currency": "USD",
            "total_amount": 10_000,
            "amount_charged": 9_000,
            "points_to_use": 10,
            "lines": [],
            "status": "PENDING",
        }
        for record in records
    ]
    async with store.transaction() as connection:
        await connection.execute(insert(orders), rows)
        await connection.execute(insert(saga_records), records)
