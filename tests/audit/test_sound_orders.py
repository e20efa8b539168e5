"""Orders that the services really told to their end, or to some point: the audit finds nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from audit.auditor import audit
from audit.patience import Patience
from audit.report import AuditReport
from models.calls import CompensationInput, DeductPointsInput, SendNotificationInput
from models.errors import Fenced, ShipmentHandedOver
from models.steps import (
    COMPENSATABLE,
    CREATE_ORDER,
    CREATE_SHIPMENT,
    PROCESS_PAYMENT,
    Service,
)
from services.database import Connection, Database
from services.payments.gateway import Capture, Charge
from services.payments.sandbox import SandboxGateway
from services.payments.service import PaymentsService
from tests.audit.shop import Shop, compensated, completed, resolution
from tests.databases import Stores
from tests.services.orders import OTHER_PRODUCT, line, order, paying

AT_ONCE = Patience(settle=timedelta(0))
STEPS = len(COMPENSATABLE)


async def checked(shop: Shop) -> AuditReport:
    return await audit(shop.stores, None, patience=AT_ONCE)


async def test_nothing_is_found_in_empty_stores(shop: Shop) -> None:
    report = await checked(shop)
    assert report.clean
    assert report.orders == {}
    assert not report.temporal_asked


async def test_nothing_is_found_in_ended_orders(shop: Shop) -> None:
    await shop.complete(order("ORD-1", line(quantity=2), line(OTHER_PRODUCT, 3)))
    await shop.complete(order("ORD-10", points=0))
    await shop.complete(order("ORD-1.a", points=100))  # All of it is paid with points.
    for steps in range(1, STEPS + 1):
        await shop.compensate(order(f"ORD-done-{steps}"), steps)
    for steps in range(STEPS):
        await shop.compensate(order(f"ORD-unknown-{steps}"), steps, unknown=True)
    report = await checked(shop)
    assert report.findings == ()
    assert report.orders == {"COMPENSATED": 2 * STEPS, "COMPLETED": 3}


async def test_nothing_is_found_in_orders_that_a_service_refused(shop: Shop) -> None:
    await shop.compensate(order("ORD-stock", line(quantity=1000), points=0), 1, refused=True)
    declined = order("ORD-card").model_copy(update={"payment_token": "tok_declined"})
    await shop.compensate(declined, 2, refused=True)
    await shop.compensate(order("ORD-points", line(quantity=100), points=2000), 3, refused=True)
    report = await checked(shop)
    assert report.findings == ()
    assert report.orders == {"COMPENSATED": 3}


@pytest.mark.parametrize("steps", range(1, STEPS + 1))
@pytest.mark.parametrize("undone", range(STEPS))
async def test_nothing_is_found_in_an_open_order_at_any_point(
    sqlite_shop: Shop, steps: int, undone: int
) -> None:
    under_way = order()
    await sqlite_shop.forward(under_way, steps)
    for step in reversed(COMPENSATABLE[max(1, steps - undone) : steps]):
        await sqlite_shop.undo(under_way, step)
    report = await checked(sqlite_shop)
    assert report.findings == ()
    assert report.orders == {"STARTED": 1}


class DyingGateway(SandboxGateway):
    """The real gateway, behind a connection that breaks after the money has moved."""

    async def capture(self, key: str, charge: Charge) -> Capture:
        await super().capture(key, charge)
        raise ConnectionError

    async def cancel(self, key: str) -> Capture | None:
        await super().cancel(key)
        raise ConnectionError


async def test_nothing_is_found_when_the_gateway_is_ahead_of_an_open_order(shop: Shop) -> None:
    captured, refunded = order("ORD-1"), order("ORD-2")
    store = shop.stores[PROCESS_PAYMENT.service]
    dying = PaymentsService(store, DyingGateway(store))
    await shop.forward(captured, 2)
    with pytest.raises(ConnectionError):
        await dying.process_payment(paying(captured))
    await shop.forward(refunded, 3)
    with pytest.raises(ConnectionError):
        await dying.refund_payment(CompensationInput.of(refunded))
    assert (await checked(shop)).findings == ()


async def test_late_calls_are_counted_and_not_found(shop: Shop) -> None:
    late = order()
    await shop.compensate(late, 3, unknown=True)
    with pytest.raises(Fenced):
        await shop.points.deduct_points(DeductPointsInput.of(late))
    report = await checked(shop)
    assert report.findings == ()
    assert report.fenced_late_calls == 1


async def test_nothing_is_found_when_a_completed_order_is_undone_after_a_reset(shop: Shop) -> None:
    reset = order()
    await shop.complete(reset)
    for step in reversed(COMPENSATABLE[1:]):
        await shop.undo(reset, step)
    await shop.close(reset, compensated(reset, COMPENSATABLE, COMPENSATABLE))
    report = await checked(shop)
    assert report.findings == ()
    assert report.orders == {"COMPENSATED": 1}


@pytest.mark.parametrize("action", ["resolve", "abandon"])
async def test_an_undo_that_a_person_settled_is_accepted(shop: Shop, action: str) -> None:
    late = order()
    await shop.forward(late, STEPS)
    await shop.shipping.hand_over(late.order_id)
    with pytest.raises(ShipmentHandedOver):
        await shop.undo(late, CREATE_SHIPMENT)
    for step in reversed(COMPENSATABLE[1:-1]):
        await shop.undo(late, step)
    settled = [resolution(CREATE_SHIPMENT, "claim"), resolution(CREATE_SHIPMENT, action)]
    state = compensated(late, COMPENSATABLE, COMPENSATABLE, resolutions=settled)
    await shop.close(late, state)
    report = await checked(shop)
    assert report.findings == ()
    assert report.accepted_count == 1
    (accepted,) = report.accepted
    assert (accepted.order_id, accepted.step, accepted.action, accepted.actor) == (
        late.order_id,
        CREATE_SHIPMENT.step,
        action,
        "kim",
    )


async def test_only_the_settled_step_is_accepted(shop: Shop) -> None:
    late = order()
    await shop.forward(late, STEPS)
    settled = [resolution(CREATE_SHIPMENT, "abandon")]
    undone = [CREATE_ORDER]
    await shop.close(late, compensated(late, COMPENSATABLE, undone, resolutions=settled))
    report = await checked(shop)
    assert "shipment_matches_outcome" not in report.findings_by_rule
    assert {"stock_matches_outcome", "money_matches_outcome", "points_match_outcome"} <= set(
        report.findings_by_rule
    )


async def test_progress_is_told_up_to_the_last_order(sqlite_shop: Shop) -> None:
    for number in range(3):
        await sqlite_shop.complete(order(f"ORD-{number}"))
    told: list[tuple[int, int]] = []
    await audit(sqlite_shop.stores, None, on_progress=lambda *numbers: told.append(numbers))
    assert told[-1] == (3, 3)


class WatchedDatabase(Database):
    """A real store that tells when it has been read for the second time: by the first look."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.looked = asyncio.Event()
        self._times = 0

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        async with super().reading() as connection:
            yield connection
        self._times += 1
        if self._times == 2:
            self.looked.set()


@asynccontextmanager
async def closing(store: WatchedDatabase) -> AsyncIterator[WatchedDatabase]:
    try:
        yield store
    finally:
        await store.close()


@pytest.mark.parametrize("completes", [True, False])
async def test_what_looks_wrong_is_looked_at_again(sqlite_stores: Stores, completes: bool) -> None:
    async with closing(WatchedDatabase(await sqlite_stores.url(Service.NOTIFICATIONS))) as watched:
        shop = await Shop.opened(sqlite_stores, {Service.NOTIFICATIONS: watched})
        torn = order()
        await shop.forward(torn, STEPS)
        # What an audit sees that reads the record before the order completes, and the rest later.
        await shop.notifications.send_notification(SendNotificationInput.of(torn))
        auditing = asyncio.create_task(audit(shop.stores, None))
        await watched.looked.wait()
        if completes:
            await shop.close(torn, completed(torn))
        report = await auditing
    assert report.findings_by_rule == ({} if completes else {"only_completion_is_told": 1})
