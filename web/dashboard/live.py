"""The hub: reads the board once for all who look at the same thing, while anybody looks."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from runtime.program import CommandError
from web.problems import of_command

T = TypeVar("T")

PAUSE = 1.0
"""Seconds between two readings that cost little."""
LONGEST_PAUSE = 1.5
"""Seconds. With the reading itself, a change shows within two seconds."""
LARGEST_SHARE = 0.02
"""A reading that costs much is made more rarely, so that it takes this share of a core."""
GIVEN_UP_AFTER = 8.0
"""Seconds for one reading. A server that is silent is told from one that is slow."""
FIRST_LOOK = 2.0
"""Seconds that a page waits for what it shows before it appears without."""

logger = logging.getLogger("web.dashboard")


@dataclass(frozen=True)
class Snapshot(Generic[T]):
    """What was read last, and whether reading still works."""

    value: T | None = None
    problem: str | None = None
    """The code of why it could not be read this time, as the API has it; the log says more."""
    read_at: datetime | None = None
    """When `value` was read."""
    missing: bool = False
    """The board has answered that there is no such thing."""


Tell = Callable[[Snapshot[Any]], None]


@dataclass(frozen=True)
class Subject(Generic[T]):
    """Something that can be looked at. Two subjects with one key are read as one."""

    key: Hashable
    read: Callable[[], Awaitable[T]]
    missing: type[Exception] | None = None
    """What `read` raises when there is no such thing."""
    longest_pause: float = LONGEST_PAUSE
    """Seconds between two readings, however much they cost."""


class Live:
    """One per process. Whoever looks is told at once, and then whenever something has changed."""

    def __init__(self, pause: float = PAUSE) -> None:
        self._pause = pause
        self._readings: dict[Hashable, _Reading] = {}

    def watch(self, subject: Subject[T], tell: Callable[[Snapshot[T]], None]) -> Callable[[], None]:
        """Tell what the subject shows from now on, until the returned function is called."""
        reading = self._reading(subject)
        reading.viewers.append(tell)
        reading.start()
        if reading.snapshot.read_at is not None or reading.snapshot.problem is not None:
            tell(reading.snapshot)

        def leave() -> None:
            if tell in reading.viewers:
                reading.viewers.remove(tell)
            if not reading.viewers:
                reading.stop()
                self._readings.pop(subject.key, None)

        return leave

    async def glance(self, subject: Subject[T]) -> Snapshot[T]:
        """What it shows now: for the first paint, before anybody is connected."""
        reading = self._readings.get(subject.key)
        if reading is not None and reading.snapshot.read_at is not None:
            return reading.snapshot
        try:
            async with asyncio.timeout(FIRST_LOOK):
                return await _read(subject, Snapshot())
        except TimeoutError:
            return Snapshot()

    @property
    def subjects(self) -> int:
        """How many are being read."""
        return len(self._readings)

    def _reading(self, subject: Subject[Any]) -> "_Reading":
        if subject.key not in self._readings:
            self._readings[subject.key] = _Reading(subject, self._pause)
        return self._readings[subject.key]


class _Reading:
    """One subject that somebody looks at."""

    def __init__(self, subject: Subject[Any], shortest_pause: float) -> None:
        self.subject = subject
        self._shortest_pause = shortest_pause
        self.viewers: list[Tell] = []
        self.snapshot: Snapshot[Any] = Snapshot()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._read_on(), name=f"live {self.subject.key}")

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _read_on(self) -> None:
        while True:
            began = time.process_time()
            snapshot = await _read(self.subject, self.snapshot)
            changed = _shown(snapshot) != _shown(self.snapshot)
            self.snapshot = snapshot
            if changed:
                self._tell()
            await asyncio.sleep(self._pause(time.process_time() - began))

    def _pause(self, cost: float) -> float:
        """What else the process did meanwhile counts too, which errs on the sparing side."""
        return min(max(self._shortest_pause, cost / LARGEST_SHARE), self.subject.longest_pause)

    def _tell(self) -> None:
        for tell in tuple(self.viewers):
            try:
                tell(self.snapshot)
            except Exception:
                # One page that has just gone must not keep the others from what is new.
                logger.exception("a page could not be told what has changed")


def _shown(snapshot: Snapshot[Any]) -> tuple[object, ...]:
    return snapshot.value, snapshot.problem, snapshot.missing


async def _read(subject: Subject[T], before: Snapshot[T]) -> Snapshot[T]:
    """Read it; when that fails, keep what was read before and say why."""
    try:
        async with asyncio.timeout(GIVEN_UP_AFTER):
            value = await subject.read()
    except TimeoutError:
        return _failed(before, "NOT_REACHABLE", f"no answer within {GIVEN_UP_AFTER:g} s")
    except Exception as error:
        if subject.missing is not None and isinstance(error, subject.missing):
            return Snapshot(missing=True, read_at=datetime.now(UTC))
        if isinstance(error, CommandError):
            return _failed(before, of_command(error).problem.code, str(error))
        logger.exception("the board could not be read")
        return replace(before, problem="BUG")
    return Snapshot(value, read_at=datetime.now(UTC))


def _failed(before: Snapshot[T], code: str, reason: str) -> Snapshot[T]:
    """What was known before. The reason names folders and addresses: it is for the log, once."""
    if before.problem != code:
        logger.warning("the board could not be read", extra={"code": code, "reason": reason})
    return replace(before, problem=code)
