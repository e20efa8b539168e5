"""What an order costs as orchestration and as choreography, both measured in one run.

`python -m benchmarks.variants` starts one embedded server and one worker process, and sends the
same orders through both variants in alternating rounds. Then it reads the histories of one more
order of each kind: workflows, events and, by our count, billed actions.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from benchmarks.embedded_server import ROOT, environment, load, worker
from models.saga import SagaKind
from runtime.connection import connect, embedded_server
from runtime.settings import Settings

BILLED = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
    EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
    EventType.EVENT_TYPE_TIMER_STARTED,
    EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
    EventType.EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED,
    EventType.EVENT_TYPE_MARKER_RECORDED,
}
"""A start, a call, a timer, an upsert, a signal, a local call: one action each. A child's start is
billed where it is asked for and is counted at the child, once."""
CODE = {
    SagaKind.ORCHESTRATED: [
        "workflows/order_saga.py",
        "workflows/forward.py",
        "workflows/compensations.py",
        "workflows/interventions.py",
        "workflows/journal.py",
    ],
    SagaKind.CHOREOGRAPHED: ["workflows/choreography", "models/events.py"],
}


def main() -> None:
    """Print one JSON document of figures for each variant."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--orders", type=int, default=40, help="in each round at each concurrency")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        variables = environment(folder / "home")
        stack.enter_context(worker(variables))
        rounds: dict[SagaKind, dict[int, list[dict[str, float]]]] = {
            kind: {1: [], 20: []} for kind in SagaKind
        }
        for _ in range(arguments.rounds):
            for concurrency in (1, 20):
                for kind in SagaKind:
                    options = ["--choreographed"] if kind is SagaKind.CHOREOGRAPHED else []
                    # One at a time takes long enough with half as many.
                    orders = arguments.orders // 2 if concurrency == 1 else arguments.orders
                    rounds[kind][concurrency].append(load(variables, orders, concurrency, *options))
        for kind in SagaKind:
            figures = {
                "kind": kind.value,
                **{f"at {at}": _median(each) for at, each in rounds[kind].items()},
                "lines of code": sum(map(_lines, CODE[kind])),
                **asyncio.run(_history(folder / "home", kind)),
            }
            print(json.dumps(figures))  # noqa: T201 -- a program's output


def _median(rounds: list[dict[str, float]]) -> dict[str, float]:
    return {
        name: round(statistics.median(each[name] for each in rounds), 1)
        for name in ("p50_ms", "p99_ms", "orders_per_second")
    }


def _lines(place: str) -> int:
    path = ROOT / place
    files = path.glob("*.py") if path.is_dir() else [path]
    return sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files)


async def _history(home: Path, kind: SagaKind) -> dict[str, int]:
    """Of the newest order of this kind, with all workflows that it consists of."""
    server = embedded_server(Settings.load(home=home))
    assert server is not None
    client = await connect(server)
    workflow_type = "OrderTracker" if kind is SagaKind.CHOREOGRAPHED else "OrderSaga"
    query = f"WorkflowType = '{workflow_type}' AND ExecutionStatus = 'Completed'"
    newest = [found async for found in client.list_workflows(query, limit=1)]
    return {"workflows": 0, "events": 0, "billed actions": 0} | await _count(client, newest[0].id)


async def _count(client: Client, workflow_id: str) -> Counter[str]:
    counted: Counter[str] = Counter(workflows=1)
    async for event in client.get_workflow_handle(workflow_id).fetch_history_events():
        counted["events"] += 1
        counted["billed actions"] += event.event_type in BILLED
        started = event.start_child_workflow_execution_initiated_event_attributes.workflow_id
        if started:
            counted += await _count(client, started)
    return counted


if __name__ == "__main__":
    main()
