"""What of the board can be watched."""

from client.board import Board
from client.errors import UnknownOrder
from client.views import Figures, OrderDetails, OrderFilter, OrderPage, Range
from web.context import WebContext
from web.dashboard.live import Subject
from web.dashboard.waiting import Waiting, read_waiting

FIGURES_PAUSE = 10.0
"""Seconds. Over many orders figures cost much, and a few orders more hardly change them."""


class Subjects:
    """The board's answers as subjects. The board is asked for anew each time: it may be replaced
    when Temporal comes back."""

    def __init__(self, context: WebContext) -> None:
        self._context = context

    @property
    def _board(self) -> Board:
        return self._context.backend.tools.board

    def page(self, only: OrderFilter, rows: int, cursor: str | None) -> Subject[OrderPage]:
        """A page of the list."""

        async def read() -> OrderPage:
            return await self._board.page(only, limit=rows, cursor=cursor)

        return Subject(("page", only, rows, cursor), read)

    def figures(self, over: Range) -> Subject[Figures]:
        """The figures over a range."""

        async def read() -> Figures:
            figures = await self._board.figures(over)
            # The range moves on with the clock: that alone is no change.
            end = figures.buckets[-1].start if figures.buckets else figures.until
            return figures.model_copy(update={"since": end, "until": end})

        return Subject(("figures", over), read, longest_pause=FIGURES_PAUSE)

    def details(self, order_id: str) -> Subject[OrderDetails]:
        """One order."""

        async def read() -> OrderDetails:
            return await self._board.details(order_id)

        return Subject(("details", order_id), read, missing=UnknownOrder)

    def interventions(self) -> Subject[Waiting]:
        """All that waits for a person."""

        async def read() -> Waiting:
            return await read_waiting(self._context.backend.tools.sagas)

        return Subject("interventions", read)
