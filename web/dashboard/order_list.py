"""The list of orders: filters, rows that change by themselves, and paging by cursor."""

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from nicegui import ui
from nicegui.element import Element
from pydantic import ValidationError

from client.views import OrderFilter, OrderPage, OrderRow
from models.saga import SagaKind, SagaStatus
from models.steps import COMPENSATABLE, STEPS
from web.dashboard.fields import check_field, choice_field, text_field
from web.dashboard.live import Snapshot
from web.dashboard.parts import Text, box, button, money
from web.dashboard.texts import Texts

ROWS = (25, 50, 100)
"""How many orders a page may have."""
USUAL_ROWS = 50
RUNNING = (
    *(step.running for step in STEPS),
    *(step.compensation.running for step in COMPENSATABLE),
)
"""What `current_step` may be while something runs."""


def rows_in(query: Mapping[str, str]) -> int:
    """How many rows the address asks for."""
    return next((rows for rows in ROWS if query.get("rows") == str(rows)), USUAL_ROWS)


def filter_in(query: Mapping[str, str]) -> OrderFilter:
    """The filter that the address asks for; what cannot be read filters nothing."""
    only = OrderFilter()
    for name in OrderFilter.model_fields:
        value = query.get(name, "").strip()
        if value:
            try:
                only = OrderFilter.model_validate({**only.model_dump(), name: value})
            except ValidationError:
                continue
    return only


def address(only: OrderFilter, rows: int, over: str) -> str:
    """The address of the list with this filter: it can be sent to somebody."""
    chosen = only.model_dump(mode="json", exclude_none=True)
    query = {name: str(value).lower() if value is True else value for name, value in chosen.items()}
    if rows != USUAL_ROWS:
        query["rows"] = str(rows)
    query["range"] = over
    return f"/?{urlencode(query)}"


def row_for_browser(row: OrderRow) -> dict[str, Any]:
    """What the browser needs of a row: moments as ISO texts, codes for it to put into words."""
    return {
        "order_id": row.order_id,
        "customer_id": row.customer_id,
        "kind": row.kind.value,
        "status": row.status.value,
        "step": None if row.current_step in tuple(SagaStatus) else row.current_step,
        "progress": row.progress,
        "attempt": row.attempt,
        "retrying_since": _iso(row.retrying_since),
        "next_attempt_at": _iso(row.next_attempt_at),
        "last_error": row.last_error,
        "needs_operator": row.needs_operator,
        "held": row.held,
        "amount": money(row.amount_charged, row.currency),
        "error_code": row.error_code,
        "created_at": _iso(row.created_at),
    }


def _iso(moment: Any) -> str | None:
    return None if moment is None else moment.isoformat()


class OrdersTable(Element, component="static/orders.js", dependencies=["static/moments.js"]):
    """The rows. Tells the browser only of those that have changed."""

    def __init__(self, words: Texts) -> None:
        super().__init__()
        self._known: dict[str, OrderRow] = {}
        self._rows: dict[str, dict[str, Any]] = {}
        self.props["rows"] = "[]"
        self.props["texts"] = words.section("list")
        self.props["statuses"] = words.section("status")
        self.props["steps"] = words.section("running")
        self.props["kinds"] = words.section("kind")
        self.props["errors"] = words.section("error")

    def show(self, orders: tuple[OrderRow, ...]) -> None:
        """Show these rows and no others."""
        now = {row.order_id: row for row in orders}
        changed = [row.order_id for id_, row in now.items() if self._known.get(id_) != row]
        if not changed and list(now) == list(self._known):
            return
        self._known = now
        self._rows |= {id_: row_for_browser(now[id_]) for id_ in changed}
        self._rows = {id_: self._rows[id_] for id_ in now}
        with self.props.suspend_updates():
            # Should the framework send the whole element again, it sends what is true.
            self.props["rows"] = json.dumps(list(self._rows.values()))
        if self.client.has_socket_connection:
            self.run_method("patch", list(now), [self._rows[id_] for id_ in changed])


class OrderList:
    """Filters, table and pager. `ask` is called with what is to be shown next."""

    def __init__(self, words: Texts, only: OrderFilter, rows: int, ask: Callable[[], None]) -> None:
        self._words = words
        self._ask = ask
        self.only = only
        self.rows = rows
        self.cursors: list[str | None] = [None]
        """The way to the page that is shown; the first has no cursor."""
        self._next: str | None = None
        self._fields: list[Callable[[], None]] = []

    @property
    def cursor(self) -> str | None:
        """Where the page that is shown begins."""
        return self.cursors[-1]

    def build(self) -> None:
        """Make the elements."""
        with box("section", "panel", aria_labelledby="orders-title"):
            with box("div", "panel-head"):
                Text("h2", self._words("list.title")).props["id"] = "orders-title"
            self._filters()
            self._table = OrdersTable(self._words)
            self._empty = Text("p", "", "nothing")
            self._pager()

    def show(self, page: Snapshot[OrderPage]) -> None:
        """Show a page of orders."""
        if page.value is None and page.problem is None:
            return  # it is being read
        orders = () if page.value is None else page.value.orders
        self._table.show(orders)
        self._table.set_visibility(bool(orders))
        self._empty.set_text(self._words(self._why_empty(page)))
        self._empty.set_visibility(not orders)
        self._next = None if page.value is None else page.value.next_cursor
        self._show_pager()

    def _why_empty(self, page: Snapshot[OrderPage]) -> str:
        """The text for a page without orders."""
        if page.value is None:
            return "list.unknown"
        filtered = self.only != OrderFilter() or len(self.cursors) > 1
        return "list.empty" if filtered else "list.empty_at_all"

    def _filters(self) -> None:
        words, only = self._words, self.only
        with box("div", "filters", role="search", aria_label=words("list.filters")):
            choices = {each.value: words.named("status", each) for each in SagaStatus}
            self._choice("list.status", "status", choices, "list.all_statuses", only.status)
            self._text("list.order_id", "order_id", only.order_id)
            self._text("list.customer_id", "customer_id", only.customer_id)
            choices = {step: words.named("running", step) for step in RUNNING}
            self._choice("list.step", "step", choices, "list.all_steps", only.step)
            choices = {each.value: words.named("kind", each) for each in SagaKind}
            self._choice("list.kind", "kind", choices, "list.all_kinds", only.kind)
            with box("div", "end"):
                box_ = check_field(
                    words("list.only_person"),
                    bool(only.needs_operator),
                    lambda on: self._set("needs_operator", on or None),
                )
                self._fields.append(box_.clear)
                self._clear = button(words("list.clear"), "quiet", self._clear_all)
                self._clear.set_visibility(only != OrderFilter())

    def _choice(
        self, label: str, name: str, choices: Mapping[str, str], all_: str, value: str | None
    ) -> None:
        field = choice_field(
            self._words(label),
            {"": self._words(all_), **choices},
            value or "",
            lambda chosen: self._set(name, chosen or None),
        )
        self._fields.append(field.clear)

    def _text(self, label: str, name: str, value: str | None) -> None:
        def entered(text: str) -> None:
            try:
                self._set(name, text.strip() or None)
            except ValidationError:
                field.complain(self._words("wrong.sought"))
            else:
                field.complain(None)

        field = text_field(self._words(label), value or "", entered)
        self._fields.append(field.clear)

    def _set(self, name: str, value: object) -> None:
        self._filter_by(OrderFilter.model_validate({**self.only.model_dump(), name: value}))

    def _clear_all(self) -> None:
        for clear in self._fields:
            clear()
        self._filter_by(OrderFilter())

    def _filter_by(self, only: OrderFilter) -> None:
        if only != self.only:
            self.only = only
            self._clear.set_visibility(only != OrderFilter())
            self._from_the_top()

    def _from_the_top(self) -> None:
        self.cursors = [None]
        self._ask()

    def _pager(self) -> None:
        words = self._words
        with box("div", "pager"):
            with box("label", "rows"):
                Text("span", words("list.rows"))
                choice = box("select")
                with choice:
                    for rows in ROWS:
                        option = Text("option", str(rows))
                        option.props["value"] = str(rows)
                        option.props["selected"] = rows == self.rows
                choice.on("change", self._set_rows, js_handler="(e) => emit(e.target.value)")
            self._number = Text("span", "", "soft small")
            self._newer = button(words("list.newer"), "", self._go_newest, icon="first_page")
            self._older = button(words("list.older"), "", self._go_older, icon="chevron_right")
        self._show_pager()

    def _show_pager(self) -> None:
        first = len(self.cursors) == 1
        self._number.set_text(self._words("list.page", number=len(self.cursors)))
        self._number.set_visibility(not first)
        self._newer.set_visibility(not first)
        self._older.set_visibility(self._next is not None)

    def _set_rows(self, event: Any) -> None:
        self.rows = rows_in({"rows": str(event.args)})
        self._from_the_top()

    def _go_newest(self) -> None:
        self._from_the_top()

    def _go_older(self) -> None:
        if self._next is not None:
            self.cursors.append(self._next)
            ui.run_javascript("document.getElementById('orders-title').scrollIntoView()")
            self._ask()
