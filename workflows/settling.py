"""Waiting for a task to its end, whatever happens to the waiter."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


async def settled(task: "asyncio.Task[Result]", *, on_cancel: Callable[[], None]) -> Result:
    """The task's result; `on_cancel` is called each time the waiter is cancelled meanwhile.

    `asyncio.shield` alone protects the task but raises at once in the waiter, so a workflow
    would close with its undo cut off. Temporal delivers a cancel request once; it is noted by
    `on_cancel`, and the wait goes on.
    """
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if not task.done():
                on_cancel()
    return task.result()
