"""Serving the app: the listening socket, uvicorn inside of our own program, and its drain."""

import asyncio
import contextlib
import ipaddress
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import uvicorn
from starlette.types import ASGIApp

from runtime.connection import configured_server
from runtime.program import CommandError, ExitCode
from runtime.settings import PREFIX, Settings, SettingsError
from web.access import Access
from web.backend import Backend
from web.context import WebContext
from web.security import LOOPBACK_NAMES

DRAIN_SECONDS = 5
"""For requests under way. WebSockets are closed at once; browsers connect again by themselves."""
_LARGEST_MESSAGE = 1024 * 1024
"""Bytes of one WebSocket message; the dashboard's own have some hundreds."""

logger = logging.getLogger("web")


@contextlib.asynccontextmanager
async def serving(
    settings: Settings, *, demonstration: bool = False
) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """The API and the dashboard, until the block is left; then requests under way are finished.

    Yields what waits for the server's end, which comes by itself only after an error.

    Raises `SettingsError` when it may not listen there without tokens, and `CommandError` when
    it cannot.
    """
    configured_server(settings)  # settings that can never work are said at once
    access = Access.of(settings)
    _refuse_open_house(settings, access)
    listener = _listen(settings)
    # Imported late: the dashboard's framework takes seconds, and a refusal none.
    from web.app import create_app

    async with contextlib.AsyncExitStack() as stack:
        stack.callback(listener.close)
        backend = await stack.enter_async_context(Backend.running(settings))
        app = create_app(WebContext(settings, backend, access, demonstration))
        task = await stack.enter_async_context(served(app, listener))
        _announce(settings, access, listener)
        yield lambda: _ended(task)


@contextlib.asynccontextmanager
async def served(app: ASGIApp, listener: socket.socket) -> AsyncIterator["asyncio.Task[None]"]:
    """The app on this socket, until the block is left; yields the server's task."""
    server = _Server(_config(app))
    task = asyncio.create_task(server.serve(sockets=[listener]), name="web")
    try:
        await _until_started(server, task)
        yield task
    finally:
        server.should_exit = True
        await asyncio.wait([task])


class _Server(uvicorn.Server):
    """One that leaves signals to `runtime.program`."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _ended(server: "asyncio.Task[None]") -> None:
    """Unlike awaiting it, this leaves the server running when the waiter is cancelled."""
    await asyncio.wait([server])
    server.result()


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,  # ours has no query
        server_header=False,
        ws_max_size=_LARGEST_MESSAGE,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )


async def _until_started(server: uvicorn.Server, task: "asyncio.Task[None]") -> None:
    while not server.started:
        if task.done():
            await task
            raise CommandError("the web server did not start", ExitCode.BUG)
        await asyncio.sleep(0.01)


def _refuse_open_house(settings: Settings, access: Access) -> None:
    if not access.required and not _is_loopback(settings.web_host):
        raise SettingsError(
            f"{PREFIX}WEB_HOST: without {PREFIX}API_TOKENS everybody would be an operator, so "
            "only a loopback address may be listened on"
        )


def _is_loopback(host: str) -> bool:
    if host in LOOPBACK_NAMES:
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _listen(settings: Settings) -> socket.socket:
    host, port = settings.web_host.strip("[]"), settings.web_port
    try:
        [(family, kind, protocol, _, address), *_] = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(1024)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise CommandError(
            f"cannot listen on {settings.web_host}, port {port}: {error.strerror}; "
            f"{PREFIX}WEB_HOST and {PREFIX}WEB_PORT choose another",
            ExitCode.NOT_REACHABLE,
        ) from None
    listener.setblocking(False)
    return listener


def _announce(settings: Settings, access: Access, listener: socket.socket) -> None:
    host = settings.web_host.strip("[]")
    port = listener.getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    logger.info("the web is listening", extra={"address": f"http://{shown}:{port}/"})
    if not access.required:
        logger.warning(
            "no API tokens are set: everybody who can reach this machine's loopback address is "
            "an operator"
        )
