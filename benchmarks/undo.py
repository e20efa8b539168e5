"""How long an undo takes: from the first failure of an order to COMPENSATED.

`python -m benchmarks.undo` runs a worker of its own on the embedded server, in which shipping
refuses every order, so that four steps have to be undone. The times are those of Temporal's own
history: from the refusal to the end of the workflow.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
from datetime import UTC, timedelta
from pathlib import Path

from temporalio.client import Client

from benchmarks.embedded_server import environment, worker
from client.documents import read_order
from client.records import Records
from client.running import saga_id
from client.sagas import Sagas
from models.documents import new_order_id
from models.order import Order
from models.saga import SagaStatus
from runtime.connection import connect, embedded_server
from runtime.settings import Settings

SAMPLE = Path(__file__).parents[1] / "examples" / "order.json"
REFUSED = [{"operation": "create_shipment", "kind": "refuse", "order_id": "*", "times": -1}]


async def main() -> None:
    """Print the percentiles over all orders, placed one at a time."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--orders", type=int, default=200)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        faults = Path(folder) / "faults.json"
        faults.write_text(json.dumps(REFUSED), encoding="utf-8")
        home = Path(folder) / "home"
        with worker(environment(home), "--faults", str(faults)):
            took = await _undo(Settings.load(home=home), arguments.orders)
    p50, *_, p99 = (statistics.quantiles(took, n=100)[at - 1] for at in (50, 95, 99))
    print(  # noqa: T201 -- a program's output
        f"{len(took)} orders, refused at shipping, to COMPENSATED: "
        f"p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms, max {max(took) * 1000:.0f} ms"
    )


async def _undo(settings: Settings, orders: int) -> list[float]:
    server = embedded_server(settings)
    assert server is not None
    client = await connect(server)
    sample = read_order(str(SAMPLE))
    async with Records.opened(settings) as records:
        sagas = Sagas(client, records, settings)
        return [await _one(client, sagas, sample) for _ in range(orders)]


async def _one(client: Client, sagas: Sagas, sample: Order) -> float:
    order = sample.model_copy(update={"order_id": new_order_id()})
    await sagas.place(order)
    handle = client.get_workflow_handle(saga_id(order.order_id))
    state = await handle.result(rpc_timeout=timedelta(seconds=30))
    if state["status"] != SagaStatus.COMPENSATED:
        raise SystemExit(f"{order.order_id} ended {state['status']}")
    events = (await handle.fetch_history()).events
    [refused] = [
        event for event in events if event.HasField("activity_task_failed_event_attributes")
    ]
    began, ended = (event.event_time.ToDatetime(UTC) for event in (refused, events[-1]))
    return (ended - began).total_seconds()


if __name__ == "__main__":
    asyncio.run(main())
