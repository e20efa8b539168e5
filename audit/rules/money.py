"""What must be true of an order's money, in our books and in the payment gateway's."""

from collections import defaultdict

from audit.facts import OrderFacts, Outcome
from audit.rules.rule import Figures, order_rule
from models.steps import PROCESS_PAYMENT, Service, Step
from services.payments.tables import gateway_entries, payment_entries

_PAYMENT = PROCESS_PAYMENT.activity
_REFUND = PROCESS_PAYMENT.compensation.activity


@order_rule(Service.PAYMENTS, Step.PAYMENT_PROCESSED)
def money_matches_outcome(order: OrderFacts) -> Figures | None:
    """Captured less refunded is the amount charged of a COMPLETED order, and 0 of an undone one.

    To do: refund by hand what an undone order still paid; collect or write off what a completed
    one did not pay. Then correct the books of the payments service.
    """
    if order.order is None or not order.ended:
        return None
    expected = order.order.amount_charged if order.outcome is Outcome.COMPLETED else 0
    if sum(order.booked.values()) == expected:
        return None
    return {"expected": expected, **_booked(order)}


@order_rule(Service.PAYMENTS)
def capture_is_the_amount_charged(order: OrderFacts) -> Figures | None:
    """Whatever is captured, in our books or at the gateway, is the order's amount charged.

    To do: refund the difference, or write it off; the order's total was another one when it
    was paid.
    """
    if order.order is None:
        return None
    charged = order.order.amount_charged
    captures = {"books": order.booked.get("CAPTURE"), "gateway": order.taken.get("CAPTURE")}
    if all(capture in (None, charged) for capture in captures.values()):
        return None
    return {"charged": charged, **captures}


@order_rule(Service.PAYMENTS)
def refund_is_within_capture(order: OrderFacts) -> Figures | None:
    """No more is refunded than was captured, in our books and at the gateway.

    To do: find out from the provider's statement which of the two is wrong, and collect what
    was paid out too much.
    """
    for ledger, entries in (("books", order.booked), ("gateway", order.taken)):
        captured, refunded = entries.get("CAPTURE", 0), -entries.get("REFUND", 0)
        if not 0 <= refunded <= captured:
            return {"ledger": ledger, "captured": captured, "refunded": refunded}
    return None


@order_rule(Service.PAYMENTS)
def payment_equals_its_entries(order: OrderFacts) -> Figures | None:
    """A payment's captured and refunded amounts are the sums of its ledger entries.

    To do: the entries are append-only and decide; correct the payment's row by them.
    """
    if order.payment is None:
        return _booked(order) if order.booked else None
    captured, refunded = order.payment.captured, order.payment.refunded
    if (captured, -refunded) == (order.booked.get("CAPTURE", 0), order.booked.get("REFUND", 0)):
        return None
    return {"captured": captured, "refunded": refunded, **_booked(order)}


@order_rule(Service.PAYMENTS)
def gateway_payment_equals_its_entries(order: OrderFacts) -> Figures | None:
    """A gateway payment's captured and refunded amounts are the sums of its ledger entries.

    To do: as for our own books, the entries decide.
    """
    payment = order.gateway_payment
    captured, refunded = (payment.captured, payment.refunded) if payment is not None else (0, 0)
    if (captured, -refunded) == (order.taken.get("CAPTURE", 0), order.taken.get("REFUND", 0)):
        return None
    return {"captured": captured, "refunded": refunded, **_taken(order)}


@order_rule(Service.PAYMENTS)
def gateway_entries_sum_to_zero(order: OrderFacts) -> Figures | None:
    """What one account of the gateway gets, another one gives: every kind of entry sums to zero.

    To do: a side of a booking is missing or was changed; restore it from the other side.
    """
    sums: defaultdict[str, int] = defaultdict(int)
    for entry in order.rows[gateway_entries]:
        sums[entry.kind] += entry.amount
    return {kind: amount for kind, amount in sums.items() if amount} or None


@order_rule(Service.PAYMENTS, Step.PAYMENT_PROCESSED)
def gateway_agrees_with_books(order: OrderFacts) -> Figures | None:
    """Our payment entries and the gateway's are the same, entry by entry.

    While a payment or a refund is under way the gateway may be one entry ahead of us.
    To do: the gateway knows what money moved; book what is missing, or claim from the provider
    what it never moved.
    """
    if order.booked == order.taken or (not _settled(order) and _ahead(order)):
        return None
    return {**_booked(order), **_taken(order)}


@order_rule(Service.PAYMENTS)
def payment_belongs_to_the_order(order: OrderFacts) -> Figures | None:
    """Currency, customer and transaction are the same in order, payment, entries and gateway.

    To do: find out who really paid in which currency (the gateway's row says it) and correct
    the others.
    """
    if order.order is None:
        return None
    currency, customer = order.order.currency, order.order.customer_id
    payers = [row for row in (order.payment, order.gateway_payment) if row is not None]
    booked = (*payers, *order.rows[payment_entries], *order.rows[gateway_entries])
    transactions = {row.transaction_id for row in payers if row.transaction_id}
    # A payment that was cancelled before it was asked for names neither.
    if (
        all(row.currency in (currency, None) for row in booked)
        and all(row.customer_id in (customer, None) for row in payers)
        and len(transactions) <= 1
    ):
        return None
    return {
        "order": f"{currency} of {customer}",
        "currencies": ", ".join(sorted({row.currency for row in booked if row.currency})),
        "customers": ", ".join(sorted({row.customer_id for row in payers if row.customer_id})),
        "transactions": ", ".join(sorted(transactions)),
    }


@order_rule(Service.PAYMENTS)
def payment_has_its_guard(order: OrderFacts) -> Figures | None:
    """Every payment was asked for under the order's key, and every refund was answered.

    To do: money moved past the payments service; find out who moved it, and refund it unless
    the order stands.
    """
    guard = order.guards.get(_PAYMENT)
    captured = order.gateway_payment is not None or bool(order.booked)
    if captured and (guard is None or (guard.refusal is not None and order.taken)):
        return {_PAYMENT: _refusal_or_missing(guard), **_booked(order), **_taken(order)}
    if "REFUND" in order.booked and not order.answered(_REFUND):
        return {_REFUND: "not answered", **_booked(order)}
    return None


@order_rule(Service.PAYMENTS)
def payment_follows_its_guard(order: OrderFacts) -> Figures | None:
    """After a payment that succeeded money stands; after a refund that succeeded none does.

    It holds for open orders too.
    To do: as for `money_matches_outcome`.
    """
    if order.answered(_REFUND):
        balanced = sum(order.booked.values()) == 0 == sum(order.taken.values())
        return None if balanced else {_REFUND: "answered", **_booked(order), **_taken(order)}
    if order.answered(_PAYMENT) and not order.fenced(_PAYMENT) and set(order.booked) != {"CAPTURE"}:
        return {_PAYMENT: "answered", **_booked(order)}
    return None


RULES = (
    money_matches_outcome,
    capture_is_the_amount_charged,
    refund_is_within_capture,
    payment_equals_its_entries,
    gateway_payment_equals_its_entries,
    gateway_entries_sum_to_zero,
    gateway_agrees_with_books,
    payment_belongs_to_the_order,
    payment_has_its_guard,
    payment_follows_its_guard,
)


def _settled(order: OrderFacts) -> bool:
    """Whether no payment or refund can be under way."""
    paid = order.answered(_PAYMENT) and not order.fenced(_PAYMENT)
    return order.ended or paid or order.answered(_REFUND)


def _ahead(order: OrderFacts) -> bool:
    return order.booked.items() <= order.taken.items()


def _booked(order: OrderFacts) -> dict[str, int]:
    return {
        "booked_captured": order.booked.get("CAPTURE", 0),
        "booked_refunded": -order.booked.get("REFUND", 0),
    }


def _taken(order: OrderFacts) -> dict[str, int]:
    return {
        "gateway_captured": order.taken.get("CAPTURE", 0),
        "gateway_refunded": -order.taken.get("REFUND", 0),
    }


def _refusal_or_missing(guard: object) -> str:
    return "missing" if guard is None else "refused"
