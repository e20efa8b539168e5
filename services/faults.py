"""FAULT INJECTION: makes the services fail on purpose, as a fault file says, and only then.

It is wrapped around a service from outside; the services know nothing of it.
"""

import asyncio
import json
import logging
import os
import signal
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Self, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from models.errors import RefusedByFault, ServiceFailure
from models.steps import OPERATIONS, STEPS

S = TypeVar("S")

_FORWARD = frozenset(step.activity for step in STEPS)
_log = logging.getLogger(__name__)


class FaultFileError(ValueError):
    """A fault file that cannot be used, with the reason in one line."""


class FaultKind(StrEnum):
    """What goes wrong."""

    REFUSE = "refuse"
    """A refusal before the effect; never after an earlier attempt that had one."""
    FAIL = "fail"
    """An error before the effect."""
    LOSE_REPLY = "lose_reply"
    """The effect, and then an error."""
    DELAY = "delay"
    """A wait, and then the effect."""
    DELAY_REPLY = "delay_reply"
    """The effect, and then a wait."""
    CRASH = "crash"
    """The process dies at once, before the effect."""
    CRASH_AFTER = "crash_after"
    """The effect, and then the process dies at once."""


class Fault(BaseModel):
    """One thing that goes wrong, in one operation of the orders that it names."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    operation: str
    kind: FaultKind = Field(strict=False)
    order_id: str = "*"
    """A glob."""
    times: int = 1
    """How often for each order; -1 is for ever."""
    probability: float = Field(default=1.0, ge=0, le=1)
    seconds: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """How long a delay takes."""

    @field_validator("operation")
    @classmethod
    def _is_an_operation(cls, operation: str) -> str:
        if operation not in OPERATIONS:
            raise ValueError(f"no operation is called {operation!r}")
        return operation

    @field_validator("times")
    @classmethod
    def _is_a_count(cls, times: int) -> int:
        if times < 1 and times != -1:
            raise ValueError("must be 1 or more, or -1 for ever")
        return times

    def concerns(self, operation: str, order_id: str) -> bool:
        """Whether this is about the operation and the order."""
        return self.operation == operation and fnmatchcase(order_id, self.order_id)


class Faults:
    """The faults of a file. How often each has struck is kept in a file too: it may kill us."""

    def __init__(self, faults: Sequence[Fault], counts: Path, seed: int = 0) -> None:
        self._faults = faults
        self._counts = counts
        self._random = Random(seed)
        with self._counting() as connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS strikes"
                " (fault TEXT, operation TEXT, order_id TEXT, times INTEGER NOT NULL,"
                " PRIMARY KEY (fault, operation, order_id))"
            )
            connection.execute(
                "CREATE TABLE IF NOT EXISTS reached"
                " (operation TEXT, order_id TEXT, PRIMARY KEY (operation, order_id))"
            )
        connection.close()

    @classmethod
    def load(cls, path: Path, counts: Path, seed: int = 0) -> Self:
        """Reads a fault file; `counts` is where strikes are counted. Raises `FaultFileError`."""
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            faults = TypeAdapter(list[Fault]).validate_python(document)
        except OSError as error:
            raise FaultFileError(f"{path} cannot be read: {error.strerror}") from None
        except ValidationError as error:
            raise FaultFileError(f"{path}: {_first(error)}") from None
        except (ValueError, RecursionError) as error:
            raise FaultFileError(f"{path} is not JSON: {error}") from None
        return cls(faults, counts, seed)

    def wrap(self, service: S) -> S:
        """The service, with the faults in its operations."""
        return cast(S, _FaultyService(service, self))

    async def call(
        self, operation: str, method: Callable[[Any], Awaitable[Any]], request: Any
    ) -> Any:
        """Calls the service's method, with the fault that is due, if one is."""
        order_id = request.order.order_id if hasattr(request, "order") else request.order_id
        fault = self._due(operation, order_id)
        if fault is None:
            self._note_reached(operation, order_id)
            return await method(request)
        _log.warning("fault %s strikes %s of %s", fault.kind, operation, order_id)
        await _before(fault)
        self._note_reached(operation, order_id)
        result = await method(request)
        await _after(fault)
        return result

    def _due(self, operation: str, order_id: str) -> Fault | None:
        for fault in self._faults:
            if (
                fault.concerns(operation, order_id)
                and self._random.random() < fault.probability
                and not (fault.kind is FaultKind.REFUSE and self._has_reached(operation, order_id))
                and self._counted(fault, operation, order_id)
            ):
                return fault
        return None

    def _counted(self, fault: Fault, operation: str, order_id: str) -> bool:
        """Counts one more strike, unless there were enough."""
        if fault.times == -1:
            return True
        with self._counting() as connection:
            counted = connection.execute(
                "INSERT INTO strikes VALUES (?, ?, ?, 1) ON CONFLICT DO UPDATE"
                " SET times = times + 1 WHERE times < ?",
                (fault.model_dump_json(), operation, order_id, fault.times),
            ).rowcount
        connection.close()
        return counted == 1

    def _note_reached(self, operation: str, order_id: str) -> None:
        # A refusal vouches for no effect, so it must not strike once the service was reached.
        refusable = (
            fault.kind is FaultKind.REFUSE and fault.concerns(operation, order_id)
            for fault in self._faults
        )
        if operation in _FORWARD and any(refusable):
            with self._counting() as connection:
                connection.execute(
                    "INSERT OR IGNORE INTO reached VALUES (?, ?)", (operation, order_id)
                )
            connection.close()

    def _has_reached(self, operation: str, order_id: str) -> bool:
        with self._counting() as connection:
            row = connection.execute(
                "SELECT 1 FROM reached WHERE operation = ? AND order_id = ?", (operation, order_id)
            ).fetchone()
        connection.close()
        return row is not None

    def _counting(self) -> sqlite3.Connection:
        try:
            return sqlite3.connect(self._counts, timeout=5)
        except sqlite3.Error as error:
            raise FaultFileError(f"{self._counts} cannot be opened: {error}") from None


class _FaultyService:
    """Stands in for a service: its operations pass through the faults, the rest does not."""

    def __init__(self, service: object, faults: Faults) -> None:
        self._service = service
        self._faults = faults

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._service, name)
        return partial(self._faults.call, name, attribute) if name in OPERATIONS else attribute


async def _before(fault: Fault) -> None:
    match fault.kind:
        case FaultKind.REFUSE:
            raise RefusedByFault(f"{fault.operation} was refused by a fault file")
        case FaultKind.FAIL:
            raise ServiceFailure(f"{fault.operation} was made to fail by a fault file")
        case FaultKind.DELAY:
            await asyncio.sleep(fault.seconds)
        case FaultKind.CRASH:
            _die()


async def _after(fault: Fault) -> None:
    match fault.kind:
        case FaultKind.LOSE_REPLY:
            raise ServiceFailure(f"the reply of {fault.operation} was lost by a fault file")
        case FaultKind.DELAY_REPLY:
            await asyncio.sleep(fault.seconds)
        case FaultKind.CRASH_AFTER:
            _die()


def _die() -> None:
    """As a power cut would have it: nothing is flushed, and nothing is said."""
    os.kill(os.getpid(), signal.SIGKILL)


def _first(error: ValidationError) -> str:
    """The first mistake: which fault, which field, what is wrong."""
    mistake = error.errors(include_url=False, include_input=False)[0]
    match mistake["loc"]:
        case (int() as index, *fields):
            place = f"fault {index + 1}: {'.'.join(map(str, fields))}".rstrip(": ")
        case _:
            return "must be a list of faults"
    return f"{place}: {mistake['msg'].removeprefix('Value error, ')}"
