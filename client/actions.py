"""What people can do to an order, by the names that commands, updates and requests have."""

import contextlib
from enum import StrEnum

from models.steps import COMPENSATABLE, COMPLETE_ORDER, STEPS, Step
from models.texts import free_text, identifier

LONGEST_NAME = 100
"""Characters of the name of whoever acts."""


class Action(StrEnum):
    """An operator's action; the value is also the name of the workflow's update."""

    CANCEL = "cancel"
    HOLD = "hold"
    RESUME = "resume"
    CLAIM = "claim"
    RETRY = "retry"
    RESOLVE = "resolve"
    ABANDON = "abandon"


ON_INTERVENTIONS = (Action.CLAIM, Action.RETRY, Action.RESOLVE, Action.ABANDON)
"""These concern one intervention, the others the whole order."""

_STEPS = {
    **{step.step.value.lower(): step.step for step in STEPS},
    **{step.compensation.activity: step.step for step in COMPENSATABLE},
    # The pivot has no compensation: what waits for a person there is the call itself.
    COMPLETE_ORDER.activity: COMPLETE_ORDER.step,
}


_SAGA = "order-"


def step_named(name: str) -> Step | None:
    """The step of this name, or whose undo has this name; None if there is none."""
    return _STEPS.get(name.lower())


def reaction(value: object) -> str:
    """A reaction's id, `order-<order id>/<event>/<service>`. Raises `ValueError`."""
    order, *rest = str(value).split("/")
    with contextlib.suppress(ValueError):
        if order.startswith(_SAGA) and len(rest) == 2:
            return "/".join([_SAGA + identifier(order.removeprefix(_SAGA)), *map(identifier, rest)])
    raise ValueError(
        "must be an id as the list of dead letters has it, such as "
        "order-ORD-123/PaymentFailed/payments"
    )


def person(value: object) -> str:
    """The name of whoever acts. Raises `ValueError` as `models.texts.free_text` does."""
    name = free_text(value)
    if len(name) > LONGEST_NAME:
        raise ValueError(f"must be at most {LONGEST_NAME} characters")
    return name
