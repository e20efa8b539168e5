"""What must be true of the points that an order used."""

from audit.facts import OrderFacts, Outcome
from audit.rules.rule import Figures, order_rule
from models.steps import DEDUCT_POINTS, Service, Step
from services.points.tables import point_entries

_DEDUCT = DEDUCT_POINTS.activity
_RESTORE = DEDUCT_POINTS.compensation.activity


@order_rule(Service.POINTS, Step.POINTS_DEDUCTED)
def points_match_outcome(order: OrderFacts) -> Figures | None:
    """Spent less restored are the points that a COMPLETED order uses, and 0 of an undone one.

    To do: give the customer back what an undone order took; deduct or write off what a
    completed one did not.
    """
    if order.order is None or not order.ended:
        return None
    expected = order.order.points_to_use if order.outcome is Outcome.COMPLETED else 0
    if order.spent - order.restored == expected:
        return None
    return {"expected": expected, **_moved(order)}


@order_rule(Service.POINTS)
def spent_points_are_the_orders(order: OrderFacts) -> Figures | None:
    """Whatever points are spent are those that the order uses, from its customer's balance.

    To do: correct the balance of who paid too much or for somebody else.
    """
    if order.order is None or not order.rows[point_entries]:
        return None
    customers = {row.customer_id for row in order.rows[point_entries]}
    if order.spent == order.order.points_to_use and customers == {order.order.customer_id}:
        return None
    return {
        "to_use": order.order.points_to_use,
        "customers": ", ".join(sorted(customers)),
        **_moved(order),
    }


@order_rule(Service.POINTS)
def points_move_once(order: OrderFacts) -> Figures | None:
    """An order spends points at most once and gets them back at most once, and not more.

    To do: take the second entry back.
    """
    entries = order.rows[point_entries]
    spends = sum(row.points < 0 for row in entries)
    restores = sum(row.points > 0 for row in entries)
    if spends <= 1 and restores <= 1 and order.restored <= order.spent:
        return None
    return {"spends": spends, "restores": restores, **_moved(order)}


@order_rule(Service.POINTS)
def points_have_their_guard(order: OrderFacts) -> Figures | None:
    """Points were spent and restored under the order's keys only, and each call was answered.

    To do: points were moved past the points service; move them back unless the order stands.
    """
    for row in order.rows[point_entries]:
        operation = row.cause.rpartition(":")[2]
        if operation not in (_DEDUCT, _RESTORE) or not order.answered(operation):
            return {"cause": row.cause, "points": row.points}
    return None


@order_rule(Service.POINTS)
def points_follow_their_guard(order: OrderFacts) -> Figures | None:
    """After a deduction that succeeded points are spent; after a restoration none are.

    It holds for open orders too.
    To do: as for `points_match_outcome`.
    """
    net = order.spent - order.restored
    if order.answered(_RESTORE):
        return {_RESTORE: "answered", **_moved(order)} if net else None
    if order.answered(_DEDUCT) and not order.fenced(_DEDUCT) and not net:
        return {_DEDUCT: "answered", **_moved(order)}
    return None


RULES = (
    points_match_outcome,
    spent_points_are_the_orders,
    points_move_once,
    points_have_their_guard,
    points_follow_their_guard,
)


def _moved(order: OrderFacts) -> dict[str, int]:
    return {"spent": order.spent, "restored": order.restored}
