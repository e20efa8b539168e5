"""The ASGI app: the API, the sign-in and the dashboard behind one set of guards."""

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from web.api.app import create_api
from web.context import WebContext
from web.dashboard.pages import install
from web.requests_log import RequestLog
from web.security import (
    KnownHosts,
    LimitedBody,
    OwnOrigin,
    SecurityHeaders,
    SignedIn,
    served_hosts,
)

API_PATHS = frozenset(
    ("/api", "/healthz", "/readyz", "/metrics", "/openapi.json", "/sign-in", "/sign-out")
)


class Faces:
    """Gives each request to the API or to the dashboard; the dashboard alone has a lifespan."""

    def __init__(self, api: ASGIApp, dashboard_app: ASGIApp) -> None:
        self.api = api
        self.app = dashboard_app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _is_api(scope["path"]):
            await self.api(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def create_app(context: WebContext) -> ASGIApp:
    """The whole app. The dashboard's framework is one per process, so is this."""
    pages = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    install(pages, context)
    faces = Faces(create_api(context), SignedIn(pages, context.access))
    return guarded(faces, context)


def guarded(app: ASGIApp, context: WebContext) -> ASGIApp:
    """The app behind everything that each request passes."""
    app = LimitedBody(app)
    app = OwnOrigin(app)
    app = KnownHosts(app, served_hosts(context.settings))
    app = SecurityHeaders(app)
    return RequestLog(app)


def _is_api(path: str) -> bool:
    return path in API_PATHS or path.startswith("/api/")
