"""Brings a service's schema up to date, with alembic and without a command line."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

_SERVICES = Path(__file__).parent
_LOCK = 0x0D5A6A
"""Names the advisory lock under which one process at a time migrates a PostgreSQL database."""


class NewerSchema(Exception):
    """The schema was made by a newer program."""


async def upgrade(connection: AsyncConnection, service: str) -> None:
    """Upgrades within the connection's transaction."""
    if connection.dialect.name == "postgresql":
        await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    await connection.run_sync(_upgrade, service)


def head(service: str) -> str:
    """The newest revision: migrations are named `<revision>_<what>.py` and numbered."""
    return max(path.name.partition("_")[0] for path in _versions(service).glob("[0-9]*.py"))


def _versions(service: str) -> Path:
    return _SERVICES / service / "migrations"


def _upgrade(connection: Connection, service: str) -> None:
    newest = head(service)
    current = _current(connection)
    if current == newest:
        return
    if current is not None and current > newest:
        raise NewerSchema(
            f"has schema {current} and this program knows {newest} at most: update the program"
        )
    # Late: alembic takes longer to import than all six stores take to open.
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("path_separator", "newline")
    config.set_main_option("script_location", _escaped(_SERVICES / "migrations"))
    config.set_main_option("version_locations", _escaped(_versions(service)))
    command.upgrade(config, "head")


def _escaped(path: Path) -> str:
    return str(path).replace("%", "%%")


def _current(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision
