"""How our programs run and are left: signals, exit codes, and what a user sees of errors."""

import asyncio
import contextlib
import io
import logging
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from enum import IntEnum
from types import FrameType
from typing import Any, NoReturn

from runtime.printable import printable

logger = logging.getLogger(__name__)


class ExitCode(IntEnum):
    """What our programs' exit statuses mean. Scripts rely on them."""

    DONE = 0
    ORDER_UNDONE = 1
    """The order ended COMPENSATED or FAILED."""
    BAD_INPUT = 2
    """Bad input, bad usage or a bad setting."""
    NOT_REACHABLE = 3
    """A server or a store does not answer, or no worker does."""
    REFUSED = 4
    """A conflict, or too late."""
    AUDIT_FINDINGS = 5
    BUG = 70
    """An error nobody foresaw; its traceback is in the log."""
    INTERRUPTED = 130
    """Ctrl-C."""
    OUTPUT_CLOSED = 141
    """Whoever read our output has gone, as in `| head`."""


class CommandError(Exception):
    """An error with a message for the user, who sees that one line and no traceback."""

    def __init__(self, message: str, exit_code: int = ExitCode.BAD_INPUT) -> None:
        super().__init__(message)
        self.exit_code = int(exit_code)


_hard_exit_hooks: list[Callable[[], None]] = []


@contextlib.contextmanager
def on_hard_exit(hook: Callable[[], None]) -> Iterator[None]:
    """Have `hook` called if a second Ctrl-C ends the process inside this block.

    It runs in a signal handler: it must be quick and must not wait for anything.
    """
    _hard_exit_hooks.append(hook)
    try:
        yield
    finally:
        _hard_exit_hooks.remove(hook)


def run_program(
    main: Callable[[], Coroutine[Any, Any, int]], *, exit_when_stopped: int | None = None
) -> NoReturn:
    """Run `main` and leave the process with what it returns.

    SIGINT, SIGTERM and SIGHUP cancel `main` once: it drains in its `finally` and `async with`
    blocks, and the status is `exit_when_stopped`, or 128 plus the signal's number (130 for
    Ctrl-C). A second signal ends the process at once. A `CommandError` becomes one line on
    stderr and its exit code; any other exception is logged and exits with 70.

    Files that the process makes are readable by their owner alone.
    """
    os.umask(0o077)
    _prepare_streams()
    _leave(_Run(main, exit_when_stopped).exit_code())


class _Run:
    """One run of a program's main coroutine, and the signals that may stop it."""

    def __init__(
        self, main: Callable[[], Coroutine[Any, Any, int]], exit_when_stopped: int | None
    ) -> None:
        self._main = main
        self._exit_when_stopped = exit_when_stopped
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[int] | None = None
        self._signal: int | None = None

    def exit_code(self) -> int:
        self._listen()
        try:
            return asyncio.run(self._cancellable_main())
        except asyncio.CancelledError as cancelled:
            return self._stopped_exit_code(cancelled)
        except SystemExit as leaving:
            return _system_exit_code(leaving)
        except BaseException as error:
            return _exit_code_for(error)

    def _listen(self) -> None:
        # Not loop.add_signal_handler: a second Ctrl-C has to work while the loop is stuck, too.
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(signum) is not signal.SIG_IGN:  # nohup ignores SIGHUP
                signal.signal(signum, self._on_signal)

    async def _cancellable_main(self) -> int:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        if self._signal is not None:
            raise asyncio.CancelledError
        return await self._main()

    def _on_signal(self, signum: int, _frame: FrameType | None) -> None:
        if self._signal is not None:
            _leave_at_once(128 + signum)
        self._signal = signum
        if self._loop is not None and self._task is not None:
            with contextlib.suppress(RuntimeError):  # the loop has just been closed
                self._loop.call_soon_threadsafe(self._task.cancel)

    def _stopped_exit_code(self, cancelled: asyncio.CancelledError) -> int:
        if self._signal is None:
            return _exit_code_for(cancelled)
        if self._exit_when_stopped is not None:
            return self._exit_when_stopped
        return 128 + self._signal


def _exit_code_for(error: BaseException) -> int:
    for leaf in _leaves(error):
        if isinstance(leaf, CommandError):
            _complain(str(leaf))
            return leaf.exit_code
    logger.critical("unexpected error", exc_info=error)
    return ExitCode.BUG


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _system_exit_code(leaving: SystemExit) -> int:
    if leaving.code is None:
        return ExitCode.DONE
    if isinstance(leaving.code, int):
        return leaving.code
    _complain(str(leaving.code))
    return ExitCode.ORDER_UNDONE


def _complain(message: str) -> None:
    if not message:
        return
    with contextlib.suppress(OSError):
        sys.stderr.write(f"error: {printable(message)}\n")


def _prepare_streams() -> None:
    """Print any script whatever the locale, and tell a failing output from other errors."""
    for fd, name in ((0, "stdin"), (1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:  # closed by `>&-`; a database must not become stdout
            _open_null(fd)
            setattr(sys, name, os.fdopen(fd, "w" if fd else "r", closefd=False))
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(encoding="utf-8", errors="backslashreplace")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout = _Output(sys.stdout)


def _open_null(fd: int) -> None:
    opened = os.open(os.devnull, os.O_RDWR)
    if opened != fd:
        os.dup2(opened, fd)
        os.close(opened)


class _Output(io.TextIOWrapper):
    """Stdout in UTF-8, whose errors are not mistaken for those of a file or a socket."""

    def __init__(self, stdout: io.TextIOWrapper) -> None:
        line_buffering, write_through = stdout.line_buffering, stdout.write_through
        super().__init__(
            stdout.detach(),
            encoding="utf-8",
            errors="backslashreplace",
            line_buffering=line_buffering,
            write_through=write_through,
        )
        self._complaint = "cannot write the output: {}"

    def write(self, text: str, /) -> int:
        with self._own_errors():
            return super().write(text)

    def flush(self) -> None:
        with self._own_errors():
            super().flush()

    @contextlib.contextmanager
    def _own_errors(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            raise CommandError("", ExitCode.OUTPUT_CLOSED) from None
        except OSError as error:
            complaint, self._complaint = self._complaint, ""  # said once
            raise CommandError(complaint.format(error.strerror), ExitCode.BUG) from None


def _leave(exit_code: int) -> NoReturn:
    """End the process without finalising the interpreter.

    The SDK's Rust threads may still call into Python; when the interpreter is being finalised
    that aborts the process (temporalio/sdk-python#300), and its exit status is lost. Everything
    of ours is closed by now.
    """
    logging.shutdown()
    try:
        sys.stdout.flush()
    except CommandError as error:
        exit_code = exit_code or _exit_code_for(error)
    with contextlib.suppress(OSError):
        sys.stderr.flush()
    os._exit(exit_code)


def _leave_at_once(exit_code: int) -> NoReturn:
    for hook in _hard_exit_hooks:
        with contextlib.suppress(Exception):
            hook()
    os._exit(exit_code)
