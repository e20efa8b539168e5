"""The audit as a command: progress on stderr, the report on stdout."""

import sys

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from audit import stores
from audit.auditor import audit
from audit.rendering import render
from audit.report import AuditReport
from client.errors import translated
from runtime.connection import connect, find_server
from runtime.program import CommandError, ExitCode
from runtime.settings import Settings


async def run_audit(settings: Settings, *, as_json: bool) -> int:
    """Check every rule over the six stores and Temporal, and print what was found.

    Raises `CommandError` (exit code 3) when a store or Temporal cannot be reached: an audit that
    could not look at everything has no result.
    """
    server = await find_server(settings)
    if server is None:
        raise CommandError(
            "no Temporal server answers, so effects without a saga would go unseen: "
            "`python worker.py`, or `make up`, starts one",
            ExitCode.NOT_REACHABLE,
        )
    client = await connect(server)
    with translated("nothing was changed"), _progress() as progress:
        task = progress.add_task("orders", total=None)
        async with stores.opened(settings) as opened:
            report = await audit(
                opened,
                client,
                on_progress=lambda done, total: progress.update(
                    task, completed=done, total=max(done, total)
                ),
            )
    _print(report, as_json=as_json)
    return ExitCode.DONE if report.clean else ExitCode.AUDIT_FINDINGS


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )


def _print(report: AuditReport, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(report.model_dump_json(indent=2) + "\n")
    else:
        render(report, Console())
