"""What must be true of an order's shipment, and of what its customer is told."""

from audit.facts import OrderFacts, Outcome, listed, quantities
from audit.rules.rule import Figures, order_rule
from models.steps import COMPLETE_ORDER, CREATE_SHIPMENT, SEND_NOTIFICATION, Service, Step
from services.notifications.tables import notifications

_SHIP = CREATE_SHIPMENT.activity
_CANCEL = CREATE_SHIPMENT.compensation.activity
_NOTIFY = SEND_NOTIFICATION.activity


@order_rule(Service.SHIPPING, Step.SHIPMENT_CREATED)
def shipment_matches_outcome(order: OrderFacts) -> Figures | None:
    """A COMPLETED order has a shipment that leaves or has left; an undone one has none.

    To do: stop or fetch back the parcel of an undone order; book one for a completed order.
    """
    if not order.ended or order.shipment_lives == (order.outcome is Outcome.COMPLETED):
        return None
    return {"outcome": order.outcome.value, "shipment": _status(order)}


@order_rule(Service.SHIPPING)
def shipment_equals_the_order(order: OrderFacts) -> Figures | None:
    """A shipment holds the order's lines and goes to its customer.

    To do: correct the shipment before it leaves, or send what is missing.
    """
    if order.order is None or order.shipment is None:
        return None
    sent, customer = quantities(order.shipment.lines), order.shipment.customer_id
    if sent == order.lines and customer == order.order.customer_id:
        return None
    return {"ordered": listed(order.lines), "sent": listed(sent), "customer": customer}


@order_rule(Service.SHIPPING)
def shipment_has_its_guard(order: OrderFacts) -> Figures | None:
    """A shipment was booked under the order's key, and cancelled only by its undo.

    To do: it was booked or cancelled past the shipping service; undo that unless it fits the
    order.
    """
    if order.shipment is None:
        return None
    if not order.answered(_SHIP):
        return {_SHIP: "not answered", "shipment": _status(order)}
    if order.shipment.status == "CANCELLED" and not order.answered(_CANCEL):
        return {_CANCEL: "not answered", "shipment": _status(order)}
    return None


@order_rule(Service.SHIPPING)
def shipment_follows_its_guard(order: OrderFacts) -> Figures | None:
    """After a booking that succeeded there is a shipment; after its cancellation none leaves.

    It holds for open orders too.
    To do: as for `shipment_matches_outcome`.
    """
    if order.answered(_CANCEL):
        return {_CANCEL: "answered", "shipment": _status(order)} if order.shipment_lives else None
    if order.answered(_SHIP) and not order.fenced(_SHIP) and not order.shipment_lives:
        return {_SHIP: "answered", "shipment": _status(order)}
    return None


@order_rule(Service.NOTIFICATIONS)
def customer_is_told_once(order: OrderFacts) -> Figures | None:
    """A customer gets at most one notification about an order.

    To do: nothing can be unsaid; find out what sent the second one.
    """
    told = len(order.rows[notifications])
    return {"notifications": told} if told > 1 else None


@order_rule(Service.NOTIFICATIONS)
def only_completion_is_told(order: OrderFacts) -> Figures | None:
    """Only an order that is, or once was, COMPLETED has a notification.

    To do: tell the customer that the order did not complete.
    """
    told = len(order.rows[notifications])
    if not told or order.answered(COMPLETE_ORDER.activity):
        return None
    return {"outcome": order.outcome.value, "notifications": told}


@order_rule(Service.NOTIFICATIONS)
def notification_has_its_guard(order: OrderFacts) -> Figures | None:
    """A notification was asked for under the order's key, and one that was sent is there.

    To do: find out what wrote it, or write the one that is missing into the customer's inbox.
    """
    told, guard = len(order.rows[notifications]), order.guards.get(_NOTIFY)
    if (told and guard is None) or (not told and order.answered(_NOTIFY)):
        asked = "missing" if guard is None else "answered"
        return {_NOTIFY: asked, "notifications": told}
    return None


RULES = (
    shipment_matches_outcome,
    shipment_equals_the_order,
    shipment_has_its_guard,
    shipment_follows_its_guard,
    customer_is_told_once,
    only_completion_is_told,
    notification_has_its_guard,
)


def _status(order: OrderFacts) -> str:
    return "none" if order.shipment is None else str(order.shipment.status)
