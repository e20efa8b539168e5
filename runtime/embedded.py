"""The embedded Temporal server: one per data folder, for all who need it, stopped by the last.

Each process that needs the server holds a shared lock on `temporal.users`; the one that finds
nobody else there when it leaves stops the server. The lock vanishes with its process, so a
killed process needs no cleaning up: its server lives on, and the next one that needs a server on
this folder takes it over. Starting, taking over and stopping happen under the lock on
`temporal.lock`, one process at a time.
"""

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from datetime import timedelta
from typing import Any

from google.protobuf.duration_pb2 import Duration
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.workflowservice.v1 import UpdateNamespaceRequest
from temporalio.client import Client

from runtime import processes
from runtime.connection import probe, recorded_server
from runtime.file_locks import FileLock, held_alone
from runtime.program import on_hard_exit
from runtime.server import Found, Server
from runtime.server_process import (
    EmbeddedServerError,
    bound_log,
    ended_early,
    log_tail,
    port_was_taken,
    spawn,
)
from runtime.server_record import (
    ServerRecord,
    read_record,
    running_server,
    write_record,
)
from runtime.settings import Settings

logger = logging.getLogger(__name__)

_RETENTION = timedelta(days=30)
_START_SECONDS = 30.0
_LOCK_SECONDS = 60.0
_STARTS = 3
_POLL_SECONDS = 0.05
_WATCH_SECONDS = 1.0


class EmbeddedServer:
    """A process's use of its data folder's Temporal server."""

    answer_seconds = 10.0
    """A server that runs already and does not answer for so long is replaced."""
    stop_seconds = 5.0
    """A server that is still there so long after SIGTERM is killed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._home = settings.home
        self._users = FileLock(settings.home / "temporal.users")

    @classmethod
    @contextlib.asynccontextmanager
    async def running(cls, settings: Settings) -> AsyncIterator[Server]:
        """The data folder's server: the one that runs, or one that is started now.

        While the block runs, the server is started again, on the same ports, should it end. After
        the block it is stopped, unless another process uses it. Drain the workers inside the block.
        Raises `EmbeddedServerError` when no server can be had.
        """
        settings.prepare_home()
        with _explained():
            use = cls(settings)
        try:
            with _explained():
                record = await use._enter()
            with on_hard_exit(use._terminate_if_last):
                watch = asyncio.create_task(use._watch(record))
                try:
                    yield recorded_server(settings, record)
                finally:
                    watch.cancel()
                    await asyncio.wait({watch})
        finally:
            await _finish(use._leave())

    async def _enter(self) -> ServerRecord:
        async with held_alone(self._home / "temporal.lock", limit=_LOCK_SECONDS):
            self._users.try_shared()  # only who holds temporal.lock ever holds it alone
            return await self._ensure()

    async def _leave(self) -> None:
        try:
            async with held_alone(self._home / "temporal.lock", limit=_LOCK_SECONDS):
                record = running_server(self._home)
                if self._users.try_alone():
                    await self._stop(record)
        except (OSError, TimeoutError):
            logger.exception("the embedded Temporal server is left running")
        finally:
            self._users.close()

    def _terminate_if_last(self) -> None:
        if self._users.try_alone() and (record := running_server(self._home)) is not None:
            os.kill(record.pid, signal.SIGTERM)

    async def _ensure(self) -> ServerRecord:
        record = running_server(self._home)
        if record is not None:
            try:
                await self._until_ready(record, self.answer_seconds)
            except EmbeddedServerError:
                logger.warning("the embedded Temporal server does not answer: it is replaced")
                await self._stop(record)
            else:
                write_record(self._home, record)
                return record
        return await self._start(record or read_record(self._home))

    async def _start(self, previous: ServerRecord | None) -> ServerRecord:
        for remaining in reversed(range(_STARTS)):
            record = spawn(self._home, previous)
            try:
                write_record(self._home, record)
                await self._until_ready(record, _START_SECONDS)
            except BaseException:
                await _finish(self._stop(record))
                # Between our choice of a free port and the server's use of it, it may be taken.
                if not remaining or not port_was_taken(self._home):
                    raise
                previous = None
            else:
                return record
        raise AssertionError("the last attempt raises or returns")

    async def _until_ready(self, record: ServerRecord, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if processes.look_up(record.pid) != record.process:
                raise EmbeddedServerError(ended_early(self._home))
            client = await probe(recorded_server(self._settings, record))
            if client is not None:
                await _keep_closed_workflows(client)
                return
            await asyncio.sleep(_POLL_SECONDS)
        raise EmbeddedServerError(
            f"the embedded Temporal server does not answer after {seconds:.0f} s; "
            f"its log says: {log_tail(self._home)}"
        )

    async def _stop(self, record: ServerRecord | None) -> None:
        if record is not None:
            # Its record stays: the next server gets its ports, so that links go on working.
            await asyncio.to_thread(processes.end, record.process, patience=self.stop_seconds)

    async def _watch(self, record: ServerRecord) -> None:
        """Start the server again should it end, for all who use it."""
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            bound_log(self._home)
            if processes.exists(record.pid):
                continue
            try:
                record = await self._replace(record)
            except Exception:
                logger.exception("the embedded Temporal server has ended and cannot be restarted")

    async def _replace(self, lost: ServerRecord) -> ServerRecord:
        async with held_alone(self._home / "temporal.lock", limit=_LOCK_SECONDS):
            record = await self._ensure()
        if record.address != lost.address:
            logger.error(
                "the embedded Temporal server has moved: restart this process",
                extra={"address": record.address},
            )
        else:
            logger.warning("the embedded Temporal server had ended and runs again")
        return record


async def _keep_closed_workflows(client: Client) -> None:
    """A development server forgets closed workflows after a day unless told otherwise."""
    retention = Duration()
    retention.FromTimedelta(_RETENTION)
    await client.workflow_service.update_namespace(
        UpdateNamespaceRequest(
            namespace=client.namespace,
            config=NamespaceConfig(workflow_execution_retention_ttl=retention),
        )
    )


async def is_unattended(server: Server, settings: Settings) -> bool:
    """Whether this is an embedded server whose starter was killed, so that nobody uses it."""
    if server.found is not Found.EMBEDDED:
        return False
    async with held_alone(settings.home / "temporal.lock", limit=_LOCK_SECONDS):
        users = FileLock(settings.home / "temporal.users")
        try:
            return users.try_alone()
        finally:
            users.close()


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except TimeoutError:
        raise EmbeddedServerError(
            "another process is starting or stopping this folder's Temporal server and does "
            f"not finish within {_LOCK_SECONDS:.0f} s"
        ) from None
    except OSError as error:
        raise EmbeddedServerError(
            f"the data folder cannot be used: {error.strerror}: {error.filename}"
        ) from None


async def _finish(work: Coroutine[Any, Any, None]) -> None:
    """Await the work to its end even if this task is cancelled meanwhile."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise
