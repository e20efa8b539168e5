"""The board: every order, ended or under way, as a list, in detail and in figures."""

import contextlib
from collections.abc import AsyncIterator

from client.interventions import OpenIntervention, open_interventions
from client.sagas import Sagas
from client.views import Figures, OrderDetails, OrderFilter, OrderPage, Range
from runtime.program import CommandError, ExitCode
from runtime.server import Server
from runtime.settings import Settings


class BadCursor(CommandError):
    """The cursor is none that the list has given out."""

    def __init__(self) -> None:
        super().__init__("this is not a cursor of the list of orders", ExitCode.BAD_INPUT)


class Board:
    """Reads orders for people who watch many of them.

    Ended orders come from the orders service's records, which outlive Temporal's retention;
    those under way from Temporal, without asking a worker and without a billed action. Errors
    of Temporal and of the store come out as `CommandError` with exit code 3.
    """

    def __init__(self, sagas: Sagas, server: Server, settings: Settings) -> None:
        self._sagas = sagas
        self._server = server
        self._settings = settings

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(
        cls, sagas: Sagas, server: Server, settings: Settings
    ) -> AsyncIterator["Board"]:
        """The board over the sagas' Temporal server and the orders store of the settings."""
        yield cls(sagas, server, settings)

    async def page(
        self, only: OrderFilter, *, limit: int = 50, cursor: str | None = None
    ) -> OrderPage:
        """At most `limit` orders that pass the filter, newest first, from behind `cursor` on.

        Orders that are placed meanwhile neither repeat nor hide another one. Raises `BadCursor`.
        """
        raise NotImplementedError

    async def details(self, order_id: str) -> OrderDetails:
        """Everything about one order, also when no worker answers. Raises `UnknownOrder`."""
        raise NotImplementedError

    async def figures(self, over: Range) -> Figures:
        """Figures over the orders that ended in the range, and how many are under way."""
        raise NotImplementedError

    async def interventions(self) -> list[OpenIntervention]:
        """All that wait for a person, the longest waiting first."""
        return await open_interventions(self._sagas)
