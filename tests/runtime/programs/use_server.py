"""Uses the embedded server until it is stopped; as `use_server hang`, its drain never ends."""

import asyncio
import json
import sys

from runtime.connection import connect
from runtime.embedded import EmbeddedServer
from runtime.program import run_program
from runtime.server_record import running_server
from runtime.settings import Settings


def report(**fields: object) -> None:
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


async def main() -> int:
    settings = Settings.load()
    async with EmbeddedServer.running(settings) as server:
        record = running_server(settings.home)
        assert record is not None
        report(address=server.address, pid=record.pid)
        try:
            await asyncio.Event().wait()
        finally:
            # The drain: the server must still be there.
            await connect(server)
            report(drained=True)
            if sys.argv[1:] == ["hang"]:
                await asyncio.Event().wait()
    return 0


if __name__ == "__main__":
    run_program(main, exit_when_stopped=0)
