"""The payment gateway that is used when there is no real provider: a ledger, and no bank.

It lives in the payments database, in tables and transactions of its own; the payments service
reaches it through `PaymentGateway` alone, as it would a provider on the network.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, insert, select, update

from models.errors import KeyReused, PaymentDeclined
from services.database import Connection, Database
from services.operations import content_hash
from services.payments.gateway import Capture, Charge, ChargeCancelled
from services.payments.tables import gateway_entries, gateway_payments

DECLINED_TOKENS = {
    "tok_declined": "the card was declined",
    "tok_insufficient_funds": "the card was declined: insufficient funds",
}
"""The tokens that stand for cards which do not pay, as payment providers' test modes have them."""


class SandboxGateway:
    """A `PaymentGateway` with double-entry books: every capture and every refund sums to zero."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def capture(self, key: str, charge: Charge) -> Capture:
        """See `PaymentGateway.capture`."""
        async with self._database.transaction() as connection:
            if await self._opened(connection, key, charge):
                await self._book(connection, key, "CAPTURE")
            payment = await self._locked(connection, key)
        if payment.status == "CANCELLED":
            raise ChargeCancelled("the payment was cancelled before it was taken")
        if payment.body_hash != content_hash(charge):
            raise KeyReused("the payment was already asked for with another content")
        if payment.status == "DECLINED":
            raise PaymentDeclined(payment.declined_because)
        return _capture(payment)

    async def cancel(self, key: str) -> Capture | None:
        """See `PaymentGateway.cancel`."""
        async with self._database.transaction() as connection:
            await self._insert(connection, key, status="CANCELLED", captured=0)
            payment = await self._locked(connection, key)
            if payment.captured > payment.refunded:
                await self._book(connection, key, "REFUND")
            await connection.execute(
                update(gateway_payments)
                .where(gateway_payments.c.key == key)
                .values(status="CANCELLED", refunded=gateway_payments.c.captured)
            )
        return _capture(payment) if payment.captured else None

    async def _opened(self, connection: Connection, key: str, charge: Charge) -> bool:
        """Whether this call is the one that takes the money."""
        declined = DECLINED_TOKENS.get(charge.payment_token or "")
        opened = await self._insert(
            connection,
            key,
            status="DECLINED" if declined else "CAPTURED",
            body_hash=content_hash(charge),
            declined_because=declined,
            transaction_id=f"TXN-{key.rpartition(':')[0]}",
            customer_id=charge.customer_id,
            currency=charge.currency,
            captured=0 if declined else charge.amount,
        )
        return opened and not declined

    @staticmethod
    async def _insert(connection: Connection, key: str, **values: Any) -> bool:
        row = connection.insert(gateway_payments).values(key=key, refunded=0, **values)
        result = await connection.execute(row.on_conflict_do_nothing(index_elements=["key"]))
        return result.rowcount == 1

    @staticmethod
    async def _locked(connection: Connection, key: str) -> Row[Any]:
        row = select(gateway_payments).where(gateway_payments.c.key == key).with_for_update()
        return (await connection.execute(row)).one()

    async def _book(self, connection: Connection, key: str, kind: str) -> None:
        payment = await self._locked(connection, key)
        to_merchant = payment.captured if kind == "CAPTURE" else -payment.captured
        sides = {f"customer:{payment.customer_id}": -to_merchant, "merchant": to_merchant}
        await connection.execute(
            insert(gateway_entries),
            [
                {
                    "key": key,
                    "kind": kind,
                    "account": account,
                    "amount": amount,
                    "currency": payment.currency,
                    "at": datetime.now(UTC),
                }
                for account, amount in sides.items()
            ],
        )


def _capture(payment: Row[Any]) -> Capture:
    return Capture(
        transaction_id=payment.transaction_id,
        customer_id=payment.customer_id,
        amount=payment.captured,
        currency=payment.currency,
    )
