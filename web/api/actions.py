"""Acting on an order in somebody's name: what the body says, and whose name counts."""

from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema
from starlette.responses import Response

from client.actions import LONGEST_NAME, Action
from client.actions import person as person_name
from client.operators import Operators
from models.documents import Document, FreeText
from models.saga import OperatorAction
from models.steps import Step
from web.access import Person
from web.api.idempotency import Answer, Once
from web.problems import FieldFault, ProblemError


class ActionDocument(Document):
    """Who acts, and why."""

    actor: (
        Annotated[
            str,
            BeforeValidator(person_name),
            WithJsonSchema({"type": "string", "minLength": 1, "maxLength": LONGEST_NAME}),
        ]
        | None
    ) = None
    """May be left out where a token says who acts, and is needed where none does."""
    reason: FreeText


def acting(person: Person, asked: ActionDocument) -> str:
    """The name under which the action is recorded. Raises `ProblemError`."""
    if person.name is None:
        if asked.actor is None:
            raise ProblemError("INVALID", errors=[FieldFault(field="actor", message="is missing")])
        return asked.actor
    if asked.actor not in (None, person.name):
        raise ProblemError("ACTOR_MISMATCH", f"this token acts as {person.name}")
    return person.name


async def act(
    operators: Operators,
    person: Person,
    once: Once,
    action: Action,
    order_id: str,
    asked: ActionDocument,
    step: Step | None = None,
) -> Response:
    """Do it in the person's name, and answer with the order's state right after."""
    by = OperatorAction(actor=acting(person, asked), reason=asked.reason, step=step)

    async def do() -> Answer:
        state = await operators.act(action, order_id, by, request_id=once.request_id)
        return Answer(status=200, body=state.model_dump_json())

    return await once.answer(do)
