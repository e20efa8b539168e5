"""Who may do what: the tokens of the settings, their roles, and the person behind a request."""

import hashlib
import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    TypeAdapter,
    ValidationError,
)
from starlette.requests import HTTPConnection

from client.actions import person as person_name
from runtime.settings import PREFIX, Settings, SettingsError
from web.sessions import COOKIE, Sessions

SHORTEST_TOKEN = 20
"""Characters. A session's signature could be tried against a short token without asking us."""
LONGEST_FILE = 64 * 1024
_SETTING = f"{PREFIX}API_TOKENS"


class Role(StrEnum):
    """What somebody may do; each role may also do what those before it may."""

    VIEWER = "viewer"
    """Sees orders, interventions and figures."""
    CUSTOMER_SERVICE = "customer-service"
    """Also places and cancels orders."""
    OPERATOR = "operator"
    """Also holds and resumes orders, settles interventions, and drives dead letters again."""

    def covers(self, needed: "Role") -> bool:
        """Whether somebody with this role may do what the other one is needed for."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(needed)


@dataclass(frozen=True)
class Person:
    """Whoever is behind a request."""

    role: Role
    name: str | None = None
    """The token's name, under which the person acts. None where no tokens are set: then
    everybody on this machine is an operator and says their own name."""


class _Token(BaseModel):
    """One entry of the setting."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    token: Annotated[SecretStr, Field(min_length=SHORTEST_TOKEN, max_length=500)]
    role: Role
    name: Annotated[str, AfterValidator(person_name)]


@dataclass(frozen=True)
class _Known:
    """A token, as far as it is kept: its hash and who has it."""

    digest: bytes
    person: Person


class Access:
    """Tells who is behind a request. Tokens themselves are not kept, only their hashes."""

    def __init__(self, known: Iterable[_Known] = ()) -> None:
        self._known = tuple(known)
        self._sessions = Sessions({str(each.person.name): each.digest for each in self._known})

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """What the settings say. Raises `SettingsError`, which shows no token."""
        if settings.api_tokens is None:
            return cls()
        return cls(
            _Known(_digest(each.token.get_secret_value()), Person(each.role, each.name))
            for each in _read_tokens(settings.api_tokens.get_secret_value())
        )

    @property
    def required(self) -> bool:
        """Whether people have to say who they are. If not, everybody is an operator."""
        return bool(self._known)

    def person(self, connection: HTTPConnection) -> Person | None:
        """Who sent the request or opened the WebSocket; None for somebody unknown.

        A token in the `Authorization` header counts before the session of the cookie.
        """
        if not self.required:
            return Person(Role.OPERATOR)
        authorization = connection.headers.get("authorization")
        if authorization is not None:
            scheme, _, token = authorization.partition(" ")
            return self._by_token(token.strip()) if scheme.lower() == "bearer" else None
        name = self._sessions.name(connection.cookies.get(COOKIE))
        return next((each.person for each in self._known if each.person.name == name), None)

    def sign_in(self, token: str) -> str | None:
        """A new session for whoever has this token; None if it is none of ours."""
        person = self._by_token(token)
        return None if person is None else self._sessions.begin(str(person.name))

    def sign_out(self, connection: HTTPConnection) -> None:
        """End the session of the cookie, if it has one."""
        self._sessions.end(connection.cookies.get(COOKIE))

    def _by_token(self, token: str) -> Person | None:
        digest = _digest(token)
        found = None
        for each in self._known:  # all of them: how long it takes tells nothing
            if hmac.compare_digest(each.digest, digest):
                found = each.person
        return found


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _read_tokens(setting: str) -> list[_Token]:
    text = _read_file(setting[1:]) if setting.startswith("@") else setting
    try:
        tokens = TypeAdapter(list[_Token]).validate_python(json.loads(text))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        raise SettingsError(f"{_SETTING}: {f'{place}: ' if place else ''}{message}") from None
    except (ValueError, RecursionError):
        raise SettingsError(f"{_SETTING}: is not a JSON list of tokens") from None
    if not tokens:
        raise SettingsError(f"{_SETTING}: names no token")
    _refuse_repeated("name", [each.name for each in tokens])
    _refuse_repeated("token", [each.token.get_secret_value() for each in tokens])
    return tokens


def _read_file(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            return file.read(LONGEST_FILE).decode("utf-8")
    except OSError as error:
        raise SettingsError(f"{_SETTING}: the file cannot be read: {error.strerror}") from None
    except ValueError:
        raise SettingsError(f"{_SETTING}: the file is not UTF-8") from None


def _refuse_repeated(field: str, values: list[str]) -> None:
    if len(set(values)) < len(values):
        raise SettingsError(f"{_SETTING}: two tokens have the same {field}")
