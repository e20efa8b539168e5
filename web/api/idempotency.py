"""`Idempotency-Key`: a request that is sent again is done once and answered alike."""

import contextlib
import hashlib
import logging
import re
import secrets
from collections.abc import Awaitable, Callable, Iterator
from typing import Annotated

from fastapi import Depends, Request
from starlette.responses import Response

from client.requests import Fresh, OtherBody, Requests, Same, StillRunning
from models.contract import Contract
from runtime.program import CommandError
from web.api.bodies import IDEMPOTENCY_KEY, LONGEST_KEY
from web.api.dependencies import JsonBody, context_of
from web.problems import FieldFault, ProblemError

Done = Callable[[], Awaitable["Answer"]]

_VISIBLE = re.compile("[!-~]+")

logger = logging.getLogger("web")


class Answer(Contract):
    """What a request that succeeded is answered with, and again when it is sent again."""

    status: int
    body: str
    """JSON."""
    location: str | None = None

    def response(self, *, replayed: bool = False) -> Response:
        """What the client gets."""
        headers = {"Cache-Control": "no-store"}
        if replayed:
            headers["Idempotency-Replayed"] = "true"
        if self.location is not None:
            headers["Location"] = self.location
        return Response(self.body, self.status, headers, "application/json")


class Wish:
    """One request that changes something, and how often it may be sent.

    A key stands for what has succeeded: a request that was refused, or that could not be carried
    out, may be sent again under it.
    """

    def __init__(self, requests: Requests, key: str | None, content: str) -> None:
        self._requests = requests
        self._key = key
        self._content = content
        self.request_id = secrets.token_hex(8) if key is None else key[:32]
        """The same however often the request is sent with one key."""

    @property
    def order_id(self) -> str | None:
        """For an order that has no id of its own: the same however often it is placed with one
        key. None without a key.
        """
        return None if self._key is None else f"ORD-{self._key[:24]}"

    async def answer(self, do: Done) -> Response:
        """Do it, unless it was done before. Raises `ProblemError`, and what `do` raises."""
        if self._key is None:
            return (await do()).response()
        match await self._requests.begin(self._key, self._content):
            case Same(answer):
                return Answer.model_validate_json(answer).response(replayed=True)
            case StillRunning():
                raise ProblemError("REQUEST_RUNNING")
            case OtherBody():
                raise ProblemError("KEY_REUSED")
            case Fresh() as fresh:
                return await self._first(fresh, do)

    async def _first(self, fresh: Fresh, do: Done) -> Response:
        try:
            answer = await do()
        except Exception:
            with _noted():
                await self._requests.forget(fresh)
            raise
        with _noted():
            await self._requests.finish(fresh, answer.model_dump_json())
        return answer.response()


@contextlib.contextmanager
def _noted() -> Iterator[None]:
    """What became of the request counts. Its key is given up by itself after a while, and sent
    again it has no second effect: its order and its action are known by ids made of the key.
    """
    try:
        yield
    except CommandError as error:
        logger.warning("a request's key could not be settled", extra={"reason": str(error)})


def _wish(request: Request, body: JsonBody) -> Wish:
    context = context_of(request)
    asked = [request.method, request.url.path, *filter(None, [request.url.query])]
    content = _digest(*(part.encode() for part in asked), body)
    key = request.headers.get(IDEMPOTENCY_KEY)
    if key is not None:
        person = context.access.person(request)
        key = _digest(((person.name if person else None) or "").encode(), _fit(key).encode())
    return Wish(context.backend.requests, key, content)


def _fit(key: str) -> str:
    if not 1 <= len(key) <= LONGEST_KEY or not _VISIBLE.fullmatch(key):
        message = f"must be 1 to {LONGEST_KEY} visible ASCII characters"
        raise ProblemError("INVALID", errors=[FieldFault(field=IDEMPOTENCY_KEY, message=message)])
    return key


def _digest(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


Once = Annotated[Wish, Depends(_wish)]
