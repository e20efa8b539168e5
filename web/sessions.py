"""Browsers' sessions: a signed cookie that stands for a token, outlives a restart, and ends."""

import contextlib
import hashlib
import secrets
import time
from collections.abc import Mapping
from typing import NamedTuple

from itsdangerous import BadData, URLSafeTimedSerializer

COOKIE = "order_saga_session"
LENGTH = 12 * 3600
"""Seconds that a session lasts: a working day."""


class Sessions:
    """Begins, recognises and ends sessions.

    Each is signed with a key that is made of its token's hash: taking a token out of the settings
    ends its sessions, and a restart ends none.
    """

    def __init__(self, digests: Mapping[str, bytes]) -> None:
        """`digests` are the tokens' hashes by the tokens' names."""
        self._signers = {name: _signer(digest) for name, digest in digests.items()}
        self._ended: dict[str, float] = {}
        """Ids of sessions that were signed out of, and when they may be forgotten."""

    def begin(self, name: str) -> str:
        """The cookie of a new session for the token of this name."""
        return self._signers[name].dumps(secrets.token_urlsafe(16))

    def name(self, cookie: str | None) -> str | None:
        """The name of the token that the session was begun with; None if there is no session."""
        session = self._read(cookie)
        return None if session is None or session.id in self._ended else session.name

    def end(self, cookie: str | None) -> None:
        """Do not recognise the session again, as long as this process runs."""
        now = time.time()
        self._ended = {each: until for each, until in self._ended.items() if until > now}
        session = self._read(cookie)
        if session is not None:
            self._ended[session.id] = now + LENGTH

    def _read(self, cookie: str | None) -> "_Session | None":
        """The name is that of the key that fits, and stands nowhere in the cookie: whoever has
        one token could sign a cookie that says anything.
        """
        if cookie:
            for name, signer in self._signers.items():
                with contextlib.suppress(BadData):
                    return _Session(str(signer.loads(cookie, max_age=LENGTH)), name)
        return None


class _Session(NamedTuple):
    id: str
    name: str


def _signer(digest: bytes) -> URLSafeTimedSerializer:
    key = hashlib.sha256(b"order saga session key\0" + digest).digest()
    return URLSafeTimedSerializer(key, salt="order-saga-session")
