"""Parked reactions of choreographed orders, over HTTP: the list, and driving one again."""

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BeforeValidator, WithJsonSchema

from client.actions import reaction
from client.dead_letters import open_dead_letters, redrive
from client.documents import parse_document
from models.contract import Contract
from models.events import DeadLetter
from models.saga import OperatorAction
from web.api.actions import ActionDocument, acting
from web.api.bodies import document_body
from web.api.dependencies import Context, JsonBody, Operator, Viewer, problems
from web.api.idempotency import Answer, Once

router = APIRouter(prefix="/api/dead-letters", tags=["dead letters"])

EXAMPLE = "order-ORD-123/PaymentFailed/payments"


class DeadLetters(Contract):
    """All reactions that are parked."""

    dead_letters: tuple[DeadLetter, ...]
    """The longest waiting first."""


class RedriveDocument(ActionDocument):
    """Which reaction somebody drives again, who, and why."""

    reaction_id: Annotated[
        str,
        BeforeValidator(reaction),
        WithJsonSchema({"type": "string", "pattern": "^order-[^/]+/[^/]+/[^/]+$"}),
    ]
    """As the list has it; an intervention has it as `dead_letter`."""


@router.get(
    "",
    operation_id="list_dead_letters",
    summary="List the reactions that are parked",
    responses=problems(401, 403, 503),
)
async def list_dead_letters(_person: Viewer, context: Context) -> DeadLetters:
    """Those of every choreographed order, ended ones too: a notification keeps no order open."""
    letters = await open_dead_letters(context.backend.tools.sagas.client)
    return DeadLetters(dead_letters=tuple(letters))


@router.post(
    "/redrive",
    operation_id="redrive",
    summary="Drive a parked reaction again",
    response_model=DeadLetter,
    responses=problems(400, 401, 403, 404, 409, 413, 415, 422, 503),
    openapi_extra=document_body(
        RedriveDocument, {"reaction_id": EXAMPLE, "reason": "the provider is back"}
    ),
)
async def redrive_dead_letter(
    person: Operator, context: Context, body: JsonBody, once: Once
) -> Response:
    """Its call is tried again, now. Answers at once; whether it succeeds, the order tells."""
    asked = parse_document(body, RedriveDocument)
    by = OperatorAction(actor=acting(person, asked), reason=asked.reason)

    async def do() -> Answer:
        client = context.backend.tools.sagas.client
        letter = await redrive(client, asked.reaction_id, by, request_id=once.request_id)
        return Answer(status=200, body=letter.model_dump_json())

    return await once.answer(do)
