"""How much faster an order ends on our embedded server than on a stock development server.

`python -m benchmarks.embedded_server` runs the same workers and the same load against both, one
order at a time, in alternating rounds; both servers keep their state on disk. Figures of one run
can be compared with each other, not with those of another run or machine.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from runtime.server_process import program_beside_python

ROOT = Path(__file__).parents[1]
STOCK_PORT = 17233


def main() -> None:
    """Print both medians of each round, and their ratio over all rounds."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--orders", type=int, default=20, help="in each round on each server")
    parser.add_argument("--concurrency", type=int, default=1)
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ours = environment(folder / "ours")
        stock = environment(folder / "stock", TEMPORAL_ADDRESS=f"127.0.0.1:{STOCK_PORT}")
        stack.enter_context(stock_server(folder / "stock.db"))
        stack.enter_context(worker(ours))
        stack.enter_context(worker(stock))
        medians: dict[str, list[float]] = {"ours": [], "stock": []}
        for _ in range(arguments.rounds):
            for name, variables in (("ours", ours), ("stock", stock)):
                figures = load(variables, arguments.orders, arguments.concurrency)
                medians[name].append(figures["p50_ms"])
                print(name, json.dumps(figures))  # noqa: T201 -- a program's output
        ratio = statistics.median(medians["stock"]) / statistics.median(medians["ours"])
        print(f"stock / ours, p50: {ratio:.2f}")  # noqa: T201


def environment(home: Path, **variables: str) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TEMPORAL_", "ORDER_SAGA_"))
    }
    home.mkdir()
    return kept | {
        "ORDER_SAGA_HOME": str(home),
        "ORDER_SAGA_DEFAULT_ADDRESS": "127.0.0.1:1",
        "ORDER_SAGA_LOG_LEVEL": "INFO",
        **variables,
    }


@contextmanager
def stock_server(database: Path) -> Iterator[None]:
    """`temporal server start-dev -f FILE`, with nothing changed but its port."""
    program = program_beside_python("temporal")
    assert program is not None
    options = ["--headless", "--port", str(STOCK_PORT), "--log-level", "error"]
    with running([str(program), "server", "start-dev", "-f", str(database), *options], {}):
        yield


@contextmanager
def worker(variables: dict[str, str], *options: str) -> Iterator[None]:
    with running([sys.executable, "worker.py", *options], variables):
        # Placing an order waits for the worker, and so does this.
        load(variables, orders=1, concurrency=1)
        yield


@contextmanager
def running(command: list[str], variables: dict[str, str]) -> Iterator[None]:
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=variables or None,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def load(
    variables: dict[str, str], orders: int, concurrency: int, *options: str
) -> dict[str, float]:
    command = [sys.executable, "starter.py", "load", "--json", *options]
    command += ["--orders", str(orders), "--concurrency", str(concurrency)]
    result = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True)
    if result.returncode:
        raise SystemExit(result.stderr)
    figures: dict[str, float] = json.loads(result.stdout)
    return figures


if __name__ == "__main__":
    main()
