"""One order as a row of the list: an ended one from its record, a running one from Temporal."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.common import SearchAttributeKey

from client.description import AnyDescription, attribute
from client.observation import PendingCall, pending_calls
from client.running import KINDS, ORDER_STATUS
from client.timeline import CALLS, Story, instant, running_name
from client.views import Lane, OrderRow
from models.money import decimal_string
from models.order import Order
from models.saga import SagaKind, SagaStatus
from models.steps import STEPS
from services.orders.listing import ListedOrder

NEEDS_OPERATOR = SearchAttributeKey.for_bool("NeedsOperator")


@dataclass(frozen=True)
class Facts:
    """What does not change about an order while its saga runs."""

    order_id: str
    customer_id: str
    currency: str
    total_amount: int
    amount_charged: int
    created_at: datetime

    @classmethod
    def recorded(cls, listed: ListedOrder) -> Self:
        """As the orders service has them."""
        return cls(
            listed.record.order_id,
            listed.record.customer_id,
            listed.currency,
            listed.total_amount,
            listed.amount_charged,
            listed.record.created_at,
        )

    @classmethod
    def placed(cls, order: Order, at: datetime) -> Self:
        """As the order was placed; the orders service does not know it yet."""
        return cls(
            order.order_id,
            order.customer_id,
            order.currency,
            order.total_amount,
            order.amount_charged,
            at,
        )

    def row(self, saga_id: str, kind: SagaKind, status: SagaStatus) -> OrderRow:
        """A row that tells no more than the status."""
        return OrderRow(
            order_id=self.order_id,
            saga_id=saga_id,
            kind=kind,
            customer_id=self.customer_id,
            status=status,
            current_step=status,
            progress=100 if status is SagaStatus.COMPLETED else 0,
            attempt=None,
            retrying_since=None,
            next_attempt_at=None,
            last_error=None,
            needs_operator=False,
            held=False,
            currency=self.currency,
            total_amount=decimal_string(self.total_amount, self.currency),
            amount_charged=decimal_string(self.amount_charged, self.currency),
            error_code=None,
            created_at=self.created_at,
            updated_at=self.created_at,
            ended_at=None,
        )


def recorded_row(listed: ListedOrder) -> OrderRow:
    """What the record tells; of one that is open, no more than that it is there."""
    record, state = listed.record, listed.record.state
    row = Facts.recorded(listed).row(record.saga_id, record.kind, record.status)
    if state is None:
        return row
    return row.model_copy(
        update={
            "current_step": state.current_step,
            "progress": state.progress,
            "error_code": record.error_code,
            "last_error": record.error_message,
            "updated_at": state.updated_at,
            "ended_at": record.ended_at,
        }
    )


class LiveSaga:
    """A saga that runs, as Temporal describes it, with the reactions of a choreographed one."""

    def __init__(
        self,
        description: AnyDescription,
        reactions: Sequence[AnyDescription] = (),
    ) -> None:
        self.description = description
        self.kind = KINDS.get(description.workflow_type, SagaKind.ORCHESTRATED)
        self.status = SagaStatus(attribute(description, ORDER_STATUS) or SagaStatus.STARTED)
        self.needs_operator = bool(attribute(description, NEEDS_OPERATOR))
        self._pending = [
            (info, call)
            for each in (description, *reactions)
            for info, call in zip(
                each.raw_description.pending_activities, pending_calls(each), strict=True
            )
            if call.operation in CALLS
        ]

    @property
    def needs_story(self) -> bool:
        """Whether the call under way does not tell how far the saga has come, or for how long."""
        if not self._pending:
            return True
        info, call = self._latest
        _, lane = CALLS[call.operation]
        return lane is Lane.UNDO or (call.attempt > 1 and not info.HasField("expiration_time"))

    def row(self, facts: Facts, story: Story) -> OrderRow:
        """The row; `story` may be empty where it is not needed."""
        row = facts.row(self.description.id, self.kind, self.status)
        changes = self._at_rest(story) if not self._pending else self._calling(story)
        if self.status is SagaStatus.COMPLETED:
            changes["progress"] = 100
        return row.model_copy(
            update=changes
            | {"needs_operator": self.needs_operator, "updated_at": self._last_sign(story)}
        )

    @property
    def _latest(self) -> tuple[PendingActivityInfo, PendingCall]:
        """The call that was asked for last; there may be older ones that wait for a person.

        Reactions undo at the same time: the one whose step comes last stands for all.
        """
        if self.kind is SagaKind.CHOREOGRAPHED:
            return max(
                self._pending, key=lambda pending: STEPS.index(CALLS[pending[1].operation][0])
            )
        return max(self._pending, key=lambda pending: int(pending[0].activity_id))

    def _calling(self, story: Story) -> dict[str, object]:
        info, call = self._latest
        step, lane = CALLS[call.operation]
        before = [made for made in story.calls_of(step, lane) if made.ended_at is not None]
        attempt = sum(made.attempts for made in before) + call.attempt
        forward = lane is Lane.FORWARD
        return {
            "current_step": running_name(step, lane),
            "progress": 100 * STEPS.index(step) // len(STEPS) if forward else story.progress,
            "attempt": attempt,
            "retrying_since": _first_asked(info, story, call) if attempt > 1 else None,
            "next_attempt_at": call.next_attempt_at,
            "last_error": call.last_error or _last_error(story),
        }

    def _at_rest(self, story: Story) -> dict[str, object]:
        """No service is being asked: the saga is between two steps, held, or waits for a person.

        That of a choreographed order never asks any: it is told.
        """
        told = story.told
        return {
            "current_step": (told.current_step if told else story.current_step) or self.status,
            "progress": told.progress if told else story.progress,
            "last_error": _last_error(story),
            "held": self._is_held,
        }

    @property
    def _is_held(self) -> bool:
        """What else would an orchestrated saga wait for that goes forward and asks nobody?"""
        raw = self.description.raw_description
        return (
            self.kind is SagaKind.ORCHESTRATED
            and self.status in (SagaStatus.STARTED, SagaStatus.IN_PROGRESS)
            and not raw.pending_activities
            and not raw.HasField("pending_workflow_task")
        )

    def _last_sign(self, story: Story) -> datetime:
        signs = [self.description.start_time]
        signs += [call.ended_at or call.started_at for call in story.calls]
        for info, _ in self._pending:
            signs += [
                instant(getattr(info, name))
                for name in ("last_started_time", "last_attempt_complete_time")
                if info.HasField(name)
            ]
        return max(signs)


def _first_asked(info: PendingActivityInfo, story: Story, call: PendingCall) -> datetime | None:
    step, lane = CALLS[call.operation]
    if made := story.calls_of(step, lane):
        return made[0].started_at
    limit = info.activity_options.schedule_to_close_timeout
    if info.HasField("expiration_time") and limit.ToNanoseconds():
        return instant(info.expiration_time) - limit.ToTimedelta()
    return None


def _last_error(story: Story) -> str | None:
    errors: Sequence[str] = [call.error for call in story.calls if call.error is not None]
    return errors[-1] if errors else None
