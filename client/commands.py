"""What each command of the command line does; each returns the process's exit code."""

import asyncio
import json
import sys
from collections.abc import Sequence

from pydantic import BaseModel
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn
from rich.text import Text

from client.demonstration import demonstrate
from client.display import Storyteller, print_comparison, print_list, standard_console
from client.load import LoadFigures, LoadPlan, run_load
from client.session import OwnWorkers, Session, session
from models.order import Order
from models.saga import SagaKind, SagaState, SagaStatus
from runtime.program import ExitCode
from runtime.settings import Settings


async def show_demonstration(settings: Settings, own_workers: OwnWorkers) -> int:
    """Place a sample order and one that is refused at payment, and tell both stories."""
    async with session(settings, own_workers) as opened:
        as_expected = await demonstrate(opened, standard_console())
    return ExitCode.DONE if as_expected else ExitCode.ORDER_UNDONE


async def place(
    settings: Settings,
    own_workers: OwnWorkers,
    order: Order,
    *,
    kind: SagaKind,
    detach: bool,
    as_json: bool,
) -> int:
    """Place the order and follow it to its end, or only place it."""
    async with session(settings, own_workers) as opened:
        await opened.sagas.place(order, kind)
        if detach:
            return await _placed(opened, order.order_id, as_json)
        try:
            return await _follow(opened, order.order_id, as_json)
        except asyncio.CancelledError:
            _note(
                f"order {order.order_id} is stored and goes on"
                f"{' when a worker runs' if opened.embedded else ''}; "
                f"`python starter.py watch {order.order_id}` follows it"
            )
            raise


async def watch(settings: Settings, order_id: str) -> int:
    """Follow an order to its end."""
    async with session(settings, None) as opened:
        return await _follow(opened, order_id, as_json=False)


async def show(settings: Settings, order_id: str, *, as_json: bool) -> int:
    """Show what is known about an order now."""
    async with session(settings, None) as opened:
        state = await opened.sagas.state(order_id)
        if as_json:
            print_json(state)
        else:
            _print_state(opened, state)
    return ExitCode.DONE


async def list_orders(
    settings: Settings, status: SagaStatus | None, limit: int, *, as_json: bool
) -> int:
    """List the newest orders."""
    async with session(settings, None) as opened:
        states = await opened.sagas.newest(status, limit)
    if as_json:
        print_json(states)
    else:
        print_list(standard_console(), states)
    return ExitCode.DONE


async def load(
    settings: Settings, own_workers: OwnWorkers, plan: LoadPlan, *, as_json: bool
) -> int:
    """Place many sample orders and print how fast they ended, and how."""
    async with session(settings, own_workers) as opened:
        with Progress(
            "orders",
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Console(file=sys.stderr),
        ) as progress:
            bar = progress.add_task("orders", total=plan.orders)
            figures = await run_load(opened.sagas, plan, lambda: progress.advance(bar))
    if as_json:
        print_json(figures)
    else:
        _print_figures(figures)
    return ExitCode.DONE


async def _placed(opened: Session, order_id: str, as_json: bool) -> int:
    if opened.embedded:
        _note("the workers end with this command: the order goes on when a worker runs")
    if as_json:
        print_json(await opened.sagas.glance(order_id))
    else:
        standard_console().print(Text(f"order {order_id} is placed"))
    return ExitCode.DONE


async def _follow(opened: Session, order_id: str, as_json: bool) -> int:
    console = standard_console()
    story = None if as_json else Storyteller(console)
    async for observation in opened.sagas.follow(order_id):
        if story:
            story.tell(observation)
    state = observation.state
    if story is None:
        print_json(state)
    else:
        story.ending(state)
        _print_page(opened, state)
    return ExitCode.DONE if state.status is SagaStatus.COMPLETED else ExitCode.ORDER_UNDONE


def _print_state(opened: Session, state: SagaState) -> None:
    print_comparison(standard_console(), {state.status.value.lower(): state})
    _print_page(opened, state)


def _print_page(opened: Session, state: SagaState) -> None:
    page = opened.server.workflow_page(state.saga_id)
    if page is not None and not opened.embedded:
        standard_console().print(Text(f"  {page}", "dim"))


def _print_figures(figures: LoadFigures) -> None:
    outcomes = ", ".join(f"{count} {status}" for status, count in figures.outcomes.items())
    standard_console().print(
        Text(
            f"{figures.orders} orders in {figures.seconds:.1f} s: "
            f"{figures.orders_per_second:.1f} per second\n"
            f"time of an order: p50 {figures.p50_ms:.0f} ms, p95 {figures.p95_ms:.0f} ms, "
            f"p99 {figures.p99_ms:.0f} ms\n"
            f"outcomes: {outcomes}"
        )
    )


def print_json(document: BaseModel | Sequence[BaseModel]) -> None:
    """The one document on stdout, of a command with `--json`."""
    if isinstance(document, BaseModel):
        value: object = document.model_dump(mode="json")
    else:
        value = [each.model_dump(mode="json") for each in document]
    sys.stdout.write(f"{json.dumps(value, indent=2, ensure_ascii=False)}\n")


def _note(message: str) -> None:
    sys.stderr.write(f"{message}\n")
