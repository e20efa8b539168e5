"""One log line for each request: enough to see what happens, and nothing personal or secret."""

import logging
import re
import secrets
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "X-Request-ID"
_FIT = re.compile(r"[A-Za-z0-9._-]{1,64}")
_MACHINERY = ("/_nicegui", "/static/", "/favicon.ico", "/healthz", "/readyz")
"""What browsers and probes ask for all the time."""

logger = logging.getLogger("web.requests")


class RequestLog:
    """Logs method, route, status and duration, and gives each request an id.

    The route's template is logged instead of the path; query, headers and body never are.
    A proxy's own id is taken over.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        request_id = _request_id(Headers(scope=scope))
        status = 500

        async def with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        try:
            await self.app(scope, receive, with_id)
        finally:
            self._log(scope, request_id, status, time.perf_counter() - began)

    def _log(self, scope: Scope, request_id: str, status: int, seconds: float) -> None:
        level = logging.DEBUG if scope["path"].startswith(_MACHINERY) else logging.INFO
        logger.log(
            level,
            "request",
            extra={
                "request_id": request_id,
                "method": scope["method"],
                "route": _route(scope),
                "status": status,
                "duration": round(seconds, 4),
            },
        )


def _request_id(headers: Headers) -> str:
    given = headers.get(HEADER, "")
    return given if _FIT.fullmatch(given) else secrets.token_hex(8)


def _route(scope: Scope) -> str:
    template: str | None = getattr(scope.get("route"), "path", None)
    return template or "none"
