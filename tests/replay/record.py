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
OF = "--"
"""Between a scenario and the event and service of a reaction: each has a history of its own."""

Shape = tuple[str, ...]


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
                known = _shapes(names)
                for name in names:
                    await _record(client, name, await SCENARIOS[name](house), known)


def _shapes(renewed: list[str]) -> set[Shape]:
    """The shapes of the reactions' histories that are there and stay."""
    paths = [path for path in HISTORIES.glob("*.json") if path.stem.partition(OF)[0] not in renewed]
    return {shape_of(path.stem, json.loads(path.read_text(encoding="utf-8"))) for path in paths}


def shape_of(name: str, history: dict[str, Any]) -> Shape:
    """What tells apart two histories of the same reaction."""
    return (name.partition(OF)[2], *(event["eventType"] for event in history["events"]))


async def _record(client: Client, name: str, handle: Handle, known: set[Shape]) -> None:
    """Write the history of the workflow, and those of all that it started, each once it ended.

    A reaction whose history has the shape of one that is recorded already would prove nothing more.
    """
    await _ended(handle)
    history = await handle.fetch_history()
    events = _scrubbed(history.to_json_dict())
    shape = shape_of(name, events)
    if OF not in name or shape not in known:
        known.add(shape)
        text = json.dumps(events, ensure_ascii=False, indent=1)
        (HISTORIES / f"{name}.json").write_text(text + "\n", encoding="utf-8")
        print(f"{name}: {len(history.events)} events")  # noqa: T201 -- a program's output
    scenario = name.partition(OF)[0]
    for event in history.events:
        started = event.start_child_workflow_execution_initiated_event_attributes.workflow_id
        if started:
            _, event_type, service = started.split("/")
            child = client.get_workflow_handle(started)
            await _record(client, f"{scenario}{OF}{event_type}-{service}", child, known)


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
