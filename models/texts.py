"""The texts that people write in documents: what each kind may hold.

Each function takes whatever stood in the document and gives the text in normal form (NFC, so
that Korean typed on any system is the same text), or raises `ValueError` with a message that
follows the field's name and never repeats the text.
"""

import re
import unicodedata

from models.card_numbers import holds_card_number

LONGEST_IDENTIFIER = 100
"""Characters. Temporal takes workflow ids of 1000 bytes, and a character is at most 4."""
LONGEST_FREE_TEXT = 499
LONGEST_TOKEN = 255
LONGEST_EMAIL = 254
"""RFC 5321, section 4.5.3.1."""

# Letters and marks by category, but nothing is seen of them: two ids would look the same.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
# These change the order in which the rest of the line is shown to an operator.
_BIDI_OVERRIDES = re.compile("[\u202a-\u202e\u2066-\u2069]")
_CONTROL_CATEGORIES = {"Cc", "Cs", "Zl", "Zp"}
_DOMAIN_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_EMAIL = re.compile(
    rf"[^\s@<>()\[\],;:\\\"]{{1,64}}@{_DOMAIN_LABEL}(?:\.{_DOMAIN_LABEL})+", re.UNICODE
)


def identifier(value: object) -> str:
    """An id: letters and digits of any script and `.`, `_`, `-`.

    No `:`, which separates the order id from the operation in idempotency keys; no `/`, space or
    quote, so that an id stands unescaped in URLs, shells and Temporal's queries; and no sign at
    the beginning, so that it is never taken for an option.
    """
    text = _normal(value)
    if (
        not 1 <= len(text) <= LONGEST_IDENTIFIER
        or not _is_letter_or_digit(text[0])
        or not all(_is_letter_or_digit(character) or character in "._-" for character in text)
    ):
        raise ValueError(
            f"must be 1 to {LONGEST_IDENTIFIER} letters, digits, '.', '_' or '-', "
            "beginning with a letter or digit"
        )
    return text


def payment_method(value: object) -> str:
    """An identifier that is no card number."""
    return _without_card_number(identifier(value))


def free_text(value: object) -> str:
    """One line of text that says something: it holds a letter or a digit, and no card number.

    Emoji and the invisible joiners that several scripts need are kept.
    """
    text = _line(value)
    if not any(_is_letter_or_digit(character) for character in text):
        raise ValueError("must hold a letter or a digit")
    return _without_card_number(text)


def address(value: object) -> str:
    """One line of text in which something is seen, and no card number.

    Only a carrier knows more of addresses; the sample in many a guide is `...`.
    """
    text = _line(value)
    if not any(
        _is_letter_or_digit(each) or unicodedata.category(each)[0] in "NPS" for each in text
    ):
        raise ValueError("must not be empty")
    return _without_card_number(text)


def token(value: object) -> str:
    """A payment gateway's name for a card: one word, kept to the letter."""
    if not isinstance(value, str):
        raise ValueError("must be a text")
    if not 1 <= len(value) <= LONGEST_TOKEN or not value.isprintable() or " " in value:
        raise ValueError(f"must be 1 to {LONGEST_TOKEN} characters without spaces")
    return _without_card_number(value)


def email(value: object) -> str:
    """An address that mail can be sent to: one `@`, a domain with a dot, nothing to inject."""
    text = _normal(value)
    if len(text) > LONGEST_EMAIL or not text.isprintable() or not _EMAIL.fullmatch(text):
        raise ValueError("must be an e-mail address such as name@example.com")
    return _without_card_number(text)


def _normal(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a text")
    return unicodedata.normalize("NFC", value)


def _line(value: object) -> str:
    text = _normal(value).strip()
    if not text:
        raise ValueError("must not be empty")
    if len(text) > LONGEST_FREE_TEXT:
        raise ValueError(f"must be at most {LONGEST_FREE_TEXT} characters")
    _refuse_controls(text)
    return text


def _is_letter_or_digit(character: str) -> bool:
    category = unicodedata.category(character)
    return (category[0] in "LM" or category == "Nd") and not _INVISIBLE.match(character)


def _refuse_controls(text: str) -> None:
    if _BIDI_OVERRIDES.search(text) or any(
        unicodedata.category(character) in _CONTROL_CATEGORIES for character in text
    ):
        raise ValueError("must not hold control characters or line breaks")


def _without_card_number(text: str) -> str:
    if holds_card_number(text):
        raise ValueError("must not hold a card number; a payment_token stands for the card")
    return text
