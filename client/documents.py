"""Reading what people write: bytes from a file, standard input or a request into checked models.

JSON is read more strictly than its libraries do, because each laxity lets two readers
understand one order differently: no key twice, no NaN, no binary floating point, UTF-8 only.
"""

import json
import re
import sys
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from models.card_numbers import holds_card_number
from models.documents import OrderDocument, Shop, ShopDocument
from models.order import Order

LARGEST_DOCUMENT = 1024 * 1024
"""Bytes. An order of 100 lines is some 10 KiB; a shop file of 10 000 products some 900 KiB."""
STANDARD_INPUT = "-"

_MOST_LINES = 5
_LONGEST_NAME = 40
_LONGEST_PATH = 200
_LONGEST_NUMBER = 30
"""Digits; Python needs quadratic time to make an int of more, and no field takes so many."""

_NAMED = re.compile(r"([\w.\[\]]+): (.+)", re.DOTALL)
"""A rule over several fields says itself which one is at fault."""

T = TypeVar("T")


class Fault(NamedTuple):
    """One thing that is wrong with a document. Repeats no value out of it."""

    field: str
    """As people write it, `items[0].quantity`; empty for the document as a whole."""
    reason: str
    """Follows the field's name."""

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}" if self.field else self.reason


class DocumentError(ValueError):
    """The document cannot be taken as it stands; `lines` say why, one problem each.

    No line repeats a value out of the document.
    """

    def __init__(self, lines: list[str], faults: Sequence[Fault] = ()) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines
        self.faults = tuple(faults)
        """All of them, where the document is JSON and its fields are at fault."""


class MalformedDocument(DocumentError):
    """The document is not JSON, or JSON that two readers would understand differently."""


def read_order(source: str) -> Order:
    """The order in a file, or on standard input for `-`. Raises `DocumentError`."""
    return parse_order(read_bytes(source))


def read_shop(source: str) -> Shop:
    """The shop in a file, or on standard input for `-`. Raises `DocumentError`."""
    return parse_document(read_bytes(source), ShopDocument).to_shop()


def parse_order(data: bytes) -> Order:
    """The order that the bytes are a JSON document of. Raises `DocumentError`."""
    return parse_document(data, OrderDocument).to_order()


def read_bytes(source: str) -> bytes:
    """The bytes of a file, or of standard input for `-`: never more than a document may have.

    Raises `DocumentError` when there is too much, and when it cannot be read.
    """
    try:
        if source == STANDARD_INPUT:
            data = sys.stdin.buffer.read(LARGEST_DOCUMENT + 1)
        else:
            with Path(source).open("rb") as file:
                data = file.read(LARGEST_DOCUMENT + 1)
    except (OSError, ValueError, AttributeError) as error:
        # A path with a NUL is a ValueError, a closed standard input an AttributeError.
        reason = getattr(error, "strerror", None) or "it cannot be opened"
        raise DocumentError([f"{_shown(source, _LONGEST_PATH)}: {reason}"]) from None
    _refuse_too_long(data)
    return data


def parse_document(data: bytes, model: type[T]) -> T:
    """The model that the bytes are a JSON document of. Raises `DocumentError`."""
    value = parse_json(data)
    try:
        return TypeAdapter(model).validate_python(value)
    except ValidationError as error:
        faults = _faults(error)
        raise DocumentError(_lines(faults), faults) from None


def parse_json(data: bytes) -> object:
    """The JSON value, its numbers as `int` or `Decimal`. Raises `MalformedDocument`."""
    _refuse_too_long(data)
    try:
        text = data.decode("utf-8-sig")  # some editors begin a file with a byte order mark
    except UnicodeDecodeError as error:
        raise MalformedDocument([f"the document is not UTF-8 (byte {error.start})"]) from None
    if not text.strip():
        raise MalformedDocument(["the document is empty"])
    try:
        return json.loads(
            text,
            parse_int=_whole_number,
            parse_float=_decimal,
            parse_constant=Decimal,
            object_pairs_hook=_object,
        )
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise MalformedDocument([f"the document is not JSON: {error.msg} ({place})"]) from None
    except RecursionError:
        raise MalformedDocument(["the document is nested too deeply"]) from None


def _refuse_too_long(data: bytes) -> None:
    if len(data) > LARGEST_DOCUMENT:
        raise MalformedDocument([f"the document is larger than {LARGEST_DOCUMENT // 1024} KiB"])


def _whole_number(digits: str) -> int | Decimal:
    return int(digits) if len(digits) <= _LONGEST_NUMBER else Decimal(digits)


def _decimal(digits: str) -> Decimal:
    try:
        return Decimal(digits)
    except InvalidOperation:  # an exponent beyond 10^18
        return Decimal("Infinity")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        _refuse_key_given_twice([name for name, _ in pairs])
    return members


def _refuse_key_given_twice(names: list[str]) -> NoReturn:
    repeated, _ = Counter(names).most_common(1)[0]
    raise MalformedDocument([f"{_shown(repeated)}: stands twice in one object"])


def _faults(error: ValidationError) -> list[Fault]:
    details = error.errors(include_url=False, include_input=False)
    places = [detail["loc"] for detail in details]
    return [
        _fault(detail)
        for detail in details
        # A list whose entries are at fault is not too short as well.
        if detail["type"] != "too_short" or not _any_within(detail["loc"], places)
    ]


def _any_within(place: tuple[int | str, ...], places: list[tuple[int | str, ...]]) -> bool:
    return any(other[: len(place)] == place and other != place for other in places)


def _lines(faults: list[Fault]) -> list[str]:
    lines = [str(fault) for fault in faults[:_MOST_LINES]]
    if len(faults) > _MOST_LINES:
        lines.append(f"and {len(faults) - _MOST_LINES} more")
    return lines


def _fault(detail: ErrorDetails) -> Fault:
    own = detail["type"] == "value_error"
    context = detail.get("ctx", {})
    reason = str(context["error"]) if own else _reason(detail["type"], context)
    field = _field(detail["loc"])
    if not field and own and (named := _NAMED.fullmatch(reason)):
        return Fault(named[1], named[2])
    return Fault(field, reason if field or own else f"the document {reason}")


def _reason(kind: str, context: dict[str, Any]) -> str:
    return _REASONS.get(kind, "is not valid").format(**context)


_REASONS = {
    "missing": "is missing",
    "extra_forbidden": "is not a field of this document",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "too_short": "must have {min_length} or more entries",
    "too_long": "must have at most {max_length} entries",
    "string_type": "must be a text",
    "invalid_key": "must have texts as names",
    "literal_error": "is not one of the known values",
    "enum": "is not one of the known values",
}


def _field(location: tuple[int | str, ...]) -> str:
    """The place as people write it: `items[0].quantity`."""
    path = ""
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            path += f".{_shown(part)}" if path else _shown(part)
    return path


def _shown(name: str, longest: int = _LONGEST_NAME) -> str:
    """A name that a person gave, fit for a terminal, and never what must not be repeated."""
    shown = name if len(name) <= longest else f"{name[:longest]}…"
    if holds_card_number(name[: longest + 40]):  # one that the cut would leave half of, too
        return "(a card number)"
    return shown if shown.isprintable() else ascii(shown)
