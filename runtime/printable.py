"""Text from outside made safe to print: nothing invisible forges a line or moves a cursor."""

import unicodedata

_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Control, format (bidirectional overrides, zero width), lone surrogates, line and paragraph
separators."""


def printable(text: str) -> str:
    """The text on one line, with everything invisible written as its escape sequence."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(char) for char in text)


def _escaped(char: str) -> str:
    if unicodedata.category(char) in _HIDDEN:
        return char.encode("unicode_escape").decode("ascii")
    return char
