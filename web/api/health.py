"""Whether this process lives, and whether it can do its work: for whoever keeps it running."""

import logging
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from runtime.program import CommandError
from web.api.dependencies import Context, problems
from web.problems import ProblemError

router = APIRouter(tags=["health"])

logger = logging.getLogger("web")


class Health(BaseModel):
    """The answer of a process that is well."""

    status: Literal["ok"] = "ok"


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz", operation_id="healthz", summary="Whether the process lives")
async def healthz() -> Health:
    """Says ok as long as the process can answer at all."""
    return Health()


@router.head("/readyz", include_in_schema=False)
@router.get(
    "/readyz",
    operation_id="readyz",
    summary="Whether requests can be served",
    responses=problems(503),
)
async def readyz(context: Context) -> Health:
    """Says ok when Temporal and the orders store answer. What is wrong, the log says."""
    if context.backend.problem is not None:
        raise ProblemError("NOT_REACHABLE", "Temporal does not answer; the log says why")
    try:
        await context.backend.check_store()
    except CommandError as error:
        logger.warning("the orders store cannot be read", extra={"reason": str(error)})
        raise ProblemError("NOT_REACHABLE", "the orders store cannot be read") from None
    return Health()
