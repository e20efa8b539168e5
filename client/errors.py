"""What can go wrong for somebody who places or looks at an order, each with its exit code."""

import contextlib
from collections.abc import Iterator

from temporalio.service import RPCError

from runtime.program import CommandError, ExitCode
from services.database import StoreError


class OrderConflict(CommandError):
    """The order id belongs to an order with another content, or of another kind."""

    def __init__(self, order_id: str, found_kind: str | None = None) -> None:
        """`found_kind` is that of the order that has the id, if it is another one."""
        so = f"order {order_id} is there already, as one that is {found_kind}"
        super().__init__(
            f"{so if found_kind else f'the order id {order_id} belongs to another order'}; "
            "nothing was changed",
            ExitCode.REFUSED,
        )


class UnknownOrder(CommandError):
    """Neither Temporal nor the records know this order."""

    def __init__(self, order_id: str) -> None:
        super().__init__(f"there is no order {order_id}", ExitCode.BAD_INPUT)


class NoWorker(CommandError):
    """A task of the order waits and nobody takes it; the order is stored all the same."""

    def __init__(self, task_queue: str, seconds: float) -> None:
        super().__init__(
            f"no worker has polled the task queue {task_queue} for {seconds:g} s; the order is "
            "stored and goes on as soon as one runs (`python worker.py`, or `make up`)",
            ExitCode.NOT_REACHABLE,
        )
        self.task_queue = task_queue


class SagaCutShort(CommandError):
    """Somebody ended the workflow in Temporal, past the saga, which stops where it was."""

    def __init__(self, order_id: str, how: str, *, services_go_on: bool = False) -> None:
        so = (
            "its services go on by themselves, but nobody hears how the order ends until it is "
            "recorded"
            if services_go_on
            else "so the order neither completed nor was undone"
        )
        super().__init__(
            f"the workflow of order {order_id} was {how} in Temporal, {so}", ExitCode.ORDER_UNDONE
        )


class SagaMissing(CommandError):
    """The record is open, but Temporal has no such workflow (any more)."""

    def __init__(self, order_id: str) -> None:
        super().__init__(
            f"order {order_id} is recorded as open, but this Temporal server has no workflow for "
            "it; placing the same order again lets it go on",
            ExitCode.NOT_REACHABLE,
        )


@contextlib.contextmanager
def translated(consequence: str = "") -> Iterator[None]:
    """Turn errors of Temporal's service and of the store into one line; `consequence` ends it."""
    try:
        yield
    except RPCError as error:
        reason = next(iter(error.message.splitlines()), "")[:200] or error.status.name
        message = f"the Temporal server does not do what it should: {reason}"
    except StoreError as error:
        message = str(error)
    else:
        return
    if consequence:
        message = f"{message}; {consequence}"
    raise CommandError(message, ExitCode.NOT_REACHABLE)
