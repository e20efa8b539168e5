"""What the six stores and Temporal say about one order, side by side and not yet judged."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any

from sqlalchemy import Row, Table

from audit.report import AcceptedUndo
from models.saga import SagaStatus
from services.inventory.tables import reservations
from services.orders.tables import orders, saga_records
from services.payments.tables import (
    gateway_entries,
    gateway_payments,
    payment_entries,
    payments,
)
from services.points.tables import point_entries
from services.shipping.tables import shipments

ACCEPTING = frozenset({"resolve", "abandon"})
"""What a person does to an undo that the machine does not get done."""


@dataclass(frozen=True)
class Workflow:
    """An order's workflow as Temporal knows it."""

    status: str
    """`RUNNING`, `COMPLETED`, `FAILED`, `TERMINATED`, …; `ABSENT` if Temporal knows none."""
    state: Mapping[str, Any] | None = None
    """The saga's state that it ended with; None while it runs, and if it was cut short."""

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return self.status == "RUNNING"


class Outcome(Enum):
    """What may be expected of an order's effects."""

    OPEN = "open"
    """The saga is under way: effects may stand or not, but each must be whole."""
    COMPLETED = "completed"
    """Every effect stands."""
    UNDONE = "undone"
    """No effect stands, but for those that a person has accepted."""
    CUT_SHORT = "cut short"
    """The record is open and nobody will close it: the workflow ended without an outcome."""
    UNRECORDED = "unrecorded"
    """The orders service knows no such saga."""


class OrderFacts:
    """One order's rows. Derived figures are computed once, so no row may be added after reading."""

    def __init__(self, order_id: str) -> None:
        self.order_id = order_id
        self.rows: defaultdict[Table, list[Row[Any]]] = defaultdict(list)
        self.guards: dict[str, Row[Any]] = {}
        """The guards' rows of all services, by operation."""
        self.workflow: Workflow | None = None
        """None if Temporal was not asked about this order."""

    @cached_property
    def order(self) -> Row[Any] | None:
        """What was ordered."""
        return self._only(orders)

    @cached_property
    def record(self) -> Row[Any] | None:
        """The saga's record."""
        return self._only(saga_records)

    @cached_property
    def payment(self) -> Row[Any] | None:
        """What the payments service says in all."""
        return self._only(payments)

    @cached_property
    def gateway_payment(self) -> Row[Any] | None:
        """What the gateway says in all."""
        return self._only(gateway_payments)

    @cached_property
    def shipment(self) -> Row[Any] | None:
        """The order's parcel."""
        return self._only(shipments)

    @cached_property
    def outcome(self) -> Outcome:
        """How the order ended, or that it did not."""
        if self.record is None:
            return Outcome.UNRECORDED
        if self.workflow is not None and self.workflow.running:
            return Outcome.OPEN  # Also a closed one whose workflow was reset and undoes it now.
        status = self.record.status
        if status == SagaStatus.STARTED and self.workflow is not None:
            if self.workflow.state is None:
                return Outcome.CUT_SHORT
            status = self.workflow.state["status"]
        if status == SagaStatus.STARTED:
            return Outcome.OPEN
        return Outcome.COMPLETED if status == SagaStatus.COMPLETED else Outcome.UNDONE

    @cached_property
    def ended(self) -> bool:
        """Whether the effects must be all there or all gone."""
        return self.outcome in (Outcome.COMPLETED, Outcome.UNDONE)

    @cached_property
    def state(self) -> Mapping[str, Any]:
        """The saga's state at its end; empty while there is none."""
        recorded = self.record.state if self.record is not None else None
        ended = self.workflow.state if self.workflow is not None else None
        return recorded or ended or {}

    @cached_property
    def accepted(self) -> frozenset[str]:
        """The steps whose undo a person did by hand or gave up."""
        return frozenset(undo.step for undo in self.accepted_undos())

    def accepted_undos(self) -> Iterator[AcceptedUndo]:
        """What persons did instead of the machine."""
        for resolution in self.state.get("resolutions", ()):
            if resolution["action"] in ACCEPTING:
                yield AcceptedUndo(
                    order_id=self.order_id,
                    **{key: resolution[key] for key in ("step", "action", "actor", "reason", "at")},
                )

    @cached_property
    def lines(self) -> dict[str, int]:
        """Ordered pieces of each product."""
        return quantities(self.order.lines) if self.order is not None else {}

    @cached_property
    def held(self) -> dict[str, int]:
        """Pieces of each product that are held for the order."""
        return {
            row.product_id: row.quantity for row in self.rows[reservations] if row.status == "HELD"
        }

    @cached_property
    def booked(self) -> dict[str, int]:
        """The payments service's entries: amount by kind."""
        return {row.kind: row.amount for row in self.rows[payment_entries]}

    @cached_property
    def taken(self) -> dict[str, int]:
        """The gateway's entries on the merchant's account: amount by kind."""
        return {
            row.kind: row.amount for row in self.rows[gateway_entries] if row.account == "merchant"
        }

    @cached_property
    def spent(self) -> int:
        """Points taken off balances."""
        return sum(-row.points for row in self.rows[point_entries] if row.points < 0)

    @cached_property
    def restored(self) -> int:
        """Points given back."""
        return sum(row.points for row in self.rows[point_entries] if row.points > 0)

    @property
    def shipment_lives(self) -> bool:
        """Whether a parcel leaves or has left."""
        return self.shipment is not None and self.shipment.status != "CANCELLED"

    def answered(self, operation: str) -> bool:
        """Whether the operation succeeded."""
        guard = self.guards.get(operation)
        return guard is not None and guard.answered

    def fenced(self, operation: str) -> bool:
        """Whether the operation can have no effect any more."""
        guard = self.guards.get(operation)
        return guard is not None and guard.fenced

    def _only(self, table: Table) -> Row[Any] | None:
        rows = self.rows[table]
        return rows[0] if rows else None


def quantities(lines: list[dict[str, Any]]) -> dict[str, int]:
    """Pieces by product of lines as the stores keep them."""
    pieces: defaultdict[str, int] = defaultdict(int)
    for line in lines:
        pieces[line["product_id"]] += line["quantity"]
    return dict(pieces)


def listed(pieces: Mapping[str, int]) -> str:
    """Pieces by product, as people read them."""
    return ", ".join(f"{count} x {product}" for product, count in sorted(pieces.items())) or "none"
