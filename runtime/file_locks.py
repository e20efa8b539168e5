"""Locks on files, which vanish by themselves with the process that holds them."""

import asyncio
import contextlib
import fcntl
import os
from collections.abc import AsyncIterator
from pathlib import Path

_POLL_SECONDS = 0.02


class FileLock:
    """An advisory lock (flock) on a file, taken without ever blocking the event loop."""

    def __init__(self, path: Path) -> None:
        # Not inherited by programs that we start, so it ends with us.
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def try_shared(self) -> bool:
        """Hold it together with others, unless somebody holds it alone."""
        return self._try(fcntl.LOCK_SH)

    def try_alone(self) -> bool:
        """Hold it alone, unless anybody else holds it; then a share of ours is lost, too."""
        return self._try(fcntl.LOCK_EX)

    def close(self) -> None:
        """Let go."""
        os.close(self._fd)

    def _try(self, kind: int) -> bool:
        try:
            fcntl.flock(self._fd, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@contextlib.asynccontextmanager
async def held_alone(path: Path, *, limit: float) -> AsyncIterator[None]:
    """Hold the lock on `path` alone. Raises `TimeoutError` when that takes `limit` seconds."""
    lock = FileLock(path)
    try:
        async with asyncio.timeout(limit):
            while not lock.try_alone():  # noqa: ASYNC110 - others are processes
                await asyncio.sleep(_POLL_SECONDS)
        yield
    finally:
        lock.close()
