"""Ends in the way that its first argument names."""

import asyncio
import logging
import os
import signal
import sys
import time

from runtime.logs import configure_logs
from runtime.program import CommandError, ExitCode, on_hard_exit, run_program
from runtime.settings import Settings


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


async def returns() -> int:
    sys.stdout.write("last words")  # not flushed
    return ExitCode.REFUSED


async def refuses() -> int:
    raise CommandError("no\nway \x1b[31mred", ExitCode.REFUSED)


async def refuses_in_a_group() -> int:
    async with asyncio.TaskGroup() as group:
        group.create_task(refuses())
        group.create_task(asyncio.sleep(60))
    return ExitCode.DONE


async def breaks() -> int:
    raise LookupError("a bug")


async def cancels_itself() -> int:
    raise asyncio.CancelledError


async def waits() -> int:
    say("ready")
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0.05)
        say("drained")
    return ExitCode.DONE


async def drains_for_ever() -> int:
    def last_resort() -> None:
        os.write(1, b"last resort\n")

    with on_hard_exit(last_resort):
        say("ready")
        try:
            await asyncio.Event().wait()
        finally:
            say("draining")
            await asyncio.sleep(600)
    return ExitCode.DONE


async def is_stuck() -> int:
    signal.signal(signal.SIGALRM, lambda *_: say("alarm"))
    say("ready")
    time.sleep(600)
    return ExitCode.DONE


async def prints_for_ever() -> int:
    while True:
        sys.stdout.write("아무 말\n" * 1000)
        await asyncio.sleep(0)


async def prints_little() -> int:
    sys.stdout.write("a line, not flushed\n")
    return ExitCode.DONE


async def loses_a_socket() -> int:
    raise BrokenPipeError("not stdout")


async def speaks_korean() -> int:
    sys.stdout.write("주문이 완료되었습니다 \udce9\n")
    logging.getLogger("order_saga").warning("주문")
    raise CommandError("잘못된 입력", ExitCode.BAD_INPUT)


async def makes_a_file() -> int:
    with open(os.environ["ORDER_SAGA_HOME"] + "-file", "w") as file:
        file.write("private")
    return ExitCode.DONE


if __name__ == "__main__":
    configure_logs(Settings.load())
    run_program(
        globals()[sys.argv[1]], exit_when_stopped=int(sys.argv[2]) if sys.argv[2:] else None
    )
