"""Every setting of ours: name, default and unit, read from `ORDER_SAGA_*` variables."""

import difflib
import os
import re
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from runtime.program import CommandError, ExitCode

PREFIX = "ORDER_SAGA_"
_YEAR = 365 * 24 * 3600
_DRIVERS = {
    "postgresql": "postgresql+asyncpg",
    "postgres": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
}
_HOST = re.compile(r"[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:]+\]")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")
_HTTP_URL = re.compile(r"https?://[^\s/?#]+\S*")


class SettingsError(CommandError):
    """A setting has a value that cannot be used; the message names it and shows no secret."""

    def __init__(self, message: str) -> None:
        super().__init__(message, ExitCode.BAD_INPUT)


def _default_log_format() -> Literal["text", "json"]:
    return "text" if sys.stderr is not None and sys.stderr.isatty() else "json"


class Settings(BaseSettings):
    """The settings of one process. Read them with `Settings.load()`.

    Where Temporal is, is said in Temporal's own `TEMPORAL_*` variables or its configuration file.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        frozen=True,
        extra="forbid",
        validate_default=True,
        hide_input_in_errors=True,
    )

    home: Path = Field(
        default=Path(".order-saga"),
        description="The data folder: databases and the embedded Temporal server's state.",
    )
    database_url: SecretStr | None = Field(
        default=None,
        description="Each service's database; {service} stands for the service's name. "
        "Default: one SQLite file per service in the data folder.",
    )
    deadline_seconds: float = Field(
        default=900,
        gt=0,
        le=_YEAR,
        description="An order that has not completed after so many seconds is undone.",
    )
    step_seconds: float = Field(
        default=60,
        gt=0,
        le=_YEAR,
        description="For so many seconds in all, a step is retried; then its outcome is unknown.",
    )
    alert_urls: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        default=(),
        description="Where operators are alerted: URLs separated by spaces or commas. Secret.",
    )
    audit_every: float | None = Field(
        default=None,
        ge=1,
        le=_YEAR,
        description="The stores and Temporal are audited each time so many seconds have passed, "
        "and findings alerted. Default: never by itself.",
    )
    event_url: SecretStr | None = Field(
        default=None,
        description="Where other systems are told of ended orders: an http(s) URL to which each "
        "OrderCompleted and OrderFailed is posted as a CloudEvent. Secret.",
    )
    smtp_url: SecretStr | None = Field(
        default=None,
        description="The mail server for customer notifications: smtp://user:password@host:port.",
    )
    default_address: str = Field(
        default="localhost:7233",
        pattern=r"^[^\s/]+:\d{1,5}$",
        description="Where a Temporal server is looked for when none is configured: host:port.",
    )
    web_ui_url: str | None = Field(
        default=None,
        pattern=r"^https?://\S+$",
        description="Temporal's Web UI, where it cannot be found out from the server's address.",
    )
    web_host: str = Field(
        default="127.0.0.1",
        pattern=r"^[^\s/]+$",
        description="The address that the HTTP API and the dashboard listen on.",
    )
    web_port: int = Field(
        default=8080,
        ge=0,
        le=65535,
        description="Their port; 0 takes a free one.",
    )
    web_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Host names, besides this machine's own loopback names and `web_host`, under "
        "which people reach them, separated by spaces or commas.",
    )
    api_tokens: SecretStr | None = Field(
        default=None,
        description="Who may use them: a JSON list of tokens with role and name, or @ and the "
        "path of a file that holds it. Secret. Without it, they listen on loopback alone.",
    )
    log_format: Literal["text", "json"] = Field(
        default_factory=_default_log_format,
        description="text or json. Default: text on a terminal, else one JSON object per line.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO",
        description="The least severe messages that are logged.",
    )

    @classmethod
    def load(cls, **overrides: Any) -> Self:
        """The settings from the environment, with `overrides` on top.

        Raises `SettingsError` for a value that cannot be used and for a variable with our prefix
        that is none of ours.
        """
        _refuse_unknown_variables(cls)
        try:
            return cls(**overrides)
        except ValidationError as error:
            faults = "; ".join(_fault(cls, details) for details in error.errors())
            raise SettingsError(faults) from None

    def database_url_for(self, service: str) -> str:
        """The SQLAlchemy URL of a service's database, with an async driver. May hold a password."""
        if self.database_url is None:
            return f"sqlite+aiosqlite:///{self.home / service}.db"
        return self.database_url.get_secret_value().replace("{service}", service)

    def prepare_home(self) -> Path:
        """Make the data folder, for its owner alone, if it is not there yet.

        Raises `SettingsError` when it cannot be made or written.
        """
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(
                f"{PREFIX}HOME: cannot make the folder {self.home}: {error.strerror}"
            ) from None
        if not os.access(self.home, os.R_OK | os.W_OK | os.X_OK):
            raise SettingsError(f"{PREFIX}HOME: the folder {self.home} cannot be written")
        return self.home

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        # One folder has one name, however it was written and wherever the process goes.
        try:
            return home.expanduser().resolve()
        except (OSError, RuntimeError, ValueError):
            raise ValueError("is not the path of a folder") from None

    @field_validator("database_url")
    @classmethod
    def _async_database(cls, url: SecretStr | None) -> SecretStr | None:
        if url is None:
            return None
        scheme, separator, rest = url.get_secret_value().partition("://")
        if not separator or scheme not in _DRIVERS:
            raise ValueError("is not a postgresql:// or sqlite:// URL")
        if "{service}" not in rest:
            raise ValueError("has no {service}, so all services would share one database")
        return SecretStr(f"{_DRIVERS[scheme]}://{rest}")

    @field_validator("alert_urls", mode="before")
    @classmethod
    def _separate(cls, urls: object) -> object:
        # Only before a scheme: a comma may also stand within a URL.
        if not isinstance(urls, str):
            return urls
        return tuple(re.split(r"[\s,]+(?=[A-Za-z][A-Za-z0-9+.-]*://)", urls.strip(" \t\r\n,")))

    @field_validator("web_hosts", mode="before")
    @classmethod
    def _host_names(cls, names: object) -> object:
        return (
            tuple(re.split(r"[\s,]+", names.strip(" \t\r\n,"))) if isinstance(names, str) else names
        )

    @field_validator("web_hosts")
    @classmethod
    def _lower(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if any(not _HOST.fullmatch(name) for name in names):
            raise ValueError("is not a list of host names, without scheme and port")
        return tuple(name.lower() for name in names)

    @field_validator("alert_urls", "smtp_url")
    @classmethod
    def _urls(cls, value: tuple[SecretStr, ...] | SecretStr | None) -> Any:
        secrets = value if isinstance(value, tuple) else (value,)
        for secret in secrets:
            if secret is not None and not _URL.fullmatch(secret.get_secret_value()):
                raise ValueError("is not a URL")
        return value

    @field_validator("event_url")
    @classmethod
    def _http(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not _HTTP_URL.fullmatch(url.get_secret_value()):
            raise ValueError("is not an http:// or https:// URL")
        return url

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, level: object) -> object:
        return level.upper() if isinstance(level, str) else level


def _refuse_unknown_variables(settings: type[Settings]) -> None:
    known = {PREFIX + name.upper() for name in settings.model_fields}
    for variable in sorted(os.environ):
        if variable.upper().startswith(PREFIX) and variable.upper() not in known:
            close = difflib.get_close_matches(variable.upper(), known, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise SettingsError(f"{variable} is not a setting{hint}")


def _fault(settings: type[Settings], details: ErrorDetails) -> str:
    name = str(details["loc"][0])
    message = details["msg"].removeprefix("Value error, ")
    field = settings.model_fields.get(name)
    if field is None or "SecretStr" in repr(field.annotation):
        return f"{PREFIX}{name.upper()}: {message}"
    return f"{PREFIX}{name.upper()}: {message} (it is {str(details['input'])[:80]!r})"
