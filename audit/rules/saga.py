"""What must be true of an order, of its saga's record and of what other systems were told."""

from audit.facts import OrderFacts
from audit.rules.rule import Figures, order_rule
from models.money import decimal_string, points_value
from models.saga import SagaStatus
from models.steps import COMPENSATABLE, COMPLETE_ORDER, CREATE_ORDER, Service, Step
from services.orders.tables import outbox

_CREATE = CREATE_ORDER.activity
_CANCEL = CREATE_ORDER.compensation.activity
_COMPLETE = COMPLETE_ORDER.activity
_ORDER_STATUS = {
    SagaStatus.STARTED: "PENDING",
    SagaStatus.COMPLETED: "COMPLETED",
    SagaStatus.COMPENSATED: "CANCELLED",
    SagaStatus.FAILED: "CANCELLED",
}
_FORWARD = {step.step for step in COMPENSATABLE}


@order_rule(Service.ORDERS)
def order_is_recorded(order: OrderFacts) -> Figures | None:
    """Every order that any service knows has a row and a saga's record at the orders service.

    To do: restore the orders store from its backup; until then undo by hand what the other
    services did for the order.
    """
    if order.order is not None and order.record is not None:
        return None
    known = sorted({*(table.name for table, rows in order.rows.items() if rows), *order.guards})
    return {
        "order": "missing" if order.order is None else str(order.order.status),
        "record": "missing" if order.record is None else str(order.record.status),
        "known": ", ".join(known),
    }


@order_rule(Service.ORDERS)
def order_status_matches_record(order: OrderFacts) -> Figures | None:
    """PENDING goes with an open record, COMPLETED with COMPLETED, CANCELLED with an undone one.

    To do: they are written in one transaction, so one was changed by hand; the guard's rows of
    complete_order and cancel_order tell which is right.
    """
    if order.order is None or order.record is None:
        return None
    if order.order.status == _ORDER_STATUS.get(order.record.status):
        return None
    return {"order": order.order.status, "record": order.record.status}


@order_rule(Service.ORDERS)
def order_adds_up(order: OrderFacts) -> Figures | None:
    """An order's total is the sum of its lines, and its charge the total less the points.

    To do: the lines and what the customer paid tell which amount was changed.
    """
    if order.order is None:
        return None
    row = order.order
    lines = sum(line["quantity"] * line["unit_price"] for line in row.lines)
    charge = row.total_amount - points_value(row.points_to_use, row.currency)
    if (lines, charge) == (row.total_amount, row.amount_charged):
        return None
    return {
        "lines": lines,
        "total_amount": row.total_amount,
        "amount_charged": row.amount_charged,
        "points_to_use": row.points_to_use,
    }


@order_rule(Service.ORDERS)
def record_describes_the_order(order: OrderFacts) -> Figures | None:
    """A saga's record names the same content, customer, amounts and lines as its order.

    To do: find out which of the two was changed; the payment and the reservation tell.
    """
    if order.order is None or order.record is None:
        return None
    row, record = order.order, order.record
    expected: dict[str, int | str | None] = {
        "customer_id": row.customer_id,
        "content_hash": row.content_hash,
    }
    found = {key: getattr(record, key) for key in expected}
    if record.state is not None:
        expected |= {
            "order_id": order.order_id,
            "currency": row.currency,
            "total_amount": decimal_string(row.total_amount, row.currency),
            "amount_charged": decimal_string(row.amount_charged, row.currency),
            "points_to_use": row.points_to_use,
        }
        found |= {key: record.state.get(key) for key in expected if key not in found}
    wrong = [key for key, value in expected.items() if found[key] != value]
    return {key: f"{expected[key]} in the order, {found[key]} in the record" for key in wrong} or (
        None
    )


@order_rule(Service.ORDERS)
def closed_record_is_whole(order: OrderFacts) -> Figures | None:
    """A closed record has its end, its state and, unless COMPLETED, a code; an open one has none.

    To do: a closed record without them was not written by the saga; restore it.
    """
    if order.record is None:
        return None
    record = order.record
    status = record.state["status"] if record.state is not None else None
    closed = record.status != SagaStatus.STARTED
    coded = closed and record.status != SagaStatus.COMPLETED
    if (
        (record.ended_at is not None) == closed
        and status == (record.status if closed else None)
        and (record.error_code is not None) == coded
    ):
        return None
    return {
        "record": record.status,
        "state": status,
        "error_code": record.error_code,
        "ended_at": record.ended_at.isoformat() if record.ended_at is not None else None,
    }


@order_rule(Service.ORDERS)
def ending_is_announced(order: OrderFacts) -> Figures | None:
    """A closed order has one event of its outcome in the outbox, and an open one has none.

    An order that completed and was undone after a reset of its workflow has both.
    To do: other systems wait for an event that is missing, so write it into the outbox, and take
    back one that is wrong.
    """
    if order.record is None:
        return None
    events = sorted(event.type for event in order.rows[outbox])
    match order.record.status:
        case SagaStatus.STARTED:
            expected = []
        case SagaStatus.COMPLETED:
            expected = ["OrderCompleted"]
        case _:
            completed_before = ["OrderCompleted"] if order.answered(_COMPLETE) else []
            expected = [*completed_before, "OrderFailed"]
    if events == expected and all(event.order_id == order.order_id for event in order.rows[outbox]):
        return None
    return {"events": ", ".join(events) or "none", "expected": ", ".join(expected) or "none"}


@order_rule(Service.ORDERS)
def order_follows_its_guard(order: OrderFacts) -> Figures | None:
    """An order was opened, completed and cancelled by answered calls, and by nothing else.

    To do: an order whose calls do not explain its status was changed past the orders service.
    """
    if order.order is None:
        return None
    answered = {name for name in (_CREATE, _COMPLETE, _CANCEL) if order.answered(name)}
    match order.order.status:
        case "PENDING":
            explained = answered == {_CREATE}
        case "COMPLETED":
            explained = answered == {_CREATE, _COMPLETE}
        case _:
            explained = _CANCEL in answered and order.fenced(_COMPLETE)
    if explained:
        return None
    return {"order": order.order.status, "answered": ", ".join(sorted(answered)) or "none"}


@order_rule(Service.ORDERS)
def completed_order_was_not_undone(order: OrderFacts) -> Figures | None:
    """No step of a COMPLETED order was undone or fenced.

    To do: restore the undone effect, or undo the rest of the order and tell the customer.
    """
    if order.record is None or order.record.status != SagaStatus.COMPLETED or not order.ended:
        return None
    undone = sorted(
        step.step
        for step in COMPENSATABLE
        if order.fenced(step.activity) or step.compensation.activity in order.guards
    )
    return {"undone": ", ".join(undone)} if undone else None


@order_rule(Service.ORDERS)
def steps_match_outcome(order: OrderFacts) -> Figures | None:
    """A COMPLETED saga executed or skipped every step and undid none; others undid what they did.

    Undone by machine or by a person, or given up by a person.
    To do: compare the record's steps with the services' guards; those tell what happened.
    """
    if order.record is None or order.record.state is None:
        return None
    state = order.record.state
    executed, skipped = set(state["executed_steps"]), set(state["skipped_steps"])
    compensated = set(state["compensated_steps"])
    if order.record.status == SagaStatus.COMPLETED:
        missing = (_FORWARD | {Step.ORDER_COMPLETED}) - executed - skipped
        wrong = missing | compensated
    else:
        wrong = (executed & _FORWARD) - compensated - order.accepted
    return {"status": order.record.status, "steps": ", ".join(sorted(wrong))} if wrong else None


@order_rule(Service.ORDERS)
def loss_is_accepted_by_name(order: OrderFacts) -> Figures | None:
    """FAILED means that somebody gave an undo up; every operator action has a name and a reason.

    To do: ask who acted on the order, and keep the answer with it.
    """
    resolutions = order.state.get("resolutions", ())
    unsigned = [each["action"] for each in resolutions if not (each["actor"] and each["reason"])]
    given_up = any(each["action"] == "abandon" for each in resolutions)
    status = order.state.get("status")
    if not unsigned and (status is None or given_up == (status == SagaStatus.FAILED)):
        return None
    return {
        "status": status,
        "given_up": "yes" if given_up else "no",
        "unsigned": ", ".join(unsigned) or "none",
    }


@order_rule(Service.ORDERS, Step.ORDER_CREATED)
def open_order_has_a_running_workflow(order: OrderFacts) -> Figures | None:
    """While an order's record is open, its workflow runs.

    To do: the workflow was terminated, or Temporal lost it. If it is there, reset it in Temporal
    to its first task; if it is gone, place the same order again. Either goes on or undoes.
    """
    if order.workflow is None or order.workflow.running or order.record is None:
        return None
    if order.record.status != SagaStatus.STARTED:
        return None
    return {"record": order.record.status, "workflow": order.workflow.status}


RULES = (
    order_is_recorded,
    order_status_matches_record,
    order_adds_up,
    record_describes_the_order,
    closed_record_is_whole,
    ending_is_announced,
    order_follows_its_guard,
    completed_order_was_not_undone,
    steps_match_outcome,
    loss_is_accepted_by_name,
    open_order_has_a_running_workflow,
)
