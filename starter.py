"""The command line: place orders, see what becomes of them, and step in where need be."""

import argparse
import contextlib
import signal
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

if __name__ == "__main__":
    # Until `run_program` listens: Ctrl-C while all of the below loads ends it without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

# Nothing heavy up here: `--help` must not wait for the Temporal SDK to load.
from client.actions import Action
from client.arguments import json_argument, number_argument, order_argument, rate_argument
from client.operator_arguments import add_operator_commands
from models.saga import SagaKind, SagaStatus
from runtime.program import CommandError, ExitCode, run_program

if TYPE_CHECKING:
    from temporalio.client import Client

    from models.order import Order
    from runtime.settings import Settings

DESCRIPTION = """\
Place orders, see what becomes of them, and step in where a person is needed.

Without a command, a sample order is placed and followed step by step, then one
that is refused at payment, so that its undo can be seen.
"""
EPILOG = """\
Where Temporal is: TEMPORAL_ADDRESS and Temporal's other settings if any are given,
else the embedded server of the data folder (ORDER_SAGA_HOME, default .order-saga),
else localhost:7233. If none of them is there, the demonstration, `place` and `load`
bring a server and workers of their own; `python worker.py` (or `make up`) keeps
them running.

exit status:
  0  done                          3  nothing reachable: server, store or worker
  1  the order ended COMPENSATED   4  refused: a conflict, or too late; the message
     or FAILED                        says what is possible now
  2  bad input or usage            5  the audit found something
                                 130  stopped by Ctrl-C
"""
PLACE = """\
Place the order that FILE describes and follow it to its end.

The same order again is the same order: it is followed, not placed twice. Another
order under the same order_id is refused (exit status 4). An order looks like this;
order_id, total_amount, currency, points_to_use, payment_token and
notification_email may be left out:

  {"order_id": "ORD-123", "customer_id": "CUST-456",
   "items": [{"product_id": "PROD-789", "quantity": 2, "price": 50.0}],
   "total_amount": 100.0, "currency": "USD", "points_to_use": 10,
   "payment_method": "credit_card", "shipping_address": "1 Main Street"}
"""
AUDIT = """\
Check every rule over the six stores and Temporal, and say what breaks one. Changes nothing.
docs/operations.md has each rule, and what to do when something breaks it.
"""
LOAD = """\
Place many sample orders and measure how long each takes to end. The run has products
and customers of its own, so that stock and points suffice.
"""


def parse_arguments() -> argparse.Namespace:
    """The command line; ends the process on `--help` and on bad usage."""
    parser = _parser("starter.py", DESCRIPTION, epilog=EPILOG)
    commands = parser.add_subparsers(dest="command", metavar="command", title="commands")

    place = _command(commands, "place", "place an order and follow it", PLACE)
    place.add_argument("file", metavar="FILE", help="the order, as JSON; - reads standard input")
    place.add_argument("--detach", action="store_true", help="do not follow it: return at once")
    _kind_argument(place)
    json_argument(place)

    show = _command(commands, "show", "show what is known about an order now")
    order_argument(show)
    json_argument(show)

    watch = _command(commands, "watch", "follow an order to its end")
    order_argument(watch)

    listing = _command(commands, "list", "list the newest orders")
    listing.add_argument(
        "--status",
        type=str,
        choices=[status.value for status in SagaStatus],
        metavar="STATUS",
        help=f"only those with this status: {', '.join(SagaStatus)}",
    )
    listing.add_argument(
        "--limit",
        type=number_argument(1, 1000),
        default=20,
        metavar="N",
        help="at most so many (20)",
    )
    json_argument(listing)

    _add_load_arguments(
        _command(commands, "load", "place many sample orders and measure them", LOAD)
    )

    audit = _command(commands, "audit", "check the effects of every order", AUDIT)
    json_argument(audit)

    add_operator_commands(
        lambda name, summary, description: _command(commands, name, summary, description)
    )
    return parser.parse_args()


def _add_load_arguments(load: argparse.ArgumentParser) -> None:
    load.add_argument(
        "--orders", type=number_argument(1, 1_000_000), required=True, metavar="N", help="how many"
    )
    load.add_argument(
        "--concurrency",
        type=number_argument(1, 1000),
        default=20,
        metavar="C",
        help="at most so many under way at once (20)",
    )
    load.add_argument(
        "--rate",
        type=rate_argument,
        metavar="R",
        help="orders placed per second (default: as fast as they end)",
    )
    _kind_argument(load)
    json_argument(load)


def _kind_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--choreographed",
        dest="kind",
        action="store_const",
        const=SagaKind.CHOREOGRAPHED,
        default=SagaKind.ORCHESTRATED,
        help="as events that services react to, without a coordinator (docs/choreography.md)",
    )


def _parser(name: str, description: str, *, epilog: str | None = None) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog=name,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    summary: str,
    description: str | None = None,
) -> argparse.ArgumentParser:
    return commands.add_parser(
        name,
        help=summary,
        description=description or f"{summary[0].upper()}{summary[1:]}.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


@contextlib.asynccontextmanager
async def own_workers(settings: "Settings", client: "Client") -> AsyncIterator[None]:
    """All workers, in this process, on a shop that is filled when it is new."""
    from runtime.search_attributes import register_search_attributes
    from worker import WorkerOptions, running_workers, sample_shop

    await register_search_attributes(client)
    async with running_workers(settings, client, WorkerOptions(shop=sample_shop(settings))):
        yield


async def run(arguments: argparse.Namespace) -> int:
    """Do what the command line asks for."""
    # Before the SDK is loaded: a bad document is refused in a fraction of the time.
    order = _read_order(arguments.file) if arguments.command == "place" else None

    from runtime.logs import configure_logs
    from runtime.settings import Settings

    settings = Settings.load()
    if "log_level" not in settings.model_fields_set:
        # What the embedded workers do is told in the command's own words.
        settings = settings.model_copy(update={"log_level": "WARNING"})
    configure_logs(settings)
    if order is not None:
        from client import commands

        return await commands.place(
            settings,
            own_workers,
            order,
            kind=arguments.kind,
            detach=arguments.detach,
            as_json=arguments.json,
        )
    if arguments.command in (*Action, "interventions", "dead-letters"):
        return await _operate(settings, arguments)
    if arguments.command == "audit":
        from audit.command import run_audit

        return await run_audit(settings, as_json=arguments.json)
    return await _look(settings, arguments)


async def _look(settings: "Settings", arguments: argparse.Namespace) -> int:
    from client import commands
    from client.load import LoadPlan

    match arguments.command:
        case "show":
            return await commands.show(settings, arguments.order_id, as_json=arguments.json)
        case "watch":
            return await commands.watch(settings, arguments.order_id)
        case "list":
            status = SagaStatus(arguments.status) if arguments.status else None
            return await commands.list_orders(
                settings, status, arguments.limit, as_json=arguments.json
            )
        case "load":
            plan = LoadPlan(arguments.orders, arguments.concurrency, arguments.rate, arguments.kind)
            return await commands.load(settings, own_workers, plan, as_json=arguments.json)
        case _:
            return await commands.show_demonstration(settings, own_workers)


async def _operate(settings: "Settings", arguments: argparse.Namespace) -> int:
    from client import operator_commands

    if arguments.command == "interventions":
        return await operator_commands.list_interventions(settings, as_json=arguments.json)
    if arguments.command == "dead-letters":
        return await _dead_letters(settings, arguments)
    return await operator_commands.act(
        settings,
        Action(arguments.command),
        arguments.order_id,
        step=getattr(arguments, "step", None),
        actor=arguments.by,
        reason=arguments.reason,
        as_json=arguments.json,
    )


async def _dead_letters(settings: "Settings", arguments: argparse.Namespace) -> int:
    from client import operator_commands

    if arguments.retry is None:
        return await operator_commands.list_dead_letters(settings, as_json=arguments.json)
    if arguments.by is None or arguments.reason is None:
        raise CommandError("--retry needs --by NAME and --reason WHY", ExitCode.BAD_INPUT)
    return await operator_commands.retry_dead_letter(
        settings,
        arguments.retry,
        actor=arguments.by,
        reason=arguments.reason,
        as_json=arguments.json,
    )


def _read_order(source: str) -> "Order":
    from client.documents import DocumentError, read_order

    try:
        return read_order(source)
    except DocumentError as error:
        raise CommandError("; ".join(error.lines), ExitCode.BAD_INPUT) from None


async def main() -> int:
    """Parse the command line and do it."""
    return await run(parse_arguments())


if __name__ == "__main__":
    run_program(main)
