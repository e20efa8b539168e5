"""The dashboard's texts: both languages say everything, and nothing is said in vain."""

import re
from pathlib import Path
from string import Formatter

import pytest

from client.views import Range, RunOutcome
from models.saga import SagaKind, SagaStatus
from models.steps import COMPENSATABLE, STEPS, ErrorCode
from web.access import Role
from web.dashboard.texts import TABLE, Language, Texts, preferred_language
from web.problems import COMMAND_CODES

WEB = Path(__file__).parents[3] / "web"
ENTRIES = [(section, name) for section, names in TABLE.items() for name in names]
BY_CODE = {
    "status",
    "status_why",
    "step",
    "undo",
    "running",
    "error",
    "kind",
    "outcome",
    "role",
    "range",
    "refusal",
    "problem",
    "wrong",
}
"""Sections that are looked up by the name of a status, a step or a code."""
BUILT = {"action", "figures", "frame", "list", "order", "place"}
"""Sections of which some names are put together, or filled in in the browser."""


def test_both_languages_have_every_text_with_the_same_values() -> None:
    for section, name in ENTRIES:
        texts = TABLE[section][name]
        assert set(texts) == set(Language), f"{section}.{name}"
        values = {language: _values(text) for language, text in texts.items()}
        assert values[Language.ENGLISH] == values[Language.KOREAN], f"{section}.{name}"
        assert all(text and text.strip() == text for text in texts.values()), f"{section}.{name}"


def _values(text: str) -> set[str]:
    return {field for _, field, _, _ in Formatter().parse(text) if field}


def test_code_asks_for_no_text_that_there_is_not() -> None:
    for path in WEB.rglob("*.py"):
        for key in re.findall(r'"([a-z_]+\.[A-Za-z0-9_-]+)"', path.read_text(encoding="utf-8")):
            section, name = key.split(".")
            if section in TABLE and name != "json":
                assert name in TABLE[section], f"{path}: {key}"


def test_no_text_is_left_over() -> None:
    code = "\n".join(
        path.read_text(encoding="utf-8")
        for suffix in ("*.py", "*.js")
        for path in WEB.rglob(suffix)
    )
    for section, name in ENTRIES:
        if section not in BY_CODE:
            asked_for = re.search(rf"['\"]{section}\.{name}['\"]|texts\.{name}\b", code)
            # Put together from a name that the code has, such as that of an action.
            built = section in BUILT and re.search(rf"\b{re.escape(name.split('_why')[0])}\b", code)
            assert asked_for or built, f"{section}.{name}"


@pytest.mark.parametrize(
    ("section", "names"),
    [
        ("status", SagaStatus),
        ("status_why", SagaStatus),
        ("kind", SagaKind),
        ("error", ErrorCode),
        ("role", Role),
        ("range", Range),
        ("problem", COMMAND_CODES),
        ("outcome", [outcome.name for outcome in RunOutcome]),
        ("step", [step.step for step in STEPS]),
        ("undo", [step.step for step in COMPENSATABLE]),
        (
            "running",
            [
                *(step.running for step in STEPS),
                *(step.compensation.running for step in COMPENSATABLE),
            ],
        ),
    ],
)
def test_every_code_has_plain_words_and_no_other_has(section: str, names: list[str]) -> None:
    assert set(TABLE[section]) == {str(name) for name in names}


def test_unknown_code_is_shown_as_it_is() -> None:
    assert Texts(Language.KOREAN).named("error", "NEWER_CODE") == "NEWER_CODE"


@pytest.mark.parametrize(
    ("chosen", "accepted", "language"),
    [
        (None, "", Language.ENGLISH),
        (None, "ko", Language.KOREAN),
        (None, "ko-KR,ko;q=0.9,en-US;q=0.8", Language.KOREAN),
        (None, "en-US,en;q=0.9,ko;q=0.8", Language.ENGLISH),
        (None, "fr-FR, ko;q=0.3", Language.KOREAN),
        (None, "en;q=0.1, ko;q=0.2", Language.KOREAN),
        (None, "ko;q=0", Language.ENGLISH),
        (None, "ko;q=x, *", Language.ENGLISH),
        ("en", "ko", Language.ENGLISH),
        ("ko", "en", Language.KOREAN),
        ("xx", "ko", Language.KOREAN),
    ],
)
def test_language_is_the_chosen_or_the_browsers_first(
    chosen: str | None, accepted: str, language: Language
) -> None:
    assert preferred_language(chosen, accepted) is language
