"""How fast the audit is and how much memory it takes: `python -m benchmarks.audit 10000 100000`.

Fills six SQLite stores with ended orders, audits them in a process of its own, and writes one
JSON object for each number of orders.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from audit.auditor import audit
from audit.stores import opened
from benchmarks.ended_orders import fill
from runtime.settings import Settings


async def fill_folder(home: Path, count: int) -> None:
    """Make stores in the folder that hold so many ended orders."""
    async with opened(Settings.load(home=home)) as stores:
        await fill(stores, count)


async def measured(home: Path) -> dict[str, Any]:
    """Audit the folder's stores; the figures, with this process's largest memory in MB.

    `cpu_seconds` does not depend on what else the machine does.
    """
    began = time.process_time()
    async with opened(Settings.load(home=home)) as stores:
        report = await audit(stores, None)
    cpu_seconds = time.process_time() - began
    count = sum(report.orders.values())
    return {
        "orders": count,
        "findings": report.finding_count,
        "seconds": report.seconds,
        "cpu_seconds": round(cpu_seconds, 3),
        "orders_per_second": round(count / report.seconds),
        "orders_per_cpu_second": round(count / cpu_seconds),
        "peak_memory_mb": _peak_memory_mb(),
    }


def _peak_memory_mb() -> float:
    """Of this program; `getrusage` would also count the process that it was started from."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (kilobytes,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return round(int(kilobytes) / 1024, 1)


def measure(home: Path, count: int) -> dict[str, Any]:
    """Fill stores in the folder and audit them in a fresh process."""
    asyncio.run(fill_folder(home, count))
    command = [sys.executable, "-m", "benchmarks.audit", "--home", str(home)]
    audited = subprocess.run(command, capture_output=True, text=True, check=True)
    figures: dict[str, Any] = json.loads(audited.stdout)
    return figures


def main() -> None:
    """Measure every number of orders that was asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("orders", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--home", type=Path, help="audit the stores of this folder alone")
    arguments = parser.parse_args()
    if arguments.home is not None:
        sys.stdout.write(json.dumps(asyncio.run(measured(arguments.home))) + "\n")
        return
    for count in arguments.orders:
        with tempfile.TemporaryDirectory() as folder:
            sys.stdout.write(json.dumps(measure(Path(folder), count)) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
