"""The small pieces that pages are made of. Every text goes in as text, never as HTML."""

from datetime import datetime
from typing import Any

from nicegui import ui
from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement

from models.money import CURRENCY_DECIMALS
from models.saga import SagaStatus
from web.dashboard.texts import Texts

STATUS_ICONS = {
    SagaStatus.STARTED: "radio_button_unchecked",
    SagaStatus.IN_PROGRESS: "timelapse",
    SagaStatus.COMPLETED: "check_circle",
    SagaStatus.COMPENSATING: "history",
    SagaStatus.COMPENSATED: "undo",
    SagaStatus.FAILED: "cancel",
}
"""A shape for each status, so that none is told by its colour alone."""


class Text(TextElement):
    """An HTML element that holds one text."""

    def __init__(self, tag: str, text: str = "", classes: str = "") -> None:
        super().__init__(tag=tag, text=text)
        self.classes(classes)


def box(tag: str = "div", classes: str = "", **attributes: str) -> Element:
    """An HTML element to put others into; `aria_label="…"` becomes its `aria-label`."""
    element = ui.element(tag).classes(classes)
    for name, value in attributes.items():
        element.props[name.rstrip("_").replace("_", "-")] = value
    return element


def link(text: str, target: str, classes: str = "") -> Text:
    """A link within the dashboard, or out of it."""
    element = Text("a", text, classes)
    element.props["href"] = target
    return element


class Moment(Element, component="static/moment.js", dependencies=["static/moments.js"]):
    """A moment, told in the viewer's own zone; `{time}` stands for it in the text."""

    def __init__(self, at: datetime, text: str = "{time}", classes: str = "") -> None:
        super().__init__()
        self.props["at"] = at.isoformat()
        self.props["text"] = text
        self.classes(classes)


def status_badge(words: Texts, status: SagaStatus) -> Element:
    """A status by word, shape and colour; its name and meaning on pointing at it."""
    with box("span", f"status status-{status}") as badge:
        badge.props["title"] = f"{status}: {words.named('status_why', status)}"
        ui.icon(STATUS_ICONS[status])
        Text("span", words.named("status", status))
    return badge


def meter(label: str, status: SagaStatus, percent: int) -> Element:
    """A bar for the progress of an order."""
    with box("span", f"meter {status}", role="progressbar", aria_label=label) as bar:
        bar.props["aria-valuenow"] = percent
        bar.props["aria-valuemin"] = 0
        bar.props["aria-valuemax"] = 100
        ui.element("span").style(f"width: {percent}%")
    return bar


def button(text: str, classes: str, on_click: Any, *, icon: str | None = None) -> Element:
    """A button that is one for the keyboard and for screen readers too."""
    with box("button", f"button {classes}", type="button") as element:
        if icon is not None:
            ui.icon(icon)
        Text("span", text)
    element.on("click", on_click, args=[])
    return element


def able(element: Element, why_not: str | None) -> None:
    """Enable the button, or disable it and say why."""
    if why_not is None:
        element.props.pop("disabled", None)
        element.props.pop("title", None)
    else:
        element.props["disabled"] = True
        element.props["title"] = why_not


def money(amount: str, currency: str) -> str:
    """`1234.50`, `USD` → `1,234.50 USD`. Exact: the amount is never a float."""
    whole, _, decimals = amount.partition(".")
    grouped = f"{int(whole):,}"
    assert len(decimals) <= max(CURRENCY_DECIMALS.values())
    return f"{grouped}.{decimals} {currency}" if decimals else f"{grouped} {currency}"


def duration(words: Texts, seconds: float | None) -> str:
    """A length of time in the unit that suits it."""
    if seconds is None:
        return words("figures.none")
    if seconds < 120:
        digits = 2 if seconds < 1 else 1
        return words("figures.seconds", value=f"{seconds:.{digits}f}")
    if seconds < 2 * 3600:
        return words("figures.minutes", value=f"{seconds / 60:.1f}")
    return words("figures.hours", value=f"{seconds / 3600:.1f}")


def percent(share: float | None, words: Texts) -> str:
    """A share of 0 to 1; 100 % only if nothing is missing, and 0 % only if there is nothing."""
    if share is None:
        return words("figures.none")
    shown = round(100 * share, 1)
    if 0 < share < 1:
        shown = min(max(shown, 0.1), 99.9)
    return f"{shown:g}%"


def rate(per_hour: float) -> str:
    """How many in an hour; never 0 for what does happen."""
    if per_hour >= 100:
        return f"{per_hour:,.0f}"
    return f"{per_hour:.1f}" if per_hour >= 1 or not per_hour else f"{per_hour:.2g}"
