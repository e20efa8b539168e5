"""The page `/`: the figures, the charts and the live list of orders."""

import asyncio
import json

from nicegui import ui

from client.views import Figures, OrderPage, Range
from web.dashboard.charts import Course, Shares
from web.dashboard.frame import PAGES, framed
from web.dashboard.live import Snapshot, Subject
from web.dashboard.order_list import OrderList, address, filter_in, rows_in
from web.dashboard.parts import Text, box, duration, link, percent, rate
from web.dashboard.subjects import Subjects
from web.dashboard.texts import Texts
from web.dashboard.visit import Visit
from web.dashboard.waiting import people_needed, with_temporals_part


class Card:
    """One figure with its name and a note."""

    def __init__(self, label: str, note: str = "", target: str = "") -> None:
        # Until it is known, it is none: so the page does not jump.
        around = link("", target, "panel card") if target else box("div", "panel card")
        with around:
            Text("span", label, "label")
            self._figure = Text("span", "–", "figure")
            self._note = Text("span", note or "\u00a0", "note")
        self.element = around

    def show(self, figure: str, note: str | None = None) -> None:
        """Show the figure, with another note if one is given."""
        self._figure.set_text(figure)
        if note is not None:
            self._note.set_text(note)


class Cards:
    """The figures that tell how things go."""

    def __init__(self, words: Texts) -> None:
        self._words = words
        with box("section", "cards", aria_label=words("frame.orders")):
            self._total = Card(words("figures.total"))
            self._success = Card(words("figures.success"))
            self._average = Card(words("figures.average"), words("figures.average_of"))
            self._throughput = Card(words("figures.throughput"), words("figures.throughput_of"))
            self._person = Card(words("figures.person"), target=PAGES["interventions"])

    def show(self, figures: Figures) -> None:
        """Show these figures."""
        words = self._words
        none = words("figures.none")
        under_way = none if figures.open is None else f"{figures.open:,}"
        self._total.show(f"{figures.total:,}", words("figures.open", count=under_way))
        completed = words("figures.success_of", completed=f"{figures.completed:,}")
        self._success.show(percent(figures.success_rate, words), completed)
        self._average.show(duration(words, figures.average_seconds))
        self._throughput.show(rate(figures.throughput_per_hour))
        person = people_needed(figures)
        if person is None:
            self._person.show(none, words("figures.person_unknown"))
        else:
            note = words("figures.person_some" if person else "figures.person_none")
            self._person.show(f"{person:,}", note)
        self._person.element.classes(add="calls" if person else "", remove="calls")


class Overview:
    """The page and what it watches."""

    def __init__(self, visit: Visit, subjects: Subjects) -> None:
        self._visit = visit
        self._subjects = subjects
        query = visit.request.query_params
        self._over = next((each for each in Range if query.get("range") == each), Range.DAY)
        self._list = OrderList(visit.words, filter_in(query), rows_in(query), self._ask)

    async def build(self) -> None:
        """Make the page, with what there is to see at first."""
        words = self._visit.words
        figures, page = await asyncio.gather(
            self._visit.live.glance(self._figures()), self._visit.live.glance(self._page())
        )
        with framed(self._visit, words("frame.orders"), "orders") as self._frame:
            with box("div", "heading"):
                Text("h1", words("frame.orders"))
                with box("div", "end"):
                    self._range_switch()
            self._cards = Cards(words)
            with box("div", "charts"):
                self._charts = Shares(words), Course(words)
            self._list.build()
        self._show_figures(figures)
        self._show_page(page)
        self._figures_watch = self._visit.watch(self._figures(), self._show_figures)
        self._page_watch = self._visit.watch(self._page(), self._show_page)

    def _figures(self) -> Subject[Figures]:
        return self._subjects.figures(self._over)

    def _page(self) -> Subject[OrderPage]:
        return self._subjects.page(self._list.only, self._list.rows, self._list.cursor)

    def _show_figures(self, snapshot: Snapshot[Figures]) -> None:
        self._frame.show_problem(with_temporals_part(snapshot), "figures")
        if snapshot.value is not None:
            self._frame.show_count(people_needed(snapshot.value))
            self._cards.show(snapshot.value)
            for chart in self._charts:
                chart.show(snapshot.value)
        elif snapshot.problem is not None:
            self._frame.show_count(None)

    def _show_page(self, snapshot: Snapshot[OrderPage]) -> None:
        self._frame.show_problem(snapshot, "list")
        self._list.show(snapshot)

    def _range_switch(self) -> None:
        words = self._visit.words
        with box("div", "switch", role="group", aria_label=words("figures.range")):
            self._ranges = {each: self._range_button(each) for each in Range}

    def _range_button(self, over: Range) -> Text:
        choice = Text("button", self._visit.words.named("range", over))
        choice.props["type"] = "button"
        choice.props["aria-pressed"] = str(over is self._over).lower()
        choice.on("click", lambda: self._choose(over), args=[])
        return choice

    def _choose(self, over: Range) -> None:
        self._over = over
        for each, choice in self._ranges.items():
            choice.props["aria-pressed"] = str(each is over).lower()
        self._remember()
        self._figures_watch.look_at(self._figures())

    def _ask(self) -> None:
        self._remember()
        self._page_watch.look_at(self._page())

    def _remember(self) -> None:
        """Keep in the address what is shown: for a reload, and for sending it to somebody."""
        place = address(self._list.only, self._list.rows, self._over)
        ui.run_javascript(f"history.replaceState({{}}, '', {json.dumps(place)})")
