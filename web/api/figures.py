"""The shop's figures over HTTP, as JSON for people's tools and as text for Prometheus."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from client.views import Figures, Range
from web.api.dependencies import Context, Viewer, problems
from web.prometheus import CONTENT_TYPE, BusinessFigures

router = APIRouter(tags=["figures"])


class FiguresQuery(BaseModel):
    """How far the figures reach back."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    range: Range = Range.DAY


@router.get(
    "/api/metrics",
    operation_id="figures",
    summary="Figures over the orders that ended lately",
    responses=problems(401, 403, 422, 503),
)
async def figures(
    _person: Viewer, context: Context, query: Annotated[FiguresQuery, Query()]
) -> Figures:
    """Exact figures over the orders that ended in the range, and how many are under way."""
    return await context.backend.tools.board.figures(query.range)


@router.get(
    "/metrics",
    operation_id="prometheus",
    summary="Figures for Prometheus",
    response_class=Response,
    responses={
        200: {
            "description": "The exposition, as text.",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        },
        **problems(401, 403, 503),
    },
)
async def prometheus(_person: Viewer, request: Request, context: Context) -> Response:
    """The figures as they are now. None is about one order or customer."""
    business_figures: BusinessFigures = request.app.state.business_figures
    text = await business_figures.exposition(context.backend.tools.board)
    return Response(text, media_type=CONTENT_TYPE)
