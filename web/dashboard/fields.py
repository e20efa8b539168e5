"""Form fields: native ones, each with its label, that tell what was entered when it was."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nicegui import ui
from nicegui.element import Element

from web.dashboard.parts import Text, box

Entered = Callable[[str], None]


def _ignore(_: str) -> None:
    """For a field that is only read when its form is sent."""


@dataclass
class Field:
    """One field and what stands in it."""

    element: Element
    value: str
    wrong: Text
    choices: list[Text] = field(default_factory=list)

    def clear(self) -> None:
        """Empty it, here and in the browser; then nothing is wrong with it."""
        self.set("")
        self.complain(None)

    def set(self, value: str) -> None:
        """Put a value in, here and in the browser."""
        self.value = value
        ui.run_javascript(f"getHtmlElement({self.element.id}).value = {json.dumps(value)}")

    def complain(self, message: str | None) -> None:
        """Say what is wrong with the value, or that nothing is."""
        self.wrong.set_text(message or "")
        self.wrong.set_visibility(message is not None)
        self.element.props["aria-invalid"] = "true" if message else "false"


def text_field(
    label: str, value: str = "", entered: Entered = _ignore, *, hint: str = "", **attributes: str
) -> Field:
    """A line of text; `entered` gets it when the person leaves the field or presses Enter."""
    made = _labelled("input", label, value, hint, attributes)
    # As an attribute: as a property, every update of the page would undo what is being typed.
    made.element.props["^value"] = value
    _tell(made, "change", entered)
    return made


def choice_field(
    label: str, choices: Mapping[str, str], value: str, entered: Entered = _ignore, hint: str = ""
) -> Field:
    """One of several values, each with its words."""
    made = _labelled("select", label, value, hint, {})
    with made.element:
        for name, words in choices.items():
            option = Text("option", words)
            option.props["value"] = name
            option.props["selected"] = name == value
    _tell(made, "change", entered)
    return made


def check_field(label: str, value: bool, entered: Callable[[bool], None]) -> "Check":
    """A box to tick."""
    with box("label", "check"):
        element = box("input", type="checkbox")
        element.props["checked"] = value
        Text("span", label)
    element.on(
        "change",
        lambda event: entered(bool(event.args)),
        js_handler="(e) => emit(e.target.checked)",
    )
    return Check(element)


@dataclass
class Check:
    """A box to tick."""

    element: Element

    def clear(self) -> None:
        """Untick it in the browser."""
        ui.run_javascript(f"getHtmlElement({self.element.id}).checked = false")


def _labelled(tag: str, label: str, value: str, hint: str, attributes: Mapping[str, str]) -> Field:
    with box("div", "field"):
        title = Text("label", label)
        element = box(tag, **attributes)
        title.props["for"] = element.html_id
        if hint:
            explanation = Text("span", hint, "hint")
            element.props["aria-describedby"] = explanation.html_id
        wrong = Text("span", "", "wrong")
        wrong.props["role"] = "alert"
        wrong.set_visibility(False)
    return Field(element, value, wrong)


def _tell(made: Field, event: str, entered: Entered) -> None:
    def changed(arguments: Any) -> None:
        made.value = str(arguments.args)
        entered(made.value)

    made.element.on(event, changed, js_handler="(e) => emit(e.target.value)")
