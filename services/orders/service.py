"""The orders service: which orders there are, and how their sagas ended."""

from datetime import datetime
from typing import Any

from sqlalchemy import insert, literal, select, update

from models.calls import CloseOrderInput, CreateOrderInput, CreateOrderResult
from models.contract import Contract
from models.errors import Fenced, KeyReused, OrderGivenUp, OrderIdTaken, OrderNotOpen
from models.order import Order
from models.saga import SagaKind, SagaState, SagaStatus
from models.steps import COMPLETE_ORDER, CREATE_ORDER
from services.columns import Instant, MicrosecondsBetween
from services.database import Connection, Database
from services.operations import Operations, forward, undo
from services.orders.records import OrderRecords, content_hash
from services.orders.tables import operations, orders, outbox, saga_records


class _OrderContent(Contract):
    """What makes an order the same order when it is asked for again."""

    content_hash: str
    kind: SagaKind


class OrdersService:
    """Opens and closes orders. An order is PENDING, and nothing more, until its saga ends.

    Closing writes the order, its saga's record and an event for other systems in one transaction.
    """

    def __init__(self, database: Database) -> None:
        self._operations = Operations(database, operations)
        self._records = OrderRecords(database)

    async def create_order(self, request: CreateOrderInput) -> CreateOrderResult:
        """Opens the order and its saga's record.

        Raises `OrderIdTaken` if the id belongs to an order of other content or kind, and
        `OrderGivenUp` if the order has ended FAILED, which happens after a reset.
        """
        order = request.order
        content = _content(order, request.kind)
        try:
            return await self._operations.perform(
                forward(CREATE_ORDER, order.order_id, content, CreateOrderResult),
                lambda connection: self._open(connection, request),
            )
        except KeyReused:
            raise OrderIdTaken(f"{order.order_id} is the id of another order") from None
        except Fenced:
            await self._check_not_given_up(order.order_id, content)
            raise

    async def complete_order(self, request: CloseOrderInput) -> None:
        """Closes the order as completed.

        Raises `OrderNotOpen` if there is no such order. After a reset it may have been undone:
        then this raises `Fenced`, or `OrderGivenUp` if that was with an accepted loss.
        """
        order, content = request.order, _content(request.order, request.state.kind)
        try:
            await self._operations.perform(
                forward(COMPLETE_ORDER, order.order_id, content, type(None)),
                lambda connection: self._complete(connection, request),
            )
        except Fenced:
            await self._check_not_given_up(order.order_id, content)
            raise

    async def cancel_order(self, request: CloseOrderInput) -> None:
        """Closes the order as undone; `state.status` says whether by all means or with a loss.

        An order that was never opened is recorded, and one that was completed is turned: that
        happens after its workflow was reset, when every effect really has been undone.
        """
        order, state = request.order, request.state
        await self._operations.perform(
            undo(CREATE_ORDER, order.order_id, _content(order, state.kind), (COMPLETE_ORDER,)),
            lambda connection: self._cancel(connection, request),
        )

    async def _check_not_given_up(self, order_id: str, content: _OrderContent) -> None:
        """Tell an undone order that ended with an accepted loss from one that has none."""
        record = await self._records.get(order_id)
        if record is None or record.status is not SagaStatus.FAILED:
            return
        if (record.content_hash, record.kind) != (content.content_hash, content.kind):
            raise OrderIdTaken(f"{order_id} is the id of another order") from None
        raise OrderGivenUp(f"{order_id} has ended with an accepted loss") from None

    async def _open(self, connection: Connection, request: CreateOrderInput) -> CreateOrderResult:
        order = request.order
        await connection.execute(insert(orders).values(**_order_row(order), status="PENDING"))
        await connection.execute(
            insert(saga_records).values(
                saga_id=request.saga_id,
                order_id=order.order_id,
                kind=request.kind.value,
                customer_id=order.customer_id,
                content_hash=content_hash(order),
                status=SagaStatus.STARTED.value,
                created_at=request.placed_at,
            )
        )
        return CreateOrderResult(order_id=order.order_id)

    async def _complete(self, connection: Connection, request: CloseOrderInput) -> None:
        order, state = request.order, request.state
        this = orders.c.order_id == order.order_id
        found = (await connection.execute(select(orders).where(this).with_for_update())).first()
        if found is None or found.status != "PENDING":
            raise OrderNotOpen(f"{order.order_id} is not open")
        if found.content_hash != content_hash(order):
            raise OrderIdTaken(f"{order.order_id} is the id of another order")
        await connection.execute(update(orders).where(this).values(status="COMPLETED"))
        await self._close(connection, state, SagaStatus.COMPLETED)
        await self._announce(connection, order, state, "OrderCompleted")

    async def _cancel(self, connection: Connection, request: CloseOrderInput) -> None:
        order, state = request.order, request.state
        await connection.execute(
            connection.insert(orders)
            .values(**_order_row(order), status="CANCELLED")
            .on_conflict_do_update(index_elements=["order_id"], set_={"status": "CANCELLED"})
        )
        never_opened = connection.insert(saga_records).values(
            saga_id=state.saga_id,
            order_id=order.order_id,
            kind=state.kind.value,
            customer_id=order.customer_id,
            content_hash=content_hash(order),
            status=SagaStatus.STARTED.value,
            created_at=state.created_at,
        )
        await connection.execute(never_opened.on_conflict_do_nothing())
        await self._close(connection, state, state.status)
        await self._announce(connection, order, state, "OrderFailed")

    @staticmethod
    async def _close(connection: Connection, state: SagaState, status: SagaStatus) -> None:
        ended_at = literal(_ended_at(state), Instant)
        await connection.execute(
            update(saga_records)
            .where(saga_records.c.order_id == state.order_id)
            .values(
                status=status.value,
                error_code=state.error_code,
                error_message=state.error_message,
                ended_at=ended_at,
                took=MicrosecondsBetween(saga_records.c.created_at, ended_at),
                state=state.model_dump(mode="json"),
            )
        )

    @staticmethod
    async def _announce(connection: Connection, order: Order, state: SagaState, kind: str) -> None:
        event: dict[str, Any] = {
            "saga_id": state.saga_id,
            "kind": state.kind.value,
            "order_id": order.order_id,
            "customer_id": order.customer_id,
            "currency": order.currency,
            "total_amount": state.total_amount,
            "amount_charged": state.amount_charged,
            "points_to_use": order.points_to_use,
            "status": state.status.value,
        }
        if state.error_code is not None:
            event |= {"error_code": state.error_code, "error_message": state.error_message}
        await connection.execute(
            insert(outbox).values(
                event_id=f"{order.order_id}:{kind}",
                type=kind,
                order_id=order.order_id,
                event=event,
                created_at=_ended_at(state),
            )
        )


def _content(order: Order, kind: SagaKind) -> _OrderContent:
    return _OrderContent(content_hash=content_hash(order), kind=kind)


def _ended_at(state: SagaState) -> datetime:
    """By the saga's clock, like every time in a record."""
    if state.status is SagaStatus.COMPLETED:
        return state.completed_at or state.updated_at
    return state.compensated_at or state.failed_at or state.updated_at


def _order_row(order: Order) -> dict[str, Any]:
    return {
        "order_id": order.order_id,
        "customer_id": order.customer_id,
        "content_hash": content_hash(order),
        "currency": order.currency,
        "total_amount": order.total_amount,
        "amount_charged": order.amount_charged,
        "points_to_use": order.points_to_use,
        "lines": [line.model_dump() for line in order.lines],
    }
