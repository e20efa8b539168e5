"""Many sample orders at once: how fast they end, and how."""

import asyncio
import math
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from client.attendance import attended
from client.errors import translated
from client.sagas import Sagas
from client.shop import prepare_shop
from models.contract import Contract
from models.documents import Shop, ShopCustomer, ShopProduct
from models.order import Order, OrderLine
from models.saga import SagaKind, SagaStatus

_MOST_ROWS = 50
"""Products and customers in one load: enough that orders seldom wait for each other's rows."""


@dataclass(frozen=True)
class LoadPlan:
    """How many orders, and how fast."""

    orders: int
    concurrency: int
    """At most so many orders are under way at once."""
    rate: float | None = None
    """Orders started per second; None is as fast as the concurrency allows."""
    kind: SagaKind = SagaKind.ORCHESTRATED


class LoadFigures(Contract):
    """What a load run measured. Times are from placing an order to having its result."""

    orders: int
    seconds: float
    orders_per_second: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    outcomes: dict[SagaStatus, int]


async def run_load(sagas: Sagas, plan: LoadPlan, ended: Callable[[], None]) -> LoadFigures:
    """Place the orders and wait for every one; `ended` is called for each.

    The shop gets products and customers of this run's own, so that stock and points suffice.
    Raises `NoWorker`.
    """
    run = secrets.token_hex(4)
    with translated("the orders that were placed go on without us"):
        await prepare_shop(sagas.client, _shop(run, plan.orders))
        load = _Load(sagas, plan, ended)
        return await load.run(_orders(run, plan.orders))


class _Load:
    def __init__(self, sagas: Sagas, plan: LoadPlan, ended: Callable[[], None]) -> None:
        self._sagas = sagas
        self._plan = plan
        self._ended = ended
        self._milliseconds: list[float] = []
        self._outcomes: Counter[SagaStatus] = Counter()
        self._began = 0.0

    async def run(self, orders: Iterator[Order]) -> LoadFigures:
        numbered = enumerate(orders)
        self._began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for _ in range(min(self._plan.concurrency, self._plan.orders)):
                group.create_task(self._place_each(numbered))
        return self._figures(time.monotonic() - self._began)

    async def _place_each(self, numbered: Iterator[tuple[int, Order]]) -> None:
        for number, order in numbered:
            if self._plan.rate is not None:
                due = self._began + number / self._plan.rate
                await asyncio.sleep(max(0.0, due - time.monotonic()))
            await self._place(order)

    async def _place(self, order: Order) -> None:
        started = time.monotonic()
        handle = await self._sagas.start(order, self._plan.kind)
        state = await attended(self._sagas.client, handle)
        self._milliseconds.append((time.monotonic() - started) * 1000)
        self._outcomes[state.status] += 1
        self._ended()

    def _figures(self, seconds: float) -> LoadFigures:
        ordered = sorted(self._milliseconds)
        return LoadFigures(
            orders=len(ordered),
            seconds=round(seconds, 3),
            orders_per_second=round(len(ordered) / seconds, 2),
            p50_ms=_percentile(ordered, 50),
            p95_ms=_percentile(ordered, 95),
            p99_ms=_percentile(ordered, 99),
            outcomes=dict(self._outcomes),
        )


def _percentile(ordered: Sequence[float], percent: int) -> float:
    """By nearest rank: a value that was measured."""
    return round(ordered[math.ceil(len(ordered) * percent / 100) - 1], 1)


def _product(run: str, number: int) -> str:
    return f"LOAD-{run}-PROD-{number % _MOST_ROWS}"


def _customer(run: str, number: int) -> str:
    return f"LOAD-{run}-CUST-{number % _MOST_ROWS}"


def _shop(run: str, orders: int) -> Shop:
    rows = range(min(orders, _MOST_ROWS))
    return Shop(
        products=tuple(
            ShopProduct(product_id=_product(run, row), price=5000, currency="USD", stock=orders * 2)
            for row in rows
        ),
        customers=tuple(
            ShopCustomer(customer_id=_customer(run, row), points=orders * 10) for row in rows
        ),
    )


def _orders(run: str, orders: int) -> Iterator[Order]:
    for number in range(orders):
        line = OrderLine(product_id=_product(run, number), quantity=2, unit_price=5000)
        yield Order(
            order_id=f"LOAD-{run}-{number:06}",
            customer_id=_customer(run, number),
            lines=(line,),
            currency="USD",
            total_amount=line.amount,
            points_to_use=10,
            payment_method="credit_card",
            shipping_address="1 Main Street, Springfield",
        )
