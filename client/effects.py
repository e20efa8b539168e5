"""What a saga has done to the world, in words."""

from models.saga import SagaState, SagaStatus
from models.steps import Step


def effects(state: SagaState) -> dict[str, str]:
    """What was reserved, charged, deducted, shipped and told, and what became of it."""
    goods = ", ".join(f"{line.quantity} x {line.product_id}" for line in state.items)
    charge = f"{state.amount_charged} {state.currency}"
    return {
        "reserved": _effect(state, Step.INVENTORY_RESERVED, goods, "released"),
        "charged": _effect(state, Step.PAYMENT_PROCESSED, charge, "refunded"),
        "points": _effect(state, Step.POINTS_DEDUCTED, f"{state.points_to_use}", "restored"),
        "shipment": _effect(
            state, Step.SHIPMENT_CREATED, state.shipment_id or "created", "cancelled"
        ),
        "notified": "yes" if Step.NOTIFICATION_SENT in state.executed_steps else "no",
        "undone": ", ".join(state.compensated_steps) or "nothing",
    }


def seconds_taken(state: SagaState) -> float | None:
    """From the order's start to its end; None while it goes on."""
    ended = {
        SagaStatus.COMPLETED: state.completed_at,
        SagaStatus.COMPENSATED: state.compensated_at,
        SagaStatus.FAILED: state.failed_at,
    }.get(state.status)
    return None if ended is None else (ended - state.created_at).total_seconds()


def _effect(state: SagaState, step: Step, done: str, undone: str) -> str:
    if step in state.executed_steps:
        return f"{done}, then {undone}" if step in state.compensated_steps else done
    if step in state.compensated_steps:
        return f"not known, so {undone} if it was"
    return "nothing"
