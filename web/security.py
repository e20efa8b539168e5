"""What every request passes before anything looks at it, WebSockets too: pure ASGI middleware."""

from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runtime.settings import Settings
from web.access import Access
from web.problems import ProblemError

LARGEST_BODY = 64 * 1024
"""Bytes. An order of 100 lines has some 10 KiB."""
PROBES = ("/healthz", "/readyz")
"""Asked for by whoever keeps the process running, which knows its address alone. They tell
nothing that a foreign page could use.
"""
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
_ANY_ADDRESS = ("0.0.0.0", "::", "[::]")

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        # The dashboard's framework puts its scripts and styles inline and compiles its components
        # in the browser. Everything comes from us, and every text of an order is shown as text.
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
SECURITY_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # With no referrer at all, browsers send the sign-in form with the origin "null".
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Permitted-Cross-Domain-Policies": "none",
}


class SecurityHeaders:
    """Adds the headers that tell a browser what our pages may do, and who may embed them."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers[name] = value
                # Answers are about customers; what may be kept says so itself.
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)


class KnownHosts:
    """Refuses requests for a host name that is not ours.

    Otherwise a foreign page could have its own name resolved to this machine, and would count
    as one of our pages.
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self.app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if _is_request(scope) and not self._serves(scope):
            await _refuse(ProblemError("UNKNOWN_HOST"), scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _serves(self, scope: Scope) -> bool:
        return scope["path"] in PROBES or _host_name(Headers(scope=scope)) in self._hosts


def served_hosts(settings: Settings) -> frozenset[str]:
    """The host names that requests may be for."""
    host = settings.web_host.lower().strip("[]")
    bound = () if host in _ANY_ADDRESS else (f"[{host}]" if ":" in host else host,)
    return frozenset((*LOOPBACK_NAMES, *bound, *settings.web_hosts))


def _is_request(scope: Scope) -> bool:
    return scope["type"] in ("http", "websocket")


def _host_name(headers: Headers) -> str:
    """Without the port."""
    host = headers.get("host", "").lower()
    name, separator, port = host.rpartition(":")
    return name if separator and port.isdigit() else host


class OwnOrigin:
    """Refuses whatever a page of another site sends: requests of any method, and WebSockets.

    Programs send no `Origin`; browsers send it with all that could change something, and with
    all that a page may read across sites.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if _is_request(scope) and _is_foreign(Headers(scope=scope)):
            await _refuse(ProblemError("FOREIGN_ORIGIN"), scope, receive, send)
            return
        await self.app(scope, receive, send)


def _is_foreign(headers: Headers) -> bool:
    origin = headers.get("origin")
    if origin is None:
        return False
    try:
        parts = urlsplit(origin)
    except ValueError:
        return True
    return parts.scheme not in ("http", "https") or parts.netloc != headers.get("host", "").lower()


class LimitedBody:
    """Refuses bodies that are larger than any that we take, before they are in memory."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        received, started = 0, False

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > LARGEST_BODY:
                raise _too_large()
            return message

        async def noted(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, counted, noted)
        except ProblemError as problem:
            if started:
                raise
            await _refuse(problem, scope, receive, send)


def _too_large() -> ProblemError:
    return ProblemError(
        "BODY_TOO_LARGE", f"at most {LARGEST_BODY // 1024} KiB", headers={"Connection": "close"}
    )


async def _refuse(problem: ProblemError, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        # Before it is accepted: the browser sees status 403.
        await send({"type": "websocket.close", "code": 1008, "reason": problem.problem.title})
        return
    await problem.response()(scope, receive, send)


class SignedIn:
    """Lets only known people to the dashboard: others are led to the page where they sign in."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if _is_request(scope) and self._access.person(HTTPConnection(scope)) is None:
            await self._turn_away(scope, receive, send)
            return
        await self.app(scope, receive, send)

    async def _turn_away(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "GET":
            query = scope["query_string"].decode("latin-1")
            wanted = quote(scope["path"], safe="/") + (f"?{query}" if query else "")
            # As one value: what the page was asked for is not to be taken for the sign-in's own.
            following = "" if wanted == "/" else f"?next={quote(wanted, safe='/')}"
            await RedirectResponse(f"/sign-in{following}", status_code=303)(scope, receive, send)
            return
        await _refuse(ProblemError("NOT_SIGNED_IN"), scope, receive, send)
