"""Reads the documents: their code, links, headings, sections and tables."""

import re
from collections.abc import Iterator
from pathlib import Path


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def blocks(path: Path) -> list[str]:
    return re.findall(r"^ *```[a-z]*\n.*?^ *```$", text_of(path), re.DOTALL | re.MULTILINE)


def prose(path: Path) -> str:
    return re.sub(r"^ *```.*?^ *```$", "", text_of(path), flags=re.DOTALL | re.MULTILINE)


def spans(text: str) -> list[str]:
    return re.findall(r"`([^`\n]+)`", text)


def code_in(path: Path) -> list[str]:
    """Every line of a code block and every inline code."""
    return [line for block in blocks(path) for line in block.splitlines()] + spans(prose(path))


def headings(path: Path) -> list[tuple[int, str]]:
    found = re.findall(r"^(#+) (.+)$", prose(path), re.MULTILINE)
    return [(len(signs), title) for signs, title in found]


def anchors(path: Path) -> set[str]:
    titles = (re.sub(r"[^\w\- ]", "", title.lower()) for _, title in headings(path))
    return {title.replace(" ", "-") for title in titles}


def links(path: Path) -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", prose(path))


def section(path: Path, title: str) -> str:
    """From a heading to the next one of its level or above."""
    found = re.search(
        rf"^(#+) {re.escape(title)}\n(.*?)(?=^#{{1,2}} |\Z)",
        text_of(path),
        re.DOTALL | re.MULTILINE,
    )
    assert found, f"{path.name} has no section {title}"
    return found[2]


def rows(text: str) -> Iterator[list[str]]:
    """The tables' rows, without their heads."""
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        for line in table.splitlines()[2:]:
            yield [cell.strip() for cell in line.strip("|").split("|")]


def first_names(text: str) -> list[str]:
    """The code in the first cells."""
    return [name for row in rows(text) for name in spans(row[0])]
