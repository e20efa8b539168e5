"""The dashboard's pages, and the one place where they are put into the app."""

from fastapi import FastAPI, Request
from nicegui import Client, ui
from nicegui import app as nicegui_app
from starlette.responses import Response

from web.context import WebContext
from web.dashboard.frame import build_not_found, serve_static
from web.dashboard.interventions_page import InterventionsPage
from web.dashboard.live import Live
from web.dashboard.order_page import OrderPage
from web.dashboard.overview import Overview
from web.dashboard.place_page import PlacePage
from web.dashboard.subjects import Subjects
from web.dashboard.visit import Visit

RECONNECT_TIMEOUT = 10.0
"""Seconds that a page may be away and go on as if nothing had happened. After longer, its
browser loads it anew by itself, at the same address."""
RESPONSE_TIMEOUT = 8.0
"""Seconds to make a page; more than it waits for its first look."""

FAVICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" '
    'rx="8" fill="#2450c5"/><path d="M9 11h14M9 16h9M9 21h5" stroke="#fff" stroke-width="3" '
    'stroke-linecap="round"/></svg>'
)


def install(app: FastAPI, context: WebContext) -> Live:
    """Put the dashboard into the app; once per process. Returns its hub."""
    live = Live()
    subjects = Subjects(context)

    @ui.page("/", response_timeout=RESPONSE_TIMEOUT)
    async def overview(request: Request, client: Client) -> None:
        await Overview(Visit.of(context, live, request, client), subjects).build()

    @ui.page("/orders/{order_id}", response_timeout=RESPONSE_TIMEOUT)
    async def order(request: Request, client: Client, order_id: str) -> None:
        await OrderPage(Visit.of(context, live, request, client), subjects, order_id).build()

    @ui.page("/interventions", response_timeout=RESPONSE_TIMEOUT)
    async def interventions(request: Request, client: Client) -> None:
        await InterventionsPage(Visit.of(context, live, request, client), subjects).build()

    @ui.page("/place", response_timeout=RESPONSE_TIMEOUT)
    async def place(request: Request, client: Client) -> None:
        await PlacePage(Visit.of(context, live, request, client), subjects).build()

    @nicegui_app.exception_handler(404)
    async def not_found(request: Request, _: Exception) -> Response:
        with Client(ui.page(""), request=request) as client:
            build_not_found(Visit.of(context, live, request, client))
        return client.build_response(request, 404)

    serve_static()
    ui.run_with(
        app,
        mount_path="/",
        title="Order saga",
        favicon=FAVICON,
        tailwind=False,
        reconnect_timeout=RECONNECT_TIMEOUT,
        show_welcome_message=False,
        binding_refresh_interval=None,
    )
    return live
