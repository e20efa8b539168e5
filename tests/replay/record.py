"""Records the histories anew: `python -m tests.replay.record [SCENARIO…]`.

Only for a change that is meant to alter histories, before any saga of the old kind runs
anywhere; see docs/change-a-workflow.md.
"""

import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowFailureError
from temporalio.contrib.pydantic import pydantic_data_converter

from runtime.embedded import EmbeddedServer
from runtime.settings import Settings
from tests.house import open_house
from tests.replay.scenarios import SCENARIOS, Handle

HISTORIES = Path(__file__).parent / "histories"


async def main() -> None:
    names = sys.argv[1:] or list(SCENARIOS)
    HISTORIES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.load(home=folder)
        async with EmbeddedServer.running(settings) as server:
            client = await Client.connect(
                server.address, data_converter=pydantic_data_converter, identity="recorder"
            )
            async with open_house(client, Path(folder)) as house:
                for name in names:
                    handle = await SCENARIOS[name](house)
                    await _ended(handle)
                    history = await handle.fetch_history()
                    events = _scrubbed(history.to_json_dict())
                    text = json.dumps(events, ensure_ascii=False, indent=1)
                    (HISTORIES / f"{name}.json").write_text(text + "\n", encoding="utf-8")
                    print(  # noqa: T201 -- a program's output
                        f"{name}: {len(history.events)} events"
                    )


async def _ended(handle: Handle) -> None:
    try:
        await handle.result()
    except WorkflowFailureError:
        return  # An abandoned undo ends in a failed workflow: that is a history, too.


def _scrubbed(value: Any) -> Any:
    """The history without what tells of the machine that it was recorded on."""
    if isinstance(value, dict):
        return {key: _scrubbed(item) for key, item in value.items() if key != "stackTrace"}
    if isinstance(value, list):
        return [_scrubbed(item) for item in value]
    return value


if __name__ == "__main__":
    asyncio.run(main())
