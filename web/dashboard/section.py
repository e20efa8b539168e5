"""A part of a page that is made anew when what it shows has changed, and only then."""

from collections.abc import Callable
from typing import Generic, TypeVar

from nicegui.element import Element

from web.dashboard.parts import box

T = TypeVar("T")


class Section(Generic[T]):
    """Holds what `build` makes of a value; hidden where it makes nothing."""

    def __init__(self, build: Callable[[T], object], classes: str = "", tag: str = "div") -> None:
        self._build = build
        self._shown: T | None = None
        self.element: Element = box(tag, classes)
        self.element.set_visibility(False)

    def show(self, value: T) -> None:
        """Show the value."""
        if value == self._shown:
            return
        self._shown = value
        self.element.clear()
        with self.element:
            self._build(value)
        self.element.set_visibility(bool(self.element.default_slot.children))
