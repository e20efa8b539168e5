"""What must be true of the stock that is held for an order."""

from collections import defaultdict

from audit.facts import OrderFacts, Outcome, listed
from audit.rules.rule import Figures, order_rule
from models.steps import RESERVE_INVENTORY, Service, Step
from services.inventory.tables import reservations, stock_movements

_RESERVE = RESERVE_INVENTORY.activity
_RELEASE = RESERVE_INVENTORY.compensation.activity


@order_rule(Service.INVENTORY, Step.INVENTORY_RESERVED)
def stock_matches_outcome(order: OrderFacts) -> Figures | None:
    """A COMPLETED order holds all of its lines until they ship, and an undone one holds nothing.

    To do: release what an undone order holds; reserve what a completed one lacks, or tell the
    warehouse that it cannot ship.
    """
    if order.order is None or not order.ended:
        return None
    expected = order.lines if order.outcome is Outcome.COMPLETED else {}
    if order.held == expected:
        return None
    return {"expected": listed(expected), "held": listed(order.held)}


@order_rule(Service.INVENTORY)
def reservation_equals_the_lines(order: OrderFacts) -> Figures | None:
    """What was reserved for an order, and perhaps released, is exactly its lines.

    To do: find out whether the order or the reservation was changed; correct that one and the
    stock of the product.
    """
    reserved = {row.product_id: row.quantity for row in order.rows[reservations]}
    if order.order is None or not reserved or reserved == order.lines:
        return None
    return {"ordered": listed(order.lines), "reserved": listed(reserved)}


@order_rule(Service.INVENTORY)
def reservation_equals_its_movements(order: OrderFacts) -> Figures | None:
    """The order's stock movements add up to what it holds, and each moves what it takes.

    To do: the movements are append-only and decide; correct the reservation by them.
    """
    moved: defaultdict[str, int] = defaultdict(int)
    for row in order.rows[stock_movements]:
        if row.available != -row.reserved:
            return {"cause": row.cause, "available": row.available, "reserved": row.reserved}
        moved[row.product_id] += row.reserved
    held = {product: count for product, count in moved.items() if count}
    if held == order.held and _moved_products(order) == _reserved_products(order):
        return None
    return {"moved": listed(held), "held": listed(order.held)}


@order_rule(Service.INVENTORY)
def reservation_has_its_guard(order: OrderFacts) -> Figures | None:
    """Stock was reserved and released under the order's keys only, and each call was answered.

    To do: stock was moved past the inventory service; move it back unless the order stands.
    """
    for row in order.rows[stock_movements]:
        operation = row.cause.rpartition(":")[2]
        if operation not in (_RESERVE, _RELEASE) or not order.answered(operation):
            return {"cause": row.cause, "available": row.available, "reserved": row.reserved}
    if order.rows[reservations] and not order.answered(_RESERVE):
        return {_RESERVE: "not answered", "held": listed(order.held)}
    return None


@order_rule(Service.INVENTORY)
def reservation_follows_its_guard(order: OrderFacts) -> Figures | None:
    """After a reservation that succeeded stock is held; after a release nothing is.

    It holds for open orders too.
    To do: as for `stock_matches_outcome`.
    """
    if order.answered(_RELEASE):
        return {_RELEASE: "answered", "held": listed(order.held)} if order.held else None
    if order.answered(_RESERVE) and not order.fenced(_RESERVE) and not order.held:
        return {_RESERVE: "answered", "held": listed(order.held)}
    return None


RULES = (
    stock_matches_outcome,
    reservation_equals_the_lines,
    reservation_equals_its_movements,
    reservation_has_its_guard,
    reservation_follows_its_guard,
)


def _moved_products(order: OrderFacts) -> set[str]:
    return {row.product_id for row in order.rows[stock_movements]}


def _reserved_products(order: OrderFacts) -> set[str]:
    return {row.product_id for row in order.rows[reservations]}
