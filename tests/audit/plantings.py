"""For each rule that reads the stores: how to break exactly what it demands, in sound orders."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table, delete, insert, select, update

from models.calls import CompensationInput
from models.steps import Service
from services.inventory.tables import operations as inventory_guards
from services.inventory.tables import products, reservations, stock_movements
from services.notifications.tables import notifications
from services.notifications.tables import operations as notification_guards
from services.orders.tables import operations as order_guards
from services.orders.tables import orders, outbox, saga_records
from services.payments.tables import gateway_entries, gateway_payments, payment_entries, payments
from services.payments.tables import operations as payment_guards
from services.points.tables import customers, point_entries
from services.points.tables import operations as point_guards
from services.shipping.tables import operations as shipping_guards
from services.shipping.tables import shipments
from tests.audit.shop import Shop
from tests.services.orders import CUSTOMER, ENDED_AT, PRODUCT

DONE, UNDONE, OPEN = "ORD-done", "ORD-undone", "ORD-open"
SERVICES = {
    orders: Service.ORDERS,
    saga_records: Service.ORDERS,
    outbox: Service.ORDERS,
    order_guards: Service.ORDERS,
    products: Service.INVENTORY,
    reservations: Service.INVENTORY,
    stock_movements: Service.INVENTORY,
    inventory_guards: Service.INVENTORY,
    payments: Service.PAYMENTS,
    payment_entries: Service.PAYMENTS,
    gateway_payments: Service.PAYMENTS,
    gateway_entries: Service.PAYMENTS,
    payment_guards: Service.PAYMENTS,
    customers: Service.POINTS,
    point_entries: Service.POINTS,
    point_guards: Service.POINTS,
    shipments: Service.SHIPPING,
    shipping_guards: Service.SHIPPING,
    notifications: Service.NOTIFICATIONS,
    notification_guards: Service.NOTIFICATIONS,
}
Plant = Callable[[Shop], Awaitable[None]]


@dataclass(frozen=True)
class Planting:
    """Breaks a rule for one order, or for none if the rule is about a balance."""

    order_id: str | None
    plant: Plant


def _where(table: Table, values: dict[str, Any]) -> Any:
    return [table.c[name] == value for name, value in values.items()]


async def _execute(shop: Shop, table: Table, statement: Any) -> None:
    async with shop.stores[SERVICES[table]].transaction() as connection:
        changed = await connection.execute(statement)
    assert changed.rowcount >= 1, "the planting changed nothing"


def changed(
    order_id: str | None, table: Table, change: dict[str, Any], /, **where: Any
) -> Planting:
    """Some rows have other values."""
    values = {
        name: value(table.c[name]) if callable(value) else value for name, value in change.items()
    }
    statement = update(table).where(*_where(table, where)).values(**values)
    return Planting(order_id, lambda shop: _execute(shop, table, statement))


def removed(order_id: str | None, table: Table, /, **where: Any) -> Planting:
    """Some rows are gone."""
    statement = delete(table).where(*_where(table, where))
    return Planting(order_id, lambda shop: _execute(shop, table, statement))


def added(order_id: str | None, table: Table, /, **values: Any) -> Planting:
    """There is one row more."""
    return Planting(order_id, lambda shop: _execute(shop, table, insert(table).values(**values)))


def unfenced(operation: str, guards: Table) -> Planting:
    """An undone order's step could still have its effect."""
    return changed(UNDONE, guards, {"fenced": False}, key=f"{UNDONE}:{operation}")


def no_guard(order_id: str, operation: str, guards: Table) -> Planting:
    """Nobody has asked for the step."""
    return removed(order_id, guards, key=f"{order_id}:{operation}")


def more(by: int) -> Callable[[Any], Any]:
    """A figure that is greater than it should be."""
    return lambda column: column + by


async def _release(shop: Shop) -> None:
    await shop.inventory.release_inventory(CompensationInput(order_id=DONE))


async def _forget_order(shop: Shop) -> None:
    for table in (saga_records, orders):
        await removed(OPEN, table, order_id=OPEN).plant(shop)


def _record_says(**values: Any) -> Planting:
    async def plant(shop: Shop) -> None:
        this = saga_records.c.order_id == DONE
        async with shop.stores[Service.ORDERS].transaction() as connection:
            state = await connection.scalar(select(saga_records.c.state).where(this))
            change = {"state": {**state, **values}}
            if "status" in values:
                change["status"] = values["status"]
            await connection.execute(update(saga_records).where(this).values(**change))

    return Planting(DONE, plant)


_DONE_KEY, _UNDONE_KEY = f"{DONE}:process_payment", f"{UNDONE}:process_payment"
_MERCHANT = {"account": "merchant"}
PLANTINGS: dict[str, Planting] = {
    "order_is_recorded": removed(DONE, saga_records, order_id=DONE),
    "order_status_matches_record": changed(DONE, orders, {"status": "CANCELLED"}, order_id=DONE),
    "order_adds_up": changed(DONE, orders, {"total_amount": more(1)}, order_id=DONE),
    "record_describes_the_order": changed(
        DONE, saga_records, {"customer_id": "CUST-2"}, order_id=DONE
    ),
    "closed_record_is_whole": changed(DONE, saga_records, {"ended_at": None}, order_id=DONE),
    "ending_is_announced": removed(UNDONE, outbox, order_id=UNDONE),
    "order_follows_its_guard": no_guard(DONE, "complete_order", order_guards),
    "completed_order_was_not_undone": Planting(DONE, _release),
    "steps_match_outcome": _record_says(executed_steps=["ORDER_CREATED", "ORDER_COMPLETED"]),
    "loss_is_accepted_by_name": _record_says(status="FAILED"),
    "stock_matches_outcome": changed(UNDONE, reservations, {"status": "HELD"}, order_id=UNDONE),
    "reservation_equals_the_lines": changed(
        DONE, reservations, {"quantity": more(1)}, order_id=DONE
    ),
    "reservation_equals_its_movements": removed(DONE, stock_movements, order_id=DONE),
    "reservation_has_its_guard": no_guard(OPEN, "reserve_inventory", inventory_guards),
    "reservation_follows_its_guard": changed(
        OPEN, reservations, {"status": "RELEASED"}, order_id=OPEN
    ),
    "money_matches_outcome": removed(UNDONE, payment_entries, order_id=UNDONE, kind="REFUND"),
    "capture_is_the_amount_charged": changed(
        OPEN, payment_entries, {"amount": more(1)}, order_id=OPEN
    ),
    "refund_is_within_capture": changed(
        UNDONE, payment_entries, {"amount": more(-1)}, order_id=UNDONE, kind="REFUND"
    ),
    "payment_equals_its_entries": changed(DONE, payments, {"refunded": 1}, order_id=DONE),
    "gateway_payment_equals_its_entries": changed(
        DONE, gateway_payments, {"refunded": 1}, key=_DONE_KEY
    ),
    "gateway_entries_sum_to_zero": removed(
        DONE, gateway_entries, key=_DONE_KEY, account=f"customer:{CUSTOMER.customer_id}"
    ),
    "gateway_agrees_with_books": removed(UNDONE, gateway_entries, key=_UNDONE_KEY, kind="REFUND"),
    "payment_belongs_to_the_order": changed(
        DONE, gateway_entries, {"currency": "EUR"}, key=_DONE_KEY, **_MERCHANT
    ),
    "payment_has_its_guard": no_guard(OPEN, "process_payment", payment_guards),
    "payment_follows_its_guard": removed(OPEN, payment_entries, order_id=OPEN),
    "points_match_outcome": removed(UNDONE, point_entries, cause=f"{UNDONE}:restore_points"),
    "spent_points_are_the_orders": changed(
        OPEN, point_entries, {"points": more(-1)}, order_id=OPEN
    ),
    "points_move_once": added(
        DONE,
        point_entries,
        cause="by hand",
        customer_id=CUSTOMER.customer_id,
        order_id=DONE,
        points=-10,
        at=ENDED_AT,
    ),
    "points_have_their_guard": no_guard(OPEN, "deduct_points", point_guards),
    "points_follow_their_guard": removed(OPEN, point_entries, order_id=OPEN),
    "shipment_matches_outcome": changed(UNDONE, shipments, {"status": "BOOKED"}, order_id=UNDONE),
    "shipment_equals_the_order": changed(
        DONE,
        shipments,
        {"lines": [{"product_id": PRODUCT.product_id, "quantity": 1}]},
        order_id=DONE,
    ),
    "shipment_has_its_guard": no_guard(OPEN, "create_shipment", shipping_guards),
    "shipment_follows_its_guard": removed(OPEN, shipments, order_id=OPEN),
    "customer_is_told_once": added(
        DONE,
        notifications,
        notification_id="NTF-again",
        order_id=DONE,
        kind="ORDER_SHIPPED",
        customer_id=CUSTOMER.customer_id,
        subject="Your order is complete",
        text="Again.",
        status="DELIVERED",
        created_at=ENDED_AT,
    ),
    "only_completion_is_told": changed(UNDONE, notifications, {"order_id": UNDONE}, order_id=DONE),
    "notification_has_its_guard": removed(DONE, notifications, order_id=DONE),
    "create_order_is_undone_for_good": unfenced("create_order", order_guards),
    "reserve_inventory_is_undone_for_good": unfenced("reserve_inventory", inventory_guards),
    "process_payment_is_undone_for_good": unfenced("process_payment", payment_guards),
    "deduct_points_is_undone_for_good": unfenced("deduct_points", point_guards),
    "create_shipment_is_undone_for_good": unfenced("create_shipment", shipping_guards),
    "no_stock_is_held_without_a_saga": Planting(OPEN, _forget_order),
    "no_money_is_kept_without_a_saga": Planting(OPEN, _forget_order),
    "no_points_are_kept_without_a_saga": Planting(OPEN, _forget_order),
    "no_parcel_leaves_without_a_saga": Planting(OPEN, _forget_order),
    "stock_equals_its_movements": changed(None, products, {"available": more(1)}),
    "reserved_stock_is_held": removed(None, reservations, order_id=DONE),
    "stock_moves_for_a_reason": added(
        None,
        stock_movements,
        cause="by hand",
        product_id=PRODUCT.product_id,
        available=1,
        reserved=0,
        at=ENDED_AT,
    ),
    "points_equal_their_entries": changed(None, customers, {"balance": more(1)}),
}
