"""Orders over HTTP: placing one, listing them, looking at one, and acting on it as a whole."""

from datetime import UTC, datetime
from typing import Annotated, Any, Self

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from client.actions import Action
from client.documents import parse_document
from client.running import saga_id
from client.sagas import Sagas
from client.views import OrderDetails, OrderFilter, OrderPage, Sought, StepRun
from models.documents import OrderDocument
from models.order import Order
from models.saga import SagaKind, SagaState, SagaStatus
from runtime.program import CommandError
from web.api.actions import ActionDocument, act
from web.api.bodies import document_body
from web.api.dependencies import (
    Context,
    CustomerService,
    JsonBody,
    Operator,
    OrderId,
    Viewer,
    problems,
)
from web.api.idempotency import Answer, Once

router = APIRouter(prefix="/api", tags=["orders"])

MOST_ORDERS = 200
EXAMPLE = {
    "order_id": "ORD-123",
    "customer_id": "CUST-456",
    "items": [{"product_id": "PROD-789", "quantity": 2, "price": 50.0}],
    "total_amount": 100.0,
    "payment_method": "credit_card",
    "points_to_use": 10,
    "shipping_address": "1 Main Street, Springfield",
}
_REFUSALS = problems(400, 401, 403, 404, 409, 413, 415, 422, 503)


class OrderView(SagaState):
    """Everything about one order."""

    timeline: tuple[StepRun, ...] = Field(
        description="Every step and undo with its attempts; empty once Temporal has forgotten them."
    )
    workflow_url: str | None = Field(description="The workflow in Temporal's Web UI.")
    complete: bool = Field(
        description="False while no worker answers: what only a worker knows (`held`, `warnings`, "
        "`interventions`, ids of transactions) is then missing."
    )

    @classmethod
    def of(cls, details: OrderDetails) -> Self:
        """The same, with the state's fields at the top."""
        return cls(
            **details.state.model_dump(exclude={"progress"}),
            timeline=details.timeline,
            workflow_url=details.workflow_url,
            complete=details.complete,
        )


class PlaceQuery(BaseModel):
    """How to carry the order out."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    kind: Annotated[
        SagaKind,
        Field(
            description="`orchestrated`: one workflow leads. `choreographed`: services react to "
            "events. An `order_id` belongs to one kind."
        ),
    ] = SagaKind.ORCHESTRATED


class OrderQuery(BaseModel):
    """Which orders to list."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    status: SagaStatus | None = None
    order_id: Annotated[Sought | None, Field(description="The beginning of the order's id.")] = None
    customer_id: Annotated[Sought | None, Field(description="The customer's whole id.")] = None
    step: Annotated[Sought | None, Field(description="The `current_step` of orders under way.")] = (
        None
    )
    needs_operator: Annotated[
        bool | None, Field(description="Whether the order waits for a person.")
    ] = None
    kind: SagaKind | None = None
    limit: Annotated[int, Field(ge=1, le=MOST_ORDERS)] = 50
    cursor: Annotated[
        str | None, Field(max_length=1000, description="`next_cursor` of the page before.")
    ] = None

    def filter(self) -> OrderFilter:
        """The part that says which."""
        return OrderFilter(**self.model_dump(exclude={"limit", "cursor"}))


@router.post(
    "/orders",
    status_code=202,
    operation_id="place_order",
    summary="Place an order",
    response_model=SagaState,
    responses={
        202: {
            "description": "The order is stored, and its saga is under way or has ended.",
            "headers": {"Location": {"schema": {"type": "string"}, "description": "The order."}},
            "links": {
                name: {"operationId": name, "parameters": {"order_id": "$response.body#/order_id"}}
                for name in ("show_order", "cancel_order", "hold_order", "resume_order")
            },
        },
        **problems(400, 401, 403, 409, 413, 415, 422, 503),
    },
    openapi_extra=document_body(OrderDocument, EXAMPLE),
)
async def place_order(
    _person: CustomerService,
    context: Context,
    query: Annotated[PlaceQuery, Query()],
    body: JsonBody,
    once: Once,
) -> Response:
    """Store the order and start its saga. The same order again is the same saga."""
    document = parse_document(body, OrderDocument)
    order = document.to_order()
    if "order_id" not in document.model_fields_set and once.order_id is not None:
        order = order.model_copy(update={"order_id": once.order_id})

    async def place() -> Answer:
        await context.backend.tools.sagas.place(order, query.kind)
        state = await _seen(context.backend.tools.sagas, order, query.kind)
        return Answer(
            status=202,
            body=state.model_dump_json(),
            location=f"/api/orders/{order.order_id}",
        )

    return await once.answer(place)


async def _seen(sagas: Sagas, order: Order, kind: SagaKind) -> SagaState:
    """The placed order's state; that of its start where it cannot be read: it is stored."""
    try:
        return await sagas.glance(order.order_id)
    except CommandError:
        return SagaState.at_start(order, kind, saga_id(order.order_id), datetime.now(UTC))


@router.get(
    "/orders",
    operation_id="list_orders",
    summary="List orders, newest first",
    responses=problems(401, 403, 422, 503),
)
async def list_orders(
    _person: Viewer, context: Context, query: Annotated[OrderQuery, Query()]
) -> OrderPage:
    """A page of orders, ended ones and those under way. No worker is needed."""
    board = context.backend.tools.board
    return await board.page(query.filter(), limit=query.limit, cursor=query.cursor)


@router.get(
    "/orders/{order_id}",
    operation_id="show_order",
    summary="Show one order",
    responses=problems(401, 403, 404, 409, 422, 503),
)
async def show_order(_person: Viewer, context: Context, order_id: OrderId) -> OrderView:
    """Everything about one order."""
    return OrderView.of(await context.backend.tools.board.details(order_id))


_ACTION: dict[str, Any] = {
    "responses": _REFUSALS,
    "response_model": SagaState,
    "openapi_extra": document_body(ActionDocument, {"reason": "the customer asked for it"}),
}


@router.post("/orders/{order_id}/cancel", operation_id="cancel_order", **_ACTION)
async def cancel_order(
    person: CustomerService, context: Context, order_id: OrderId, body: JsonBody, once: Once
) -> Response:
    """Stop the order and undo what it has done. Answers at once; the undo goes on."""
    asked = parse_document(body, ActionDocument)
    return await act(context.backend.tools.operators, person, once, Action.CANCEL, order_id, asked)


@router.post("/orders/{order_id}/hold", operation_id="hold_order", **_ACTION)
async def hold_order(
    person: Operator, context: Context, order_id: OrderId, body: JsonBody, once: Once
) -> Response:
    """Let no new step of the order start until somebody resumes it."""
    asked = parse_document(body, ActionDocument)
    return await act(context.backend.tools.operators, person, once, Action.HOLD, order_id, asked)


@router.post("/orders/{order_id}/resume", operation_id="resume_order", **_ACTION)
async def resume_order(
    person: Operator, context: Context, order_id: OrderId, body: JsonBody, once: Once
) -> Response:
    """Let a held order go on."""
    asked = parse_document(body, ActionDocument)
    return await act(context.backend.tools.operators, person, once, Action.RESUME, order_id, asked)
