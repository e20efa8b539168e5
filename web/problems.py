"""Everything that a request can be refused with: one table of codes, and how errors become them."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import NamedTuple

from pydantic import BaseModel, Field
from starlette.responses import Response

from client.cursor import BadCursor
from client.dead_letters import UnknownReaction
from client.documents import DocumentError, Fault, MalformedDocument
from client.errors import NoWorker, OrderConflict, SagaCutShort, SagaMissing, UnknownOrder
from client.operators import ActionRefused, NoAnswer, NotSettledYet
from runtime.connection import NotReachable
from runtime.program import CommandError, ExitCode

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 5
"""When to try again what could not be reached: Temporal's and the stores' restarts take seconds."""


class Meaning(NamedTuple):
    """What a code stands for."""

    status: HTTPStatus
    title: str


CODES: Mapping[str, Meaning] = {
    "BAD_JSON": Meaning(HTTPStatus.BAD_REQUEST, "The body is not a JSON document"),
    "NOT_SIGNED_IN": Meaning(HTTPStatus.UNAUTHORIZED, "A valid token is needed"),
    "NOT_ALLOWED": Meaning(HTTPStatus.FORBIDDEN, "The role does not allow this"),
    "FOREIGN_ORIGIN": Meaning(HTTPStatus.FORBIDDEN, "Another site's page sent this request"),
    "ACTOR_MISMATCH": Meaning(HTTPStatus.FORBIDDEN, "The actor is not the token's name"),
    "NOT_FOUND": Meaning(HTTPStatus.NOT_FOUND, "There is nothing under this address"),
    "UNKNOWN_ORDER": Meaning(HTTPStatus.NOT_FOUND, "There is no such order"),
    "UNKNOWN_STEP": Meaning(HTTPStatus.NOT_FOUND, "There is no such step"),
    "UNKNOWN_REACTION": Meaning(HTTPStatus.NOT_FOUND, "There is no such reaction"),
    "METHOD_NOT_ALLOWED": Meaning(HTTPStatus.METHOD_NOT_ALLOWED, "Not with this method"),
    "ORDER_CONFLICT": Meaning(HTTPStatus.CONFLICT, "The id belongs to another order"),
    "ACTION_REFUSED": Meaning(HTTPStatus.CONFLICT, "The action is not possible now"),
    "WORKFLOW_CUT_SHORT": Meaning(HTTPStatus.CONFLICT, "The workflow was ended in Temporal"),
    "REQUEST_RUNNING": Meaning(
        HTTPStatus.CONFLICT, "The request with this Idempotency-Key is still under way"
    ),
    "BODY_TOO_LARGE": Meaning(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too large"),
    "NOT_JSON": Meaning(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body must be application/json"),
    "UNKNOWN_HOST": Meaning(HTTPStatus.MISDIRECTED_REQUEST, "The host name is not served here"),
    "INVALID": Meaning(HTTPStatus.UNPROCESSABLE_ENTITY, "The request cannot be taken as it is"),
    "KEY_REUSED": Meaning(
        HTTPStatus.UNPROCESSABLE_ENTITY, "The Idempotency-Key stands for another request"
    ),
    "BUG": Meaning(HTTPStatus.INTERNAL_SERVER_ERROR, "An error that nobody has foreseen"),
    "NOT_REACHABLE": Meaning(HTTPStatus.SERVICE_UNAVAILABLE, "Temporal or a store does not answer"),
    "NO_WORKER": Meaning(HTTPStatus.SERVICE_UNAVAILABLE, "No worker answers"),
    "NOT_SETTLED_YET": Meaning(
        HTTPStatus.SERVICE_UNAVAILABLE, "Accepted; the call in flight is not over yet"
    ),
    "SAGA_MISSING": Meaning(
        HTTPStatus.SERVICE_UNAVAILABLE, "This Temporal server does not know the open order"
    ),
}
"""Every code but those of refused actions, which have the workflow's own (`ACTION_REFUSED`)."""


class FieldFault(BaseModel):
    """What is wrong with one part of the request. Never repeats a value."""

    field: str = Field(description="The field's path in the body, or the parameter's name.")
    message: str


class Problem(BaseModel):
    """An error, as RFC 9457 has it."""

    type: str = "about:blank"
    title: str
    status: int
    code: str = Field(description="Stable: programs may rely on it.")
    detail: str = Field(description="For people.")
    errors: list[FieldFault] = Field(
        default=[], description="With the code INVALID: every field that is at fault."
    )


class ProblemError(Exception):
    """A request that is refused; raised anywhere below the API."""

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        errors: Iterable[FieldFault] = (),
        headers: Mapping[str, str] | None = None,
        of: str | None = None,
    ) -> None:
        """`of` is the entry of the table for a code that has none of its own."""
        meaning, errors = CODES[of or code], list(errors)
        detail = detail or "; ".join(f"{each.field}: {each.message}" for each in errors)
        super().__init__(detail or meaning.title)
        self.problem = Problem(
            title=meaning.title,
            status=meaning.status,
            code=code,
            detail=detail or meaning.title,
            errors=errors,
        )
        self.headers = {**_headers(meaning.status), **(headers or {})}

    def response(self) -> Response:
        """What the client gets."""
        return Response(
            self.problem.model_dump_json(),
            status_code=self.problem.status,
            media_type=MEDIA_TYPE,
            headers=self.headers,
        )


def _headers(status: int) -> dict[str, str]:
    headers = {"Cache-Control": "no-store"}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="order-saga"'
    return headers


_BY_ERROR: Mapping[type[CommandError], str] = {
    UnknownOrder: "UNKNOWN_ORDER",
    OrderConflict: "ORDER_CONFLICT",
    SagaCutShort: "WORKFLOW_CUT_SHORT",
    SagaMissing: "SAGA_MISSING",
    NoWorker: "NO_WORKER",
    NoAnswer: "NO_WORKER",
    NotSettledYet: "NOT_SETTLED_YET",
    NotReachable: "NOT_REACHABLE",
}
_BY_EXIT_CODE: Mapping[int, str] = {
    ExitCode.BAD_INPUT: "INVALID",
    ExitCode.NOT_REACHABLE: "NOT_REACHABLE",
    ExitCode.REFUSED: "ACTION_REFUSED",
}


COMMAND_CODES = frozenset((*_BY_ERROR.values(), *_BY_EXIT_CODE.values(), "UNKNOWN_REACTION", "BUG"))
"""What an error of `client` may be, but for the codes of refused actions."""


def of_command(error: CommandError) -> ProblemError:
    """The problem that an error of `client` is."""
    if isinstance(error, BadCursor):
        return ProblemError("INVALID", errors=[FieldFault(field="cursor", message=str(error))])
    if isinstance(error, UnknownReaction):
        return ProblemError("UNKNOWN_REACTION", error.reason)
    if isinstance(error, ActionRefused):
        if error.code in CODES:
            return ProblemError(error.code, error.reason)
        return ProblemError(error.code, error.reason, of="ACTION_REFUSED")
    code = _BY_ERROR.get(type(error)) or _BY_EXIT_CODE.get(error.exit_code, "BUG")
    # What was tried is for the operator's log: it names folders and addresses.
    return ProblemError(code, "" if code in ("BUG", "NOT_REACHABLE") else str(error))


def of_document(error: DocumentError) -> ProblemError:
    """The problem that a body is which cannot be taken."""
    if isinstance(error, MalformedDocument):
        return ProblemError("BAD_JSON", str(error))
    return ProblemError("INVALID", errors=[_field_fault(fault) for fault in error.faults])


def _field_fault(fault: Fault) -> FieldFault:
    return FieldFault(field=fault.field, message=fault.reason)
