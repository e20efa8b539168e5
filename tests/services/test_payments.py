"""Payments: whatever happens between our books and the gateway, an undone order has paid nothing.

The parts of a payment (F1, F2, F3) and of its refund (U1, U2, U3) are those of
`services.payments.service`.
"""

import asyncio
from itertools import combinations

import pytest

from models.errors import Fenced, KeyReused, PaymentDeclined, ServiceFailure
from services.database import Database
from services.payments.gateway import Capture, Charge, ChargeCancelled, PaymentGateway
from services.payments.sandbox import SandboxGateway
from services.payments.service import PaymentsService
from services.payments.tables import gateway_entries, gateway_payments, operations
from tests.databases import Stores
from tests.services.ledgers import operation, paid, rows
from tests.services.orders import order, paying, undoing

AMOUNT = 9000
PARTS = ("F1", "F2", "F3", "U1", "U2", "U3")
INTERLEAVINGS = [
    tuple("F" if place in forward else "U" for place in range(6))
    for forward in combinations(range(6), 3)
]


class SteppedGateway:
    """A gateway that lets each call in, and its answer out, when the test says so."""

    def __init__(self, gateway: PaymentGateway) -> None:
        self._gateway = gateway
        self.capture_asked = asyncio.Event()
        self.capture_goes = asyncio.Event()
        self.capture_done = asyncio.Event()
        self.capture_answers = asyncio.Event()
        self.cancel_asked = asyncio.Event()
        self.cancel_goes = asyncio.Event()
        self.cancel_done = asyncio.Event()
        self.cancel_answers = asyncio.Event()

    async def capture(self, key: str, charge: Charge) -> Capture:
        self.capture_asked.set()
        await self.capture_goes.wait()
        try:
            return await self._gateway.capture(key, charge)
        finally:
            self.capture_done.set()
            await self.capture_answers.wait()

    async def cancel(self, key: str) -> Capture | None:
        self.cancel_asked.set()
        await self.cancel_goes.wait()
        try:
            return await self._gateway.cancel(key)
        finally:
            self.cancel_done.set()
            await self.cancel_answers.wait()


class Stepper:
    """Runs a payment and its refund, one part at a time."""

    def __init__(self, store: Database) -> None:
        self._gateway = SteppedGateway(SandboxGateway(store))
        self._service = PaymentsService(store, self._gateway)
        self.payment: asyncio.Task[object] | None = None
        self.refund: asyncio.Task[object] | None = None

    async def step(self, part: str) -> None:
        gateway = self._gateway
        match part:
            case "F1":
                self.payment = asyncio.create_task(self._service.process_payment(paying(order())))
                await self._until(gateway.capture_asked, self.payment)
            case "F2":
                gateway.capture_goes.set()
                await self._until(gateway.capture_done, self.payment)
            case "F3":
                gateway.capture_answers.set()
                assert self.payment is not None
                await asyncio.wait({self.payment})
            case "U1":
                self.refund = asyncio.create_task(self._service.refund_payment(undoing(order())))
                await self._until(gateway.cancel_asked, self.refund)
            case "U2":
                gateway.cancel_goes.set()
                await self._until(gateway.cancel_done, self.refund)
            case "U3":
                gateway.cancel_answers.set()
                assert self.refund is not None
                await asyncio.wait({self.refund})

    async def die(self) -> None:
        """Ends what is on its way, as the end of the process would."""
        running = [task for task in (self.payment, self.refund) if task and not task.done()]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    @staticmethod
    async def _until(event: asyncio.Event, task: "asyncio.Task[object] | None") -> None:
        """Until the part is over, or the call has ended before it (a fenced one has no F2)."""
        assert task is not None
        waiting = asyncio.create_task(event.wait())
        await asyncio.wait({waiting, task}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()


def parts_of(interleaving: tuple[str, ...]) -> list[str]:
    seen = {"F": 0, "U": 0}
    parts = []
    for side in interleaving:
        seen[side] += 1
        parts.append(f"{side}{seen[side]}")
    return parts


@pytest.mark.parametrize("interleaving", INTERLEAVINGS, ids="".join)
async def test_nothing_is_paid_after_an_undo_when_it_interleaves_with_the_payment(
    interleaving: tuple[str, ...], payments_store: Database
) -> None:
    stepper = Stepper(payments_store)
    for part in parts_of(interleaving):
        await stepper.step(part)
    assert stepper.refund is not None
    assert stepper.payment is not None
    assert stepper.refund.exception() is None
    assert await paid(payments_store, "ORD-1") == 0
    fenced = (await operation(payments_store, "ORD-1:process_payment")).fenced_calls
    if stepper.payment.exception() is None:
        assert parts_of(interleaving).index("F3") < parts_of(interleaving).index("U1")
        assert fenced == 0
    else:
        assert isinstance(stepper.payment.exception(), Fenced)
        assert fenced == 1


@pytest.mark.parametrize("interleaving", INTERLEAVINGS, ids="".join)
async def test_nothing_is_paid_after_an_undo_when_the_process_died_in_between(
    interleaving: tuple[str, ...], payments_store: Database
) -> None:
    parts = parts_of(interleaving)
    for dead_after in range(1, 6):
        stepper = Stepper(payments_store)
        for part in parts[:dead_after]:
            await stepper.step(part)
        await stepper.die()
        service = PaymentsService(payments_store, SandboxGateway(payments_store))
        await service.refund_payment(undoing(order()))
        assert await paid(payments_store, "ORD-1") == 0
        await service.refund_payment(undoing(order()))
        with pytest.raises(Fenced):
            await service.process_payment(paying(order()))
        assert await paid(payments_store, "ORD-1") == 0
        await _forget(payments_store)


@pytest.mark.parametrize("dead_after", ["F1", "F2"])
async def test_is_paid_once_when_the_process_died_during_the_payment(
    dead_after: str, payments_store: Database
) -> None:
    stepper = Stepper(payments_store)
    for part in PARTS[: PARTS.index(dead_after) + 1]:
        await stepper.step(part)
    await stepper.die()
    service = PaymentsService(payments_store, SandboxGateway(payments_store))
    result = await service.process_payment(paying(order()))
    assert result.transaction_id == "TXN-ORD-1"
    assert await paid(payments_store, "ORD-1") == AMOUNT


async def test_charges_what_the_points_do_not_pay(
    payments: PaymentsService, payments_store: Database
) -> None:
    await payments.process_payment(paying(order(points=10)))
    assert await paid(payments_store, "ORD-1") == 10000 - 1000


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("tok_declined", "the card was declined$"),
        ("tok_insufficient_funds", "insufficient funds"),
    ],
)
async def test_is_declined_for_good_and_takes_nothing(
    token: str, words: str, payments: PaymentsService, payments_store: Database
) -> None:
    for _ in range(2):
        with pytest.raises(PaymentDeclined, match=words):
            await payments.process_payment(paying(order(), token))
    assert await paid(payments_store, "ORD-1") == 0
    await payments.refund_payment(undoing(order()))
    assert await paid(payments_store, "ORD-1") == 0


async def test_the_token_is_stored_nowhere(
    payments: PaymentsService, payments_store: Database, stores: Stores
) -> None:
    await payments.process_payment(paying(order(), "tok_secret"))
    for table in (operations, gateway_payments, gateway_entries):
        assert "tok_secret" not in str(await rows(payments_store, table))


async def test_gateway_refuses_another_charge_under_the_key(payments_store: Database) -> None:
    gateway = SandboxGateway(payments_store)
    charge = Charge(
        customer_id="CUST-1",
        amount=1,
        currency="USD",
        payment_method="credit_card",
        payment_token=None,
    )
    captures = [await gateway.capture("key", charge) for _ in range(3)]
    assert captures == [captures[0]] * 3
    with pytest.raises(KeyReused):
        await gateway.capture("key", charge.model_copy(update={"amount": 2}))
    assert [await gateway.cancel("key") for _ in range(3)] == captures
    with pytest.raises(ChargeCancelled):
        await gateway.capture("key", charge)
    entries = await rows(payments_store, gateway_entries, key="key")
    assert sorted(entry.amount for entry in entries) == [-1, -1, 1, 1]


class UnreachableGateway:
    """A gateway on the other side of a network that is down."""

    async def capture(self, key: str, charge: Charge) -> Capture:
        raise ServiceFailure("no answer")

    async def cancel(self, key: str) -> Capture | None:
        raise ServiceFailure("no answer")


async def test_an_undo_that_failed_at_the_gateway_is_not_taken_for_done(
    payments: PaymentsService, stores: Stores, payments_store: Database
) -> None:
    await payments.process_payment(paying(order()))
    cut_off = PaymentsService(payments_store, UnreachableGateway())
    with pytest.raises(ServiceFailure):
        await cut_off.refund_payment(undoing(order()))
    assert await paid(payments_store, "ORD-1") == AMOUNT
    await payments.refund_payment(undoing(order()))
    assert await paid(payments_store, "ORD-1") == 0


async def test_payments_and_refunds_add_up_when_many_orders_are_on_their_way(
    payments: PaymentsService, payments_store: Database
) -> None:
    async def pay_and_perhaps_refund(number: int) -> int:
        this = order(f"ORD-{number}")
        await payments.process_payment(paying(this))
        if number % 3 == 0:
            await payments.refund_payment(undoing(this))
        return await paid(payments_store, this.order_id)

    totals = await asyncio.gather(*(pay_and_perhaps_refund(number) for number in range(30)))
    assert totals == [0 if number % 3 == 0 else AMOUNT for number in range(30)]


async def _forget(store: Database) -> None:
    """Empties the store, which is cheaper than making another."""
    from services.payments.tables import metadata

    async with store.transaction() as connection:
        for table in metadata.sorted_tables:
            await connection.execute(table.delete())
