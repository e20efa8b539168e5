"""Fills the six stores with ended orders, row by row as the services would leave them."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Table, insert

from audit.stores import Stores
from models.money import decimal_string
from models.saga import SagaKind, SagaState, SagaStatus, StateLine
from models.steps import COMPENSATABLE, COMPLETE_ORDER, SEND_NOTIFICATION, ErrorCode, Service, Step
from services.database import Database
from services.inventory import tables as inventory
from services.notifications import tables as notifications
from services.orders import tables as orders
from services.payments import tables as payments
from services.points import tables as points
from services.shipping import tables as shipping

PRICE, POINTS, CHARGED = 5000, 10, 9000
PRODUCTS = CUSTOMERS = 100
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
FILLED_AT_ONCE = 1000
GUARDS: Mapping[Service, Table] = {
    Service.ORDERS: orders.operations,
    Service.INVENTORY: inventory.operations,
    Service.PAYMENTS: payments.operations,
    Service.POINTS: points.operations,
    Service.SHIPPING: shipping.operations,
    Service.NOTIFICATIONS: notifications.operations,
}
Rows = defaultdict[tuple[Service, Table], list[dict[str, Any]]]


class SampleOrder:
    """An ended order: nine of ten complete, the others are undone after their shipment."""

    def __init__(self, number: int, at: datetime = BEGAN) -> None:
        # Scattered, as random ids are: neighbours in one index are not neighbours in another.
        self.order_id = f"ORD-{number * 2654435761 % 2**32:08x}-{number}"
        self.completed = number % 10 != 0
        self.product_id = f"PROD-{number % PRODUCTS}"
        self.customer_id = f"CUST-{number % CUSTOMERS}"
        self.at = at
        """When it ended."""
        self.began = at - timedelta(milliseconds=500 + number % 1000)
        self.status = SagaStatus.COMPLETED if self.completed else SagaStatus.COMPENSATED

    def add_to(self, rows: Rows) -> None:
        """Every row that six services keep about it."""
        self._orders(rows)
        self._stock(rows)
        self._money(rows)
        self._points(rows)
        self._parcel(rows)
        self._guards(rows)

    def _state(self) -> SagaState:
        forward = [step.step for step in COMPENSATABLE]
        return SagaState(
            saga_id=f"order-{self.order_id}",
            kind=SagaKind.ORCHESTRATED,
            order_id=self.order_id,
            customer_id=self.customer_id,
            items=(StateLine(product_id=self.product_id, quantity=2, price="50.00"),),
            currency="USD",
            total_amount=decimal_string(2 * PRICE, "USD"),
            amount_charged=decimal_string(CHARGED, "USD"),
            points_to_use=POINTS,
            status=self.status,
            current_step=self.status,
            executed_steps=[*forward, Step.ORDER_COMPLETED] if self.completed else forward,
            compensated_steps=[] if self.completed else forward[::-1],
            error_code=None if self.completed else ErrorCode.ORDER_CANCELLED,
            error_message=None if self.completed else "cancelled by kim: asked by the customer",
            created_at=self.began,
            updated_at=self.at,
        )

    def _orders(self, rows: Rows) -> None:
        common = {"order_id": self.order_id, "customer_id": self.customer_id, "content_hash": "0"}
        line = {"product_id": self.product_id, "quantity": 2, "unit_price": PRICE}
        rows[Service.ORDERS, orders.orders].append(
            {
                **common,
                "currency": "USD",
                "total_amount": 2 * PRICE,
                "amount_charged": CHARGED,
                "points_to_use": POINTS,
                "lines": [line],
                "status": "COMPLETED" if self.completed else "CANCELLED",
            }
        )
        state = self._state()
        rows[Service.ORDERS, orders.saga_records].append(
            {
                **common,
                "saga_id": state.saga_id,
                "kind": state.kind,
                "status": self.status,
                "error_code": state.error_code,
                "error_message": state.error_message,
                "created_at": self.began,
                "ended_at": self.at,
                "took": (self.at - self.began) // timedelta(microseconds=1),
                "state": state.model_dump(mode="json"),
            }
        )
        event = "OrderCompleted" if self.completed else "OrderFailed"
        rows[Service.ORDERS, orders.outbox].append(
            {
                "event_id": f"{self.order_id}:{event}",
                "type": event,
                "order_id": self.order_id,
                "event": {"saga_id": state.saga_id, "status": self.status},
                "created_at": self.at,
            }
        )

    def _stock(self, rows: Rows) -> None:
        line = {"order_id": self.order_id, "product_id": self.product_id}
        status = "HELD" if self.completed else "RELEASED"
        rows[Service.INVENTORY, inventory.reservations].append(
            {**line, "reservation_id": f"RES-{self.order_id}", "quantity": 2, "status": status}
        )
        for cause, moved in self._moves("reserve_inventory", "release_inventory"):
            rows[Service.INVENTORY, inventory.stock_movements].append(
                {
                    **line,
                    "cause": cause,
                    "available": -2 * moved,
                    "reserved": 2 * moved,
                    "at": self.at,
                }
            )

    def _money(self, rows: Rows) -> None:
        totals = {
            "transaction_id": f"TXN-{self.order_id}",
            "customer_id": self.customer_id,
            "currency": "USD",
            "captured": CHARGED,
            "refunded": 0 if self.completed else CHARGED,
        }
        key = f"{self.order_id}:process_payment"
        status = "CAPTURED" if self.completed else "CANCELLED"
        rows[Service.PAYMENTS, payments.payments].append({"order_id": self.order_id, **totals})
        rows[Service.PAYMENTS, payments.gateway_payments].append(
            {"key": key, "status": status, **totals}
        )
        for kind, sign in (("CAPTURE", 1), ("REFUND", -1))[: 1 if self.completed else 2]:
            entry = {"kind": kind, "currency": "USD", "at": self.at}
            rows[Service.PAYMENTS, payments.payment_entries].append(
                {"order_id": self.order_id, "amount": sign * CHARGED, **entry}
            )
            accounts = {f"customer:{self.customer_id}": -sign, "merchant": sign}
            rows[Service.PAYMENTS, payments.gateway_entries] += [
                {"key": key, "account": account, "amount": side * CHARGED, **entry}
                for account, side in accounts.items()
            ]

    def _points(self, rows: Rows) -> None:
        for cause, moved in self._moves("deduct_points", "restore_points"):
            rows[Service.POINTS, points.point_entries].append(
                {
                    "cause": cause,
                    "customer_id": self.customer_id,
                    "order_id": self.order_id,
                    "points": -POINTS * moved,
                    "at": self.at,
                }
            )

    def _parcel(self, rows: Rows) -> None:
        common = {"order_id": self.order_id, "customer_id": self.customer_id}
        rows[Service.SHIPPING, shipping.shipments].append(
            {
                **common,
                "shipment_id": f"SHP-{self.order_id}",
                "shipping_address": "1 Main Street",
                "lines": [{"product_id": self.product_id, "quantity": 2}],
                "status": "BOOKED" if self.completed else "CANCELLED",
                "booked_at": self.at,
                "changed_at": self.at,
            }
        )
        if self.completed:
            rows[Service.NOTIFICATIONS, notifications.notifications].append(
                {
                    **common,
                    "notification_id": f"NTF-{self.order_id}-completed",
                    "kind": "ORDER_COMPLETED",
                    "subject": f"Your order {self.order_id} is complete",
                    "text": "Thank you for your order.",
                    "status": "DELIVERED",
                    "created_at": self.at,
                }
            )

    def _guards(self, rows: Rows) -> None:
        asked = [(step.service, step.activity, not self.completed) for step in COMPENSATABLE]
        asked += (
            [(step.service, step.activity, False) for step in (COMPLETE_ORDER, SEND_NOTIFICATION)]
            if self.completed
            else [(step.service, step.compensation.activity, False) for step in COMPENSATABLE]
        )
        for service, operation, fenced in asked:
            rows[service, GUARDS[service]].append(self._guard(operation, fenced, "null"))
        if not self.completed:  # cancel_order fences complete_order, which was never asked for.
            tombstone = self._guard(COMPLETE_ORDER.activity, True, None)
            rows[Service.ORDERS, orders.operations].append(tombstone)

    def _guard(self, operation: str, fenced: bool, answer: str | None) -> dict[str, Any]:
        return {
            "key": f"{self.order_id}:{operation}",
            "order_id": self.order_id,
            "operation": operation,
            "request_hash": "0",
            "answer": answer,
            "fenced": fenced,
            "fenced_calls": 0,
            "created_at": self.at,
        }

    def _moves(self, forward: str, undo: str) -> Iterator[tuple[str, int]]:
        yield f"{self.order_id}:{forward}", 1
        if not self.completed:
            yield f"{self.order_id}:{undo}", -1


def _shop(count: int) -> Rows:
    """Products and customers, with the balances that the orders leave."""
    rows: Rows = defaultdict(list)
    samples = [SampleOrder(number) for number in range(count)]
    for number in range(PRODUCTS):
        product_id, customer_id = f"PROD-{number}", f"CUST-{number}"
        standing = sum(each.completed for each in samples[number::PRODUCTS])
        stock, held, balance = 10**9, 2 * standing, 10**9 - POINTS * standing
        rows[Service.INVENTORY, inventory.products].append(
            {
                "product_id": product_id,
                "price": PRICE,
                "currency": "USD",
                "available": stock - held,
                "reserved": held,
            }
        )
        stocked = {"cause": "stocked", "product_id": product_id, "order_id": None, "at": BEGAN}
        rows[Service.INVENTORY, inventory.stock_movements].append(
            {**stocked, "available": stock, "reserved": 0}
        )
        rows[Service.POINTS, points.customers].append(
            {"customer_id": customer_id, "balance": balance}
        )
        enrolled = {"cause": "enrolled", "customer_id": customer_id, "order_id": None, "at": BEGAN}
        rows[Service.POINTS, points.point_entries].append({**enrolled, "points": 10**9})
    return rows


async def fill(
    stores: Stores,
    count: int,
    since: datetime = BEGAN,
    every: timedelta = timedelta(seconds=1),
) -> None:
    """Make the stores and put so many orders into them, one `every` so often.

    A store that is left out stays as it is.
    """
    for service, store in stores.items():
        await store.migrate(service)
    await _insert(stores, _shop(count))
    for first in range(0, count, FILLED_AT_ONCE):
        rows: Rows = defaultdict(list)
        for number in range(first, min(first + FILLED_AT_ONCE, count)):
            SampleOrder(number, since + number * every).add_to(rows)
        await _insert(stores, rows)


async def _insert(stores: Stores, rows: Rows) -> None:
    by_store: defaultdict[Database, list[tuple[Table, list[dict[str, Any]]]]] = defaultdict(list)
    for (service, table), values in rows.items():
        if service not in stores:
            continue
        by_store[stores[service]].append((table, values))
    for store, tables in by_store.items():
        async with store.transaction() as connection:
            for table, values in tables:
                await connection.execute(insert(table), values)
