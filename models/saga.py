"""What a saga is told at its start, and what it tells about itself."""

from datetime import datetime
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, computed_field

from models.contract import Contract
from models.money import decimal_string
from models.order import Order
from models.steps import TOTAL_STEPS, ErrorCode, Step


class SagaKind(StrEnum):
    """How the steps of an order are driven: by one workflow, or by events."""

    ORCHESTRATED = "orchestrated"
    CHOREOGRAPHED = "choreographed"


class SagaStatus(StrEnum):
    """`STARTED → IN_PROGRESS → COMPLETED`, or `… → COMPENSATING → COMPENSATED | FAILED`."""

    STARTED = "STARTED"
    IN_PROGRESS = "IN_PROGRESS"
    COMPENSATING = "COMPENSATING"
    COMPLETED = "COMPLETED"
    """Every effect stands."""
    COMPENSATED = "COMPENSATED"
    """Every effect is undone, by machine or by a named person."""
    FAILED = "FAILED"
    """A named person gave an undo up and accepted the loss."""

    @property
    def ended(self) -> bool:
        """Whether nothing follows this status."""
        return self in (SagaStatus.COMPLETED, SagaStatus.COMPENSATED, SagaStatus.FAILED)


class SagaInput(Contract):
    """Everything a saga may not read from its environment travels here."""

    order: Order
    deadline_seconds: float = 900
    """The order is undone when it has not completed this long after its start."""
    step_seconds: float = 60
    """A forward step is retried for this long in all; then its outcome is unknown."""
    alert_targets: int = 0
    """How many alert targets there are. Their addresses are secrets and stay with the worker:
    the saga names a target by its index."""


class StateLine(Contract):
    """A line of the order, as people read it."""

    product_id: str
    quantity: int
    price: str
    """For one piece, a decimal in the order's currency."""


class Hold(Contract):
    """Who stopped the order from going forward, and why."""

    since: datetime
    by: str
    reason: str


class Intervention(BaseModel):
    """An undo (or the pivot) that does not succeed by itself and waits for a named operator.

    `attempts` and `last_error` are those known when the alert went out; live ones come from
    Temporal's `describe`.
    """

    step: Step
    compensation: str
    """The activity that does not succeed."""
    since: datetime
    attempts: int
    last_error: str
    alerted: bool = False
    claimed_by: str | None = None
    dead_letter: str | None = None
    """Of a choreographed order: the id of the parked reaction that has to be driven again."""


class OperatorAction(Contract):
    """What a person asks of a saga, with name and reason: the argument of every update.

    `step` is the step of the intervention; actions on the whole order have none.
    """

    actor: str
    reason: str
    step: Step | None = None


class Resolution(Contract):
    """One thing a person did to the saga: `claim`, `abandon`, `hold`, … with name and reason."""

    step: Step | None
    action: str
    actor: str
    reason: str
    at: datetime


class SagaState(BaseModel):
    """All that is known about one saga: the query `state`, the workflow's result, `show --json`.

    Amounts are decimals in the order's currency, as strings. The workflow that owns the saga
    changes its state as it goes; everybody else gets a copy.
    """

    saga_id: str
    kind: SagaKind
    order_id: str
    customer_id: str
    items: tuple[StateLine, ...]
    currency: str
    total_amount: str
    amount_charged: str
    """What the order costs the customer in money: the total less the points. It is a price and
    stays the same when the order is undone."""
    points_to_use: int
    status: SagaStatus = SagaStatus.STARTED
    current_step: str = SagaStatus.STARTED
    """The step or the undo that runs; the status before the first step and at the end."""
    executed_steps: list[Step] = []
    skipped_steps: list[Step] = []
    compensated_steps: list[Step] = []
    """In the order they were undone. A step whose outcome stayed unknown is undone too, so it
    stands here without being in `executed_steps`."""
    total_steps: int = TOTAL_STEPS
    error_code: ErrorCode | None = None
    error_message: str | None = None
    warnings: list[str] = []
    held: Hold | None = None
    interventions: list[Intervention] = []
    """The open ones."""
    resolutions: list[Resolution] = []
    inventory_reservation_id: str | None = None
    payment_transaction_id: str | None = None
    point_transaction_id: str | None = None
    shipment_id: str | None = None
    created_at: datetime
    updated_at: datetime
    completed_at: datetime | None = None
    failed_at: datetime | None = None
    compensated_at: datetime | None = None

    @classmethod
    def at_start(cls, order: Order, kind: SagaKind, saga_id: str, at: datetime) -> Self:
        """The state of a saga that has not done anything yet."""
        return cls(
            saga_id=saga_id,
            kind=kind,
            order_id=order.order_id,
            customer_id=order.customer_id,
            items=tuple(
                StateLine(
                    product_id=line.product_id,
                    quantity=line.quantity,
                    price=decimal_string(line.unit_price, order.currency),
                )
                for line in order.lines
            ),
            currency=order.currency,
            total_amount=decimal_string(order.total_amount, order.currency),
            amount_charged=decimal_string(order.amount_charged, order.currency),
            points_to_use=order.points_to_use,
            created_at=at,
            updated_at=at,
        )

    @computed_field  # type: ignore[prop-decorator]  # mypy knows no decorated properties
    @property
    def progress(self) -> int:
        """Percent of the steps that are executed or skipped; 100 when COMPLETED."""
        if self.status is SagaStatus.COMPLETED:
            return 100
        return 100 * (len(self.executed_steps) + len(self.skipped_steps)) // self.total_steps
