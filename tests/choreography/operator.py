"""An operator who drives again what was parked for no other reason than a busy machine."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from temporalio.client import Client

from client.dead_letters import open_dead_letters, redrive
from models.saga import OperatorAction
from runtime.program import CommandError

_LOOK_SECONDS = 2.0
_WHO = OperatorAction(actor="sora", reason="the machine was busy")


@contextlib.asynccontextmanager
async def on_duty(client: Client) -> AsyncIterator[None]:
    """While the block runs. What a service has refused or failed is left alone: no test wants that.

    Calls have five attempts and a heartbeat timeout of 2 s, which a machine that runs other tests
    may miss five times.
    """
    duty = asyncio.create_task(_watch(client))
    try:
        yield
    finally:
        duty.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await duty


async def _watch(client: Client) -> None:
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        with contextlib.suppress(CommandError):  # driven or ended since it was listed
            for letter in await open_dead_letters(client):
                if "timeout" in letter.last_error.lower() and not letter.being_tried:
                    print("parked by a busy machine:", letter)  # noqa: T201 -- if the test fails
                    await redrive(
                        client, letter.reaction_id, _WHO, request_id=f"{letter.retry_count}"
                    )
