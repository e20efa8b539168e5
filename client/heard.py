"""What the events of a choreographed order tell of its steps, by their names on the wire.

Its tracker calls no service: it is told, by the signal `hear`, what each one did.
"""

from collections.abc import Collection

from models.steps import (
    COMPENSATABLE,
    COMPLETE_ORDER,
    CREATE_ORDER,
    CREATE_SHIPMENT,
    DEDUCT_POINTS,
    PROCESS_PAYMENT,
    RESERVE_INVENTORY,
    SEND_NOTIFICATION,
    STEPS,
    Step,
)

SIGNAL = "hear"

DONE: dict[str, str] = {
    "OrderCreated": CREATE_ORDER.activity,
    "InventoryReserved": RESERVE_INVENTORY.activity,
    "PaymentProcessed": PROCESS_PAYMENT.activity,
    "PointsDeducted": DEDUCT_POINTS.activity,
    "ShipmentCreated": CREATE_SHIPMENT.activity,
    "OrderCompleted": COMPLETE_ORDER.activity,
    "NotificationSent": SEND_NOTIFICATION.activity,
    "ShipmentCancelled": CREATE_SHIPMENT.compensation.activity,
    "PointsRestored": DEDUCT_POINTS.compensation.activity,
    "PaymentRefunded": PROCESS_PAYMENT.compensation.activity,
    "InventoryReleased": RESERVE_INVENTORY.compensation.activity,
    "OrderFailed": CREATE_ORDER.compensation.activity,
}
"""The operation that has had its effect when an event of this type is heard."""

FAILED: dict[str, str] = {
    "InventoryFailed": RESERVE_INVENTORY.activity,
    "PaymentFailed": PROCESS_PAYMENT.activity,
    "PointDeductionFailed": DEDUCT_POINTS.activity,
    "ShipmentFailed": CREATE_SHIPMENT.activity,
    "NotificationFailed": SEND_NOTIFICATION.activity,
}
"""The operation that did not get done."""


def expected_step(
    passed: Collection[Step], compensated: Collection[Step], *, undoing: bool
) -> str | None:
    """`current_step` of an order that has passed these steps; None when nothing is left.

    Undos run at the same time: the one whose step came last stands for all.
    """
    if undoing:
        left = (
            step.compensation.running
            for step in reversed(COMPENSATABLE)
            if step.step in passed and step.step not in compensated
        )
        return next(left, CREATE_ORDER.compensation.running)
    return next((step.running for step in STEPS if step.step not in passed), None)
