"""The shop's figures over HTTP, as JSON for people's tools and as text for Prometheus."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from client.views import Figures, Range
from web.api.dependencies import Context, Viewer, problems

router = APIRouter(prefix="/api", tags=["figures"])


class FiguresQuery(BaseModel):
    """How far the figures reach back."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    range: Range = Range.DAY


@router.get(
    "/metrics",
    operation_id="figures",
    summary="Figures over the orders that ended lately",
    responses=problems(401, 403, 422, 503),
)
async def figures(
    _person: Viewer, context: Context, query: Annotated[FiguresQuery, Query()]
) -> Figures:
    """Exact figures over the orders that ended in the range, and how many are under way."""
    return await context.backend.tools.board.figures(query.range)
