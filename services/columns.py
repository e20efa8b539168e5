"""Column types and expressions that mean the same in SQLite and PostgreSQL."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, DateTime, Dialect, String, TypeDecorator
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

ByteOrdered = String().with_variant(String(collation="C"), "postgresql")
"""Text that is ordered by its bytes, as SQLite and Python do, whatever the database's language."""


class Instant(TypeDecorator[datetime]):
    """A point in time with its zone. SQLite keeps no zone, so it is always kept as UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class MicrosecondsBetween(FunctionElement[int]):
    """Whole microseconds from one `Instant` to a later one."""

    type = BigInteger()
    name = "microseconds_between"
    inherit_cache = True

    def __init__(self, start: ColumnElement[datetime], end: ColumnElement[datetime]) -> None:
        super().__init__(start, end)


@compiles(MicrosecondsBetween, "postgresql")
def _in_postgresql(element: MicrosecondsBetween, compiler: Any, **kw: Any) -> str:
    start, end = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"CAST(EXTRACT(EPOCH FROM ({end} - {start})) * 1000000 AS BIGINT)"


@compiles(MicrosecondsBetween, "sqlite")
def _in_sqlite(element: MicrosecondsBetween, compiler: Any, **kw: Any) -> str:
    # SQLite's own date functions know no more than milliseconds.
    start, end = (_sqlite_microseconds(compiler.process(each, **kw)) for each in element.clauses)
    return f"({end} - {start})"


def _sqlite_microseconds(instant: str) -> str:
    seconds = f"CAST(strftime('%s', substr({instant}, 1, 19)) AS INTEGER)"
    return f"({seconds} * 1000000 + CAST(substr({instant}, 21, 6) AS INTEGER))"
