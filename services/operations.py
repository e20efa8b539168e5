"""The guard: every operation of a service has its effect once, and none after its undo.

Each service keeps one row for each operation of each order, under the key
`<order_id>:<operation>`, and writes it in the same transaction as the operation's effect. The row
holds a hash of what was asked and the answer that was given:

- asked again, the same thing gets the same answer (a refusal too) and has no second effect;
- asked for something else under the key, the guard refuses with `KeyReused`;
- an undo marks its step's row as *fenced*, whether the step was ever asked for or not: a call
  that comes later (its caller gave it up long ago; it was only slow) is refused with `Fenced`,
  whatever was answered before, and counted.

Two calls with one key, and a call and its undo, meet at the row: one of them waits at its insert
or its lock until the other's transaction has ended. An undo takes its step's row before its own.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Generic, TypeVar

from pydantic import BaseModel
from sqlalchemy import Boolean, Column, Integer, MetaData, Row, String, Table, Text, delete, select
from sqlalchemy import update as change

from models import errors
from models.errors import Fenced, KeyReused, Refusal
from models.steps import Compensatable, ForwardOnly
from services.columns import Instant
from services.database import Connection, Database

Answer = TypeVar("Answer", bound=BaseModel | None)
Found = TypeVar("Found")


def operations_table(metadata: MetaData) -> Table:
    """The guard's table, one in each service's database."""
    return Table(
        "operations",
        metadata,
        Column("key", String, primary_key=True),
        Column("order_id", String, nullable=False, index=True),
        Column("operation", String, nullable=False),
        Column("request_hash", String),
        Column("answer", Text),
        Column("refusal", String),
        Column("message", Text),
        Column("fenced", Boolean, nullable=False),
        Column("fenced_calls", Integer, nullable=False),
        Column("created_at", Instant, nullable=False),
    )


def operation_key(order_id: str, operation: str) -> str:
    """The idempotency key. Neither run nor attempt is part of it: both change on a retry."""
    return f"{order_id}:{operation}"


def content_hash(content: BaseModel) -> str:
    """SHA-256 over what was asked, as canonical JSON.

    Fields that have their default are left out: a program that knows one more field must ask for
    the same thing as one that does not.
    """
    values = content.model_dump(mode="json", exclude_defaults=True)
    canonical = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


@dataclass(frozen=True)
class Call(Generic[Answer]):
    """One operation that is asked for, as the guard sees it: see `forward` and `undo`."""

    order_id: str
    operation: str
    asked: str
    answers: type[Answer]
    fences: tuple[str, ...] = ()
    """The operations that must never again have an effect; only an undo has some."""
    keeps_refusals: bool = True
    """Whether a refusal is the answer for good. An undo's never is."""
    fences_only: str | None = None
    """The content that the fenced operations were asked with, if the undo knows it."""

    @property
    def key(self) -> str:
        """The row that this call meets its repetitions at."""
        return operation_key(self.order_id, self.operation)


class _OrderId(BaseModel):
    order_id: str


def forward(
    step: Compensatable | ForwardOnly, order_id: str, content: BaseModel, answers: type[Answer]
) -> Call[Answer]:
    """A step's own call.

    `content` is what must be the same when the call is repeated: business content only, no time,
    because a reset workflow asks again at another one.
    """
    # The pivot is retried until it succeeds, so a refusal of it must be able to pass.
    keeps = isinstance(step, Compensatable)
    return Call(order_id, step.activity, content_hash(content), answers, keeps_refusals=keeps)


def undo(
    step: Compensatable,
    order_id: str,
    content: BaseModel | None = None,
    also: tuple[ForwardOnly, ...] = (),
) -> Call[None]:
    """A step's undo, which fences the step (and `also`).

    If `content` is given and the step was asked for with another content, the step is somebody
    else's: there is nothing to undo.
    """
    return Call(
        order_id,
        step.compensation.activity,
        content_hash(content or _OrderId(order_id=order_id)),
        type(None),
        fences=(step.activity, *(other.activity for other in also)),
        fences_only=content_hash(content) if content else None,
    )


@dataclass(frozen=True)
class _Outcome:
    """How a call ended: with an answer as JSON, or with a refusal."""

    answer: str = "null"
    refusal: Refusal | None = None


class Operations:
    """Guards the operations of one service."""

    def __init__(self, database: Database, table: Table) -> None:
        self._database = database
        self._table = table

    async def perform(
        self, call: Call[Answer], effect: Callable[[Connection], Awaitable[Answer]]
    ) -> Answer:
        """Lets `effect` happen in one transaction with its row, unless it has happened or may not.

        A `Refusal` that the effect raises takes the effect back. It is kept as the answer of a
        step; that of an undo is not, so that the undo may be tried again.
        """
        async with self._database.transaction() as connection:
            outcome = await self._claim(connection, call)
            if outcome is None:
                outcome = await self._settle(connection, call, effect)
        return _unwrapped(call, outcome)

    async def perform_outside(
        self,
        call: Call[Answer],
        outside: Callable[[], Awaitable[Found]],
        effect: Callable[[Connection, Found], Awaitable[Answer]],
    ) -> Answer:
        """Like `perform`, for an effect that another system has: claim, ask it, settle.

        No transaction is open while `outside` runs. It may run again with the same key (after a
        crash; beside itself), so the other system must be idempotent. The fence is checked
        before it and again in the transaction that records what it found.
        """
        async with self._database.transaction() as connection:
            outcome = await self._claim(connection, call)
        if outcome is not None:
            return _unwrapped(call, outcome)
        try:
            found = await outside()
        except Refusal as refusal:
            return await self.perform(call, partial(_refuse, refusal))
        return await self.perform(call, lambda connection: effect(connection, found))

    async def _claim(self, connection: Connection, call: Call[Any]) -> _Outcome | None:
        """Takes the call's row until the transaction ends. None: the effect may happen."""
        if not await self._fence(connection, call):
            return _Outcome()
        while not await self._inserted(connection, call):
            row = await self._locked(connection, call)
            if row is not None:
                return await self._kept(connection, call, row)
        return None

    async def _fence(self, connection: Connection, call: Call[Any]) -> bool:
        """Writes the tombstones; False if the step belongs to another order's content."""
        for operation in call.fences:
            tombstone = connection.insert(self._table).values(
                key=operation_key(call.order_id, operation),
                order_id=call.order_id,
                operation=operation,
                request_hash=call.fences_only,
                fenced=True,
                fenced_calls=0,
                created_at=datetime.now(UTC),
            )
            ours = (
                None if call.fences_only is None else self._table.c.request_hash == call.fences_only
            )
            fenced = await connection.execute(
                tombstone.on_conflict_do_update(
                    index_elements=["key"], set_={"fenced": True}, where=ours
                )
            )
            if fenced.rowcount == 0:
                return False
        return True

    async def _inserted(self, connection: Connection, call: Call[Any]) -> bool:
        row = connection.insert(self._table).values(
            key=call.key,
            order_id=call.order_id,
            operation=call.operation,
            request_hash=call.asked,
            fenced=False,
            fenced_calls=0,
            created_at=datetime.now(UTC),
        )
        result = await connection.execute(row.on_conflict_do_nothing(index_elements=["key"]))
        return result.rowcount == 1

    async def _locked(self, connection: Connection, call: Call[Any]) -> Row[Any] | None:
        """The row; None if a refused undo has just removed it."""
        row = select(self._table).where(self._table.c.key == call.key).with_for_update()
        return (await connection.execute(row)).one_or_none()

    async def _kept(
        self, connection: Connection, call: Call[Any], row: Row[Any]
    ) -> _Outcome | None:
        if row.fenced:
            await self._write(connection, call, fenced_calls=self._table.c.fenced_calls + 1)
            return _Outcome(refusal=Fenced(f"{call.operation} came after its own undo"))
        if row.request_hash != call.asked:
            return _Outcome(
                refusal=KeyReused(
                    f"{call.operation} was already asked for with another content for this order"
                )
            )
        if row.refusal is not None:
            return _Outcome(refusal=_refusal(row.refusal, row.message))
        return None if row.answer is None else _Outcome(row.answer)

    async def _settle(
        self,
        connection: Connection,
        call: Call[Answer],
        effect: Callable[[Connection], Awaitable[Answer]],
    ) -> _Outcome:
        try:
            async with connection.savepoint():
                result = await effect(connection)
        except Refusal as refusal:
            if call.fences or not call.keeps_refusals:
                await connection.execute(delete(self._table).where(self._table.c.key == call.key))
            else:
                kept = {"refusal": type(refusal).__name__, "message": str(refusal)}
                await self._write(connection, call, **kept)
            return _Outcome(refusal=refusal)
        answer = "null" if result is None else result.model_dump_json()
        await self._write(connection, call, answer=answer)
        return _Outcome(answer)

    async def _write(self, connection: Connection, call: Call[Any], **values: Any) -> None:
        await connection.execute(
            change(self._table).where(self._table.c.key == call.key).values(**values)
        )


async def _refuse(refusal: Refusal, connection: Connection) -> Any:
    raise refusal


def _refusal(name: str, message: str) -> Refusal:
    """The stored refusal again; one whose name only a newer program knows is a plain `Refusal`."""
    kind = getattr(errors, name, Refusal)
    refusal: Refusal = kind(message)
    return refusal


def _unwrapped(call: Call[Answer], outcome: _Outcome) -> Answer:
    if outcome.refusal is not None:
        raise outcome.refusal
    answers: Any = call.answers
    if answers is type(None):
        return None  # type: ignore[return-value]  # Answer is None here
    result: Answer = answers.model_validate_json(outcome.answer)
    return result
