"""The web's connection to the sagas: made when Temporal is there, kept up, and made anew."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass

from temporalio.service import RPCError

from client.attendance import RPC_TIMEOUT
from client.board import Board
from client.errors import translated
from client.operators import Operators
from client.records import Records
from client.requests import Requests
from client.sagas import Sagas
from runtime.connection import NotReachable, connect, find_server
from runtime.program import CommandError
from runtime.server import Server
from runtime.settings import Settings

LOOK_SECONDS = 2.0
"""Between two looks whether Temporal is (still) there: as soon as a person would try again."""

FIRST_LOOK_SECONDS = 3.0
"""Before it answers requests, a process waits so long for a Temporal that is there."""

logger = logging.getLogger("web")


@dataclass(frozen=True)
class Tools:
    """What a request works with."""

    server: Server
    sagas: Sagas
    operators: Operators
    board: Board


class Backend:
    """The tools of this process. It starts without Temporal, and recovers when Temporal does."""

    def __init__(self, settings: Settings, records: Records, requests: Requests) -> None:
        self.requests = requests
        self._settings = settings
        self._records = records
        self._tools: Tools | None = None
        self._opened = contextlib.AsyncExitStack()
        self._looked = asyncio.Event()
        self.problem: str | None = "Temporal has not been looked for yet"
        """Why Temporal could not be used at the last look, for an operator; None if it could."""

    @classmethod
    @contextlib.asynccontextmanager
    async def running(cls, settings: Settings) -> AsyncIterator["Backend"]:
        """A backend that keeps itself connected until the block is left."""
        async with Records.opened(settings) as records, Requests.opened(settings) as requests:
            backend = cls(settings, records, requests)
            keeper = asyncio.create_task(backend._keep(), name="web backend")
            try:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(FIRST_LOOK_SECONDS):
                        await backend._looked.wait()
                yield backend
            finally:
                keeper.cancel()
                await asyncio.gather(keeper, return_exceptions=True)
                await backend._opened.aclose()

    @property
    def tools(self) -> Tools:
        """The tools. Raises `NotReachable` as long as no server has been found.

        While a server that was found is away, they raise `CommandError` with exit code 3
        themselves, and records can still be read.
        """
        if self._tools is None:
            raise NotReachable(self.problem or "")
        return self._tools

    async def _look(self) -> None:
        """See whether Temporal is there, and connect to it when it is new."""
        try:
            if self._tools is None or not await _answers(self._tools.sagas):
                await self._connect()
        except CommandError as error:
            self._note(str(error))
        else:
            self._note(None)

    async def check_store(self) -> None:
        """Raises `CommandError` when the orders service's records cannot be read."""
        with translated():
            await self._records.newest(None, 1)

    async def _keep(self) -> None:
        while True:
            try:
                await self._look()
            except Exception:
                # Without the keeper the web would never recover.
                logger.exception("looking for Temporal failed")
            self._looked.set()
            await asyncio.sleep(LOOK_SECONDS)

    async def _connect(self) -> None:
        server = await find_server(self._settings)
        if server is None:
            raise NotReachable(
                "no Temporal server: none is configured (TEMPORAL_ADDRESS), no embedded one runs "
                f"in {self._settings.home}, and none answers at {self._settings.default_address}"
            )
        client = await connect(server)
        if self._tools is not None and self._tools.server.address == server.address:
            return  # the client that we have reconnects by itself
        sagas = Sagas(client, self._records, self._settings)
        opened = contextlib.AsyncExitStack()
        board = await opened.enter_async_context(Board.opened(sagas, server, self._settings))
        before, self._opened = self._opened, opened
        self._tools = Tools(server, sagas, Operators(sagas), board)
        await before.aclose()

    def _note(self, problem: str | None) -> None:
        if problem == self.problem:
            return
        if problem is not None:
            logger.warning("Temporal cannot be reached", extra={"reason": problem})
        elif self._tools is not None:
            logger.info("Temporal is there", extra={"server": self._tools.server.address})
        self.problem = problem


async def _answers(sagas: Sagas) -> bool:
    try:
        return await sagas.client.service_client.check_health(timeout=RPC_TIMEOUT)
    except RPCError:
        return False
