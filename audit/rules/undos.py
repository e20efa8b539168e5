"""What must be true once nobody will undo an order any more: steps are fenced, nothing stands."""

from audit.facts import OrderFacts, Outcome, listed
from audit.rules.rule import Figures, OrderRule, order_rule
from models.steps import COMPENSATABLE, Compensatable, Service


def _undone_for_good(step: Compensatable) -> OrderRule:
    """The rule that a step of an undone order is undone, and can have no effect later."""
    forward, undo = step.activity, step.compensation.activity

    def check(order: OrderFacts) -> Figures | None:
        if order.outcome is not Outcome.UNDONE:
            return None
        guard = order.guards.get(forward)
        asked = guard is not None and guard.refusal is None
        if not asked and step.step not in order.state.get("compensated_steps", ()):
            return None
        if order.fenced(forward) and order.answered(undo):
            return None
        return {
            forward: "fenced" if order.fenced(forward) else "not fenced",
            undo: "answered" if order.answered(undo) else "not answered",
        }

    return OrderRule(
        f"{forward}_is_undone_for_good",
        step.service,
        f"In an undone order, {forward} was refused, or it is fenced and {undo} succeeded.\n\n"
        f"To do: until it is, a late call can still have its effect. Look whether its effect "
        f"stands, and undo it by hand.",
        check,
        step.step,
    )


def _without_saga(order: OrderFacts) -> bool:
    return order.outcome in (Outcome.CUT_SHORT, Outcome.UNRECORDED)


def _how(order: OrderFacts) -> str:
    return order.workflow.status if order.workflow is not None else "not asked for"


@order_rule(Service.INVENTORY)
def no_stock_is_held_without_a_saga(order: OrderFacts) -> Figures | None:
    """No stock is held for an order that no saga will ever complete or undo.

    It happens after a workflow was terminated.
    To do: bring the saga back (see `open_order_has_a_running_workflow`), or release by hand.
    """
    if not order.held or not _without_saga(order):
        return None
    return {"held": listed(order.held), "workflow": _how(order)}


@order_rule(Service.PAYMENTS)
def no_money_is_kept_without_a_saga(order: OrderFacts) -> Figures | None:
    """No money is kept for an order that no saga will ever complete or undo.

    To do: bring the saga back (see `open_order_has_a_running_workflow`), or refund by hand.
    """
    booked, taken = sum(order.booked.values()), sum(order.taken.values())
    if not (booked or taken) or not _without_saga(order):
        return None
    return {"booked": booked, "gateway": taken, "workflow": _how(order)}


@order_rule(Service.POINTS)
def no_points_are_kept_without_a_saga(order: OrderFacts) -> Figures | None:
    """No points are kept for an order that no saga will ever complete or undo.

    To do: bring the saga back (see `open_order_has_a_running_workflow`), or restore by hand.
    """
    net = order.spent - order.restored
    if not net or not _without_saga(order):
        return None
    return {"points": net, "workflow": _how(order)}


@order_rule(Service.SHIPPING)
def no_parcel_leaves_without_a_saga(order: OrderFacts) -> Figures | None:
    """No parcel leaves for an order that no saga will ever complete or undo.

    To do: bring the saga back (see `open_order_has_a_running_workflow`), or stop the parcel.
    """
    if not order.shipment_lives or not _without_saga(order):
        return None
    status = order.shipment.status if order.shipment is not None else None
    return {"shipment": status, "workflow": _how(order)}


RULES = (
    *(_undone_for_good(step) for step in COMPENSATABLE),
    no_stock_is_held_without_a_saga,
    no_money_is_kept_without_a_saga,
    no_points_are_kept_without_a_saga,
    no_parcel_leaves_without_a_saga,
)
