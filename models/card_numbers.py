"""Card numbers in texts: where one is found, the text is refused before anything keeps it.

A Luhn check alone takes a tenth of all millisecond time stamps for card numbers, so the number
must also begin as an issuer's numbers do. Digits count in every script, and with the separators
that people and copied texts put between them.
"""

import re
import unicodedata

_DIGITS_AND_SEPARATORS = re.compile(r"[0-9](?:[ ._\-]{0,3}[0-9])+")
_SEPARATORS = re.compile(r"[ ._\-]+")
_ISSUERS = tuple(
    (re.compile(prefix), lengths)
    for prefix, lengths in (
        (r"4", {13, 16, 19}),  # Visa
        (r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720", {16}),  # Mastercard
        (r"3[47]", {15}),  # American Express
        (r"6011|64[4-9]|65", {16, 17, 18, 19}),  # Discover
        (r"352[89]|35[3-8]", {16, 17, 18, 19}),  # JCB
        (r"62", {16, 17, 18, 19}),  # UnionPay
        (r"30[0-5]|3095|3[689]", {14, 15, 16, 17, 18, 19}),  # Diners Club
        (r"50(?:18|20|38)|5893|6304|6390|67(?:59|6[1-3])", set(range(13, 20))),  # Maestro
    )
)
_SHORTEST, _LONGEST = 13, 19


def holds_card_number(text: str) -> bool:
    """Whether the text holds 13 to 19 digits that are some issuer's card number."""
    return any(
        _is_card_number(digits)
        for run in _DIGITS_AND_SEPARATORS.finditer(_plain(text))
        for digits in _joined_groups(_SEPARATORS.split(run.group()))
    )


def _plain(text: str) -> str:
    """The text with ASCII digits, spaces and dashes for all others, and nothing invisible."""
    return "".join(_plain_character(character) for character in text)


def _plain_character(character: str) -> str:
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    category = unicodedata.category(character)
    if category == "Cf":
        return ""
    if category == "Zs":
        return " "
    return "-" if category == "Pd" or character == "\u2212" else character


def _joined_groups(groups: list[str]) -> list[str]:
    """Neighbouring groups of digits put together, as long as a card number can be.

    A number begins and ends with a group: the house number before it is another group.
    """
    joined = []
    for first in range(len(groups)):
        digits = ""
        for group in groups[first:]:
            digits += group
            if len(digits) > _LONGEST:
                break
            if len(digits) >= _SHORTEST:
                joined.append(digits)
    return joined


def _is_card_number(digits: str) -> bool:
    issued = any(prefix.match(digits) and len(digits) in lengths for prefix, lengths in _ISSUERS)
    return issued and _passes_luhn(digits)


def _passes_luhn(digits: str) -> bool:
    """ISO/IEC 7812-1: every second digit from the right counts twice."""
    checksum = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        checksum += value - 9 if value > 9 else value
    return checksum % 10 == 0
