"""The dashboard's pages, and the one place where they are put into the app."""

from fastapi import FastAPI, Request
from nicegui import Client, ui

from web.context import WebContext
from web.dashboard.frame import serve_static
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

    serve_static()
    ui.run_with(
        app,
        mount_path="/",
        title="Order saga",
        tailwind=False,
        reconnect_timeout=RECONNECT_TIMEOUT,
        show_welcome_message=False,
    )
    return live
