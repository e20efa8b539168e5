"""A command's connection: to the server that there is, or to one of its own with all workers."""

import contextlib
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from temporalio.client import Client

from client.records import Records
from client.sagas import Sagas
from runtime.connection import NotReachable, connect, find_server
from runtime.embedded import EmbeddedServer, is_unattended
from runtime.server import Server
from runtime.settings import Settings

OwnWorkers = Callable[[Settings, Client], AbstractAsyncContextManager[None]]
"""All workers, in this process, as long as the block lasts."""


@dataclass(frozen=True)
class Session:
    """What a command works with."""

    sagas: Sagas
    server: Server
    embedded: bool
    """Whether the workers are this process's own, and end with it."""


@contextlib.asynccontextmanager
async def session(settings: Settings, own_workers: OwnWorkers | None) -> AsyncIterator[Session]:
    """A session with the server that is found, or, given `own_workers`, with an embedded one.

    Raises `NotReachable`, within 15 s.
    """
    async with contextlib.AsyncExitStack() as stack:
        server = await find_server(settings)
        embedded = own_workers is not None and (
            server is None or await is_unattended(server, settings)
        )
        if embedded:
            sys.stderr.write(f"{_bringing_own(server, settings)}\n")
            server = await stack.enter_async_context(EmbeddedServer.running(settings))
        if server is None:
            raise _nothing_found(settings)
        client = await connect(server)
        if embedded and own_workers is not None:
            await stack.enter_async_context(own_workers(settings, client))
        records = await stack.enter_async_context(Records.opened(settings))
        yield Session(Sagas(client, records, settings), server, embedded)


def _bringing_own(server: Server | None, settings: Settings) -> str:
    if server is None:
        return f"No Temporal server is there: starting one, with workers, in {settings.home}"
    return f"The Temporal server in {settings.home} has no workers: starting them"


def _nothing_found(settings: Settings) -> NotReachable:
    return NotReachable(
        "no Temporal server: none is configured (TEMPORAL_ADDRESS), no embedded one runs in "
        f"{settings.home}, and none answers at {settings.default_address}; "
        "`python worker.py`, or `make up`, starts one"
    )
