"""The payments service: what each order was charged and what it got back.

The money is moved by a gateway that shares no transaction with this service, so each operation
has three parts, and the process may die between any two of them:

====  ====================================  =============================================
part  `process_payment`                     `refund_payment`
====  ====================================  =============================================
1     F1 claim the key, unless fenced       U1 fence the key
2     F2 the gateway captures, by the key   U2 the gateway refunds what was captured under
                                            the key and captures nothing under it any more
3     F3 record the capture, unless fenced  U3 record the capture and its refund
====  ====================================  =============================================

Every part is one transaction and may be repeated. When U3 has happened, what was captured is what
was refunded, whatever came before it and whatever comes after:

- F2 before U2: U2 refunds it, and U3 records both, whether F3 happened or not;
- F2 after U2: the gateway refuses, so there is nothing to refund;
- F3 after U1: the fence refuses it, so only U3 writes the record;
- the process died after any part: the saga repeats the undo until it succeeds, part 2 answers the
  same again, and part 3 is still to come or was done.
"""

from datetime import UTC, datetime

from sqlalchemy import update

from models.calls import CompensationInput, ProcessPaymentInput, ProcessPaymentResult
from models.steps import PROCESS_PAYMENT
from services.database import Connection, Database
from services.operations import Operations, forward, operation_key, undo
from services.payments.gateway import Capture, Charge, PaymentGateway
from services.payments.tables import operations, payment_entries, payments


class PaymentsService:
    """Charges orders through a payment gateway, and keeps the books of it."""

    def __init__(self, database: Database, gateway: PaymentGateway) -> None:
        self._gateway = gateway
        self._operations = Operations(database, operations)

    async def process_payment(self, request: ProcessPaymentInput) -> ProcessPaymentResult:
        """Charges the order. Raises `PaymentDeclined`."""
        charge = Charge.model_validate(request.model_dump(exclude={"order_id"}))
        return await self._operations.perform_outside(
            forward(PROCESS_PAYMENT, request.order_id, request, ProcessPaymentResult),
            lambda: self._gateway.capture(_gateway_key(request.order_id), charge),
            lambda connection, capture: self._captured(connection, request.order_id, capture),
        )

    async def refund_payment(self, request: CompensationInput) -> None:
        """Gives back whatever the order was charged, also if its payment was never answered."""
        await self._operations.perform_outside(
            undo(PROCESS_PAYMENT, request.order_id),
            lambda: self._gateway.cancel(_gateway_key(request.order_id)),
            lambda connection, capture: self._refunded(connection, request.order_id, capture),
        )

    async def _captured(
        self, connection: Connection, order_id: str, capture: Capture
    ) -> ProcessPaymentResult:
        payment = connection.insert(payments).values(
            order_id=order_id,
            transaction_id=capture.transaction_id,
            customer_id=capture.customer_id,
            currency=capture.currency,
            captured=capture.amount,
            refunded=0,
        )
        recorded = await connection.execute(payment.on_conflict_do_nothing())
        if recorded.rowcount:
            await self._book(connection, order_id, "CAPTURE", capture.amount, capture.currency)
        return ProcessPaymentResult(transaction_id=capture.transaction_id)

    async def _refunded(
        self, connection: Connection, order_id: str, capture: Capture | None
    ) -> None:
        if capture is None:
            return
        await self._captured(connection, order_id, capture)
        await connection.execute(
            update(payments)
            .where(payments.c.order_id == order_id)
            .values(refunded=payments.c.captured)
        )
        await self._book(connection, order_id, "REFUND", -capture.amount, capture.currency)

    @staticmethod
    async def _book(
        connection: Connection, order_id: str, kind: str, amount: int, currency: str
    ) -> None:
        entry = connection.insert(payment_entries).values(
            order_id=order_id, kind=kind, amount=amount, currency=currency, at=datetime.now(UTC)
        )
        await connection.execute(entry)


def _gateway_key(order_id: str) -> str:
    return operation_key(order_id, PROCESS_PAYMENT.activity)
