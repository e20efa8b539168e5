"""The command line of `worker.py`: which services, what is in the shop, what goes wrong."""

import argparse
from pathlib import Path

from models.steps import Service


def worker_parser() -> argparse.ArgumentParser:
    """The parser of `python worker.py`."""
    parser = argparse.ArgumentParser(
        prog="worker.py",
        description="Run the order saga's workers until SIGTERM or Ctrl-C; then drain and exit. "
        "Without a Temporal server that is configured or answers, an embedded one is started.",
    )
    alone = parser.add_mutually_exclusive_group()
    alone.add_argument(
        "--demonstration",
        action="store_true",
        help="serve the HTTP API and the dashboard too, on 127.0.0.1:8080; orders that it places "
        "can be made to fail at a step of your choice",
    )
    parser.add_argument(
        "--only",
        nargs="+",
        type=Service,
        choices=tuple(Service),
        metavar="SERVICE",
        help=f"work for these services alone: {', '.join(Service)} (default: all)",
    )
    parser.add_argument(
        "--shop",
        metavar="FILE",
        help="products and customers to add to the stores (default for a data folder: the sample)",
    )
    alone.add_argument(
        "--faults",
        type=Path,
        metavar="FILE",
        help="faults to inject into the services, for trying the saga out",
    )
    return parser
