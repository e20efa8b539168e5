"""What people read on the dashboard: the table `texts.toml` in the language of whoever looks."""

import tomllib
from enum import StrEnum
from pathlib import Path

TABLE: dict[str, dict[str, dict[str, str]]] = tomllib.loads(
    Path(__file__).with_name("texts.toml").read_text(encoding="utf-8")
)
"""Section, key, language."""
LANGUAGE_COOKIE = "order_saga_language"
"""Set by the dashboard's switch."""


class Language(StrEnum):
    """The languages of the dashboard; the value is the `lang` of its pages."""

    ENGLISH = "en"
    KOREAN = "ko"

    @property
    def own_name(self) -> str:
        """As its speakers write it."""
        return {Language.ENGLISH: "English", Language.KOREAN: "한국어"}[self]


class Texts:
    """The texts in one language."""

    def __init__(self, language: Language) -> None:
        self.language = language

    def __call__(self, key: str, **values: object) -> str:
        """The text `section.key` with the values in their places. `KeyError` if there is none."""
        section, _, name = key.partition(".")
        return TABLE[section][name][self.language].format(**values)

    def with_moment(self, key: str, **values: object) -> str:
        """The text with `{time}` left in, which the browser tells in the viewer's own zone."""
        return self(key, time="{time}", **values)

    def named(self, section: str, name: str) -> str:
        """The plain words for a status, a step or a code; the name itself if it has none.

        A newer version of the saga may have codes that this table does not know.
        """
        entry = TABLE[section].get(name)
        return name if entry is None else entry[self.language]

    def call_at(self, step: str) -> str:
        """The plain words for what may need a person at a step: its undo, or itself if it has
        none.
        """
        return self.named("undo" if step in TABLE["undo"] else "step", step)

    def section(self, section: str) -> dict[str, str]:
        """All texts of a section, for a component that fills them in in the browser."""
        return {name: entry[self.language] for name, entry in TABLE[section].items()}


def preferred_language(chosen: str | None, accepted: str) -> Language:
    """The language that was chosen by the switch, else the browser's first that we have.

    `accepted` is an `Accept-Language` header.
    """
    if chosen in tuple(Language):
        return Language(chosen)
    for tag in sorted(accepted.split(","), key=_weight, reverse=True):
        primary = tag.partition(";")[0].strip().partition("-")[0].lower()
        if primary in tuple(Language) and _weight(tag) > 0:
            return Language(primary)
    return Language.ENGLISH


def _weight(tag: str) -> float:
    """The `q` of one entry of the header; 0 if it cannot be read."""
    quality = tag.partition(";")[2].replace(" ", "").removeprefix("q=")
    try:
        return float(quality) if quality else 1.0
    except ValueError:
        return 0.0
