"""What waits for a person, over HTTP: the list, and what a person does about one."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Response

from client.actions import Action, step_named
from client.documents import parse_document
from client.interventions import OpenIntervention
from models.contract import Contract
from models.saga import SagaState
from web.api.actions import ActionDocument, act
from web.api.bodies import document_body
from web.api.dependencies import Context, JsonBody, Operator, OrderId, Viewer, problems
from web.api.idempotency import Once

router = APIRouter(prefix="/api", tags=["interventions"])


class OpenInterventions(Contract):
    """All that waits for a person."""

    interventions: tuple[OpenIntervention, ...]
    """The longest waiting first."""


class InterventionActionDocument(ActionDocument):
    """What somebody does about an intervention, who, and why."""

    action: Literal["claim", "retry", "resolve", "abandon"]


@router.get(
    "/interventions",
    operation_id="list_interventions",
    summary="List what waits for a person",
    responses=problems(401, 403, 503),
)
async def list_interventions(_person: Viewer, context: Context) -> OpenInterventions:
    """Every open intervention of every order."""
    return OpenInterventions(interventions=tuple(await context.backend.tools.board.interventions()))


@router.post(
    "/orders/{order_id}/interventions/{step}",
    operation_id="act_on_intervention",
    summary="Claim, retry, resolve or abandon an intervention",
    response_model=SagaState,
    responses=problems(400, 401, 403, 404, 409, 413, 415, 422, 503),
    openapi_extra=document_body(
        InterventionActionDocument,
        {"action": "claim", "reason": "refunding it at the provider"},
    ),
)
async def act_on_intervention(
    person: Operator,
    context: Context,
    order_id: OrderId,
    step: Annotated[str, Path(max_length=100, description="The step's name or its undo's.")],
    body: JsonBody,
    once: Once,
) -> Response:
    """`claim` takes it from the machine, `retry` gives it back; `resolve` says that it was done
    by hand, `abandon` that the loss is accepted. Only who has claimed it may do the last two.
    """
    asked = parse_document(body, InterventionActionDocument)
    operators, known = context.backend.tools.operators, step_named(step)
    if known is None:
        raise await operators.unknown_step(order_id)
    return await act(operators, person, once, Action(asked.action), order_id, asked, known)
