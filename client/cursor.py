"""Where a list goes on, as text that people pass on and cannot read."""

import base64
import binascii
import json
from datetime import datetime

from runtime.program import CommandError, ExitCode
from services.orders.records import Cursor


class BadCursor(CommandError):
    """The cursor is none that the list has given out."""

    def __init__(self) -> None:
        super().__init__("this is not a cursor of the list of orders", ExitCode.BAD_INPUT)


def encoded(place: Cursor) -> str:
    """Fit for a URL."""
    text = json.dumps([place.created_at.isoformat(), place.saga_id], ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decoded(text: str) -> Cursor:
    """The place again. Raises `BadCursor`."""
    try:
        padded = text + "=" * (-len(text) % 4)
        created_at, saga_id = json.loads(base64.b64decode(padded, altchars="-_", validate=True))
        place = Cursor(datetime.fromisoformat(created_at), saga_id)
    except (binascii.Error, ValueError, TypeError, RecursionError):
        raise BadCursor from None
    if place.created_at.tzinfo is None or not isinstance(place.saga_id, str):
        raise BadCursor
    return place
