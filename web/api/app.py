"""The API: its routes, and the one form that every error has."""

import logging
from collections.abc import Callable, Coroutine, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import compile_path

from client.documents import DocumentError
from runtime.program import CommandError
from web import sign_in
from web.api import dead_letters, figures, health, interventions, orders
from web.context import WebContext
from web.problems import FieldFault, Problem, ProblemError, of_command, of_document
from web.prometheus import BusinessFigures
from web.security import PROBES

logger = logging.getLogger("web")

DESCRIPTION = """\
Place orders, see what becomes of them, and step in where a person is needed.

Amounts are decimal strings. Times are UTC. Errors are `application/problem+json` with a stable
`code`. A POST may carry an `Idempotency-Key`: sent again with the same key, it is done once.
"""


def create_api(context: WebContext) -> FastAPI:
    """The API on these sagas."""
    api = FastAPI(
        title="Order saga",
        version="1",
        description=DESCRIPTION,
        docs_url=None,  # they load scripts from another host
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers={**_HANDLERS},
    )
    api.state.context = context
    api.state.business_figures = BusinessFigures(
        events_go_out=context.settings.event_url is not None
    )
    for part in (orders, interventions, dead_letters, figures, health, sign_in):
        api.include_router(part.router)
    _describe_problems(api)
    return api


def _describe_problems(api: FastAPI) -> None:
    """Name the form of errors in OpenAPI: no route returns one, and each refers to it."""
    describe = api.openapi

    def described() -> dict[str, Any]:
        document = describe()
        schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas.update(schema.pop("$defs", {}))
        schemas["Problem"] = schema
        return document

    api.openapi = described  # type: ignore[method-assign]  # FastAPI's own way to extend it


async def _on_problem(_request: Request, error: ProblemError) -> Response:
    return error.response()


async def _on_command(_request: Request, error: CommandError) -> Response:
    found = of_command(error)
    if found.problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.warning("a request could not be served", extra={"reason": str(error)})
    return found.response()


async def _on_document(_request: Request, error: DocumentError) -> Response:
    return of_document(error).response()


async def _on_parameters(_request: Request, error: RequestValidationError) -> Response:
    faults = [
        FieldFault(field=".".join(str(part) for part in each["loc"][1:]), message=_words(each))
        for each in error.errors()
    ]
    return ProblemError("INVALID", errors=faults).response()


def _words(fault: Mapping[str, Any]) -> str:
    """What is wrong with a parameter; never its value."""
    if fault["type"] == "extra_forbidden":
        return "is not a parameter of this request"
    return str(fault["msg"]).removeprefix("Value error, ")


async def _on_http(request: Request, error: HTTPException) -> Response:
    if error.status_code == HTTPStatus.BAD_REQUEST:  # a form that cannot be read
        return ProblemError("INVALID", str(error.detail)).response()
    if error.status_code != HTTPStatus.METHOD_NOT_ALLOWED:
        return ProblemError("NOT_FOUND").response()
    allowed = _methods_of(request) or (error.headers or {}).get("Allow", "")
    return ProblemError("METHOD_NOT_ALLOWED", headers={"Allow": allowed}).response()


def _methods_of(request: Request) -> str:
    """All of the address: the framework names those of one of its routes alone."""
    methods: set[str] = set()
    for template, operations in request.app.openapi()["paths"].items():
        if compile_path(template)[0].fullmatch(request.url.path):
            methods |= {method.upper() for method in operations}
    if request.url.path in PROBES:
        methods.add("HEAD")
    return ", ".join(sorted(methods))


async def _on_bug(_request: Request, _error: Exception) -> Response:
    return ProblemError("BUG", "the log has it, under this response's X-Request-ID").response()


_HANDLERS: Mapping[
    int | type[Exception], Callable[[Request, Any], Coroutine[Any, Any, Response]]
] = {
    ProblemError: _on_problem,
    CommandError: _on_command,
    DocumentError: _on_document,
    RequestValidationError: _on_parameters,
    HTTPException: _on_http,
    Exception: _on_bug,
}
