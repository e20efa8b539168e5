"""`Idempotency-Key`: a request that is sent again is done once and answered alike."""

import hashlib
import secrets
from collections.abc import Awaitable, Callable
from typing import Annotated, NamedTuple

from fastapi import Depends, Request
from starlette.responses import Response

from web.api.bodies import IDEMPOTENCY_KEY, LONGEST_KEY
from web.api.dependencies import JsonBody, context_of
from web.problems import FieldFault, ProblemError

Done = Callable[[], Awaitable["Answer"]]


class Answer(NamedTuple):
    """What a request that succeeded is answered with."""

    status: int
    body: str
    """JSON."""
    location: str | None = None

    def response(self) -> Response:
        """What the client gets."""
        headers = {"Cache-Control": "no-store"}
        if self.location is not None:
            headers["Location"] = self.location
        return Response(self.body, self.status, headers, "application/json")


class Wish:
    """One request that changes something, and how often it may be sent."""

    def __init__(self, fingerprint: str | None, content: str) -> None:
        self._fingerprint = fingerprint
        self._content = content
        self.request_id = secrets.token_hex(8) if fingerprint is None else fingerprint[:32]
        """The same however often the request is sent with one key."""

    @property
    def order_id(self) -> str | None:
        """For an order that has no id of its own: the same however often it is placed with one
        key. None without a key.
        """
        return None if self._fingerprint is None else f"ORD-{self._fingerprint[:24]}"

    async def answer(self, do: Done) -> Response:
        """Do it, unless it was done before."""
        return (await do()).response()


def _wish(request: Request, body: JsonBody) -> Wish:
    key = request.headers.get(IDEMPOTENCY_KEY)
    content = _digest(request.method.encode(), request.url.path.encode(), body)
    if key is None:
        return Wish(None, content)
    if not 1 <= len(key) <= LONGEST_KEY or not key.isascii() or not key.isprintable():
        message = f"must be 1 to {LONGEST_KEY} visible ASCII characters"
        raise ProblemError("INVALID", errors=[FieldFault(field=IDEMPOTENCY_KEY, message=message)])
    person = context_of(request).access.person(request)
    name = (person.name if person else None) or ""
    return Wish(_digest(name.encode(), key.encode()), content)


def _digest(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


Once = Annotated[Wish, Depends(_wish)]
