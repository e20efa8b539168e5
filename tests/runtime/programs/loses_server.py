"""Calls a server for ever, whether it answers or not."""

import asyncio
import contextlib
import sys

from temporalio.service import RPCError

from runtime.connection import connect
from runtime.logs import configure_logs
from runtime.program import run_program
from runtime.server import Found, Server
from runtime.settings import Settings


async def main() -> int:
    configure_logs(Settings.load())
    client = await connect(Server(address=sys.argv[1], found=Found.CONFIGURED))
    sys.stdout.write('{"connected": true}\n')
    sys.stdout.flush()
    while True:
        with contextlib.suppress(RPCError):
            await client.count_workflows()
        await asyncio.sleep(0.01)


if __name__ == "__main__":
    run_program(main)
