"""The kinds of arguments that the commands have in common."""

import argparse
import contextlib
from collections.abc import Callable

# Nothing heavy here: `--help` must not wait for the Temporal SDK to load.
from models.texts import identifier


def order_argument(parser: argparse.ArgumentParser) -> None:
    """The order's id, as `order_id`."""
    parser.add_argument(
        "order_id", type=text_argument(identifier), metavar="ID", help="the order's id"
    )


def json_argument(parser: argparse.ArgumentParser) -> None:
    """`--json`, as `json`."""
    parser.add_argument(
        "--json", action="store_true", help="print one JSON document on stdout, and nothing else"
    )


def text_argument(check: Callable[[object], str]) -> Callable[[str], str]:
    """An argument type from a check that raises `ValueError` in words that follow the name."""

    def text(value: str) -> str:
        try:
            return check(value)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return text


def number_argument(least: int, most: int) -> Callable[[str], int]:
    """An argument type: a whole number in this range."""

    def number(text: str) -> int:
        # Not `int` at once: it takes signs, spaces and underscores, and time for long texts.
        if text.isascii() and text.isdecimal() and len(text) < 10 and least <= int(text) <= most:
            return int(text)
        raise argparse.ArgumentTypeError(f"must be a whole number from {least} to {most}")

    return number


def rate_argument(text: str) -> float:
    """An argument type: so many per second."""
    with contextlib.suppress(ValueError):
        rate = float(text)
        if 0.001 <= rate <= 100_000:
            return rate
    raise argparse.ArgumentTypeError("must be a number from 0.001 to 100000")
