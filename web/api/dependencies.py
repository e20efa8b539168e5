"""What the API's routes have in common: the context, the person, and who may do what."""

from typing import Annotated, Any

from fastapi import Depends, Path, Request
from fastapi.security import APIKeyCookie, HTTPBearer
from pydantic import WithJsonSchema

from models import texts
from models.documents import IDENTIFIER_SCHEMA
from web.access import Person, Role
from web.context import WebContext
from web.problems import FieldFault, ProblemError
from web.sessions import COOKIE

# They only describe to OpenAPI what `Access.person` reads.
_BEARER = HTTPBearer(
    auto_error=False, scheme_name="token", description="One of `ORDER_SAGA_API_TOKENS`."
)
_SESSION = APIKeyCookie(
    name=COOKIE,
    auto_error=False,
    scheme_name="session",
    description="What a browser gets for its token at `/sign-in`.",
)


def context_of(request: Request) -> WebContext:
    """What the process was started with."""
    context: WebContext = request.app.state.context
    return context


class Needs:
    """A dependency: the person, who must have this role or a higher one."""

    def __init__(self, role: Role) -> None:
        self._role = role

    def __call__(
        self,
        request: Request,
        _token: Annotated[object, Depends(_BEARER)],
        _session: Annotated[object, Depends(_SESSION)],
    ) -> Person:
        person = context_of(request).access.person(request)
        if person is None:
            raise ProblemError("NOT_SIGNED_IN")
        if not person.role.covers(self._role):
            raise ProblemError("NOT_ALLOWED", f"this needs the role {self._role}")
        return person


Viewer = Annotated[Person, Depends(Needs(Role.VIEWER))]
CustomerService = Annotated[Person, Depends(Needs(Role.CUSTOMER_SERVICE))]
Operator = Annotated[Person, Depends(Needs(Role.OPERATOR))]
Context = Annotated[WebContext, Depends(context_of)]


def _order_id(order_id: Annotated[str, Path(), WithJsonSchema(IDENTIFIER_SCHEMA)]) -> str:
    try:
        return texts.identifier(order_id)
    except ValueError as error:
        raise ProblemError(
            "INVALID", errors=[FieldFault(field="order_id", message=str(error))]
        ) from None


OrderId = Annotated[str, Depends(_order_id)]


async def json_body(request: Request) -> bytes:
    """The body of a request that says that it is JSON. Raises `ProblemError`."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await request.body()
    if media_type != "application/json":
        raise ProblemError("NOT_JSON")
    return body


JsonBody = Annotated[bytes, Depends(json_body)]


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors of a route, for OpenAPI."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    described = {status: {"description": _DESCRIPTIONS[status]} for status in statuses}
    headers = {503: {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}}}
    return {
        status: {
            **each,
            "content": content,
            **({"headers": headers[status]} if status in headers else {}),
        }
        for status, each in described.items()
    }


_DESCRIPTIONS = {
    400: "The body is not a JSON document.",
    401: "A valid token is needed.",
    403: "The role does not allow this, or the actor is somebody else.",
    404: "There is no such order, step or reaction.",
    409: "A conflict, or too late; `code` says which.",
    413: "The body is larger than 64 KiB.",
    415: "The body is not `application/json`.",
    422: "Something in the request cannot be taken; `errors` has every field that is at fault.",
    503: "Temporal, a store or a worker does not answer. Try again.",
}
