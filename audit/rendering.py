"""A report as people read it: tables on a terminal, plain lines elsewhere."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from audit.report import AcceptedUndo, AuditReport, Finding

_SHOWN = 50
"""Findings; `--json` has the others."""


def render(report: AuditReport, console: Console) -> None:
    """Write what was found, what was accepted, and how much was looked at."""
    if report.findings:
        console.print(_findings(report) if console.is_terminal else _plain_findings(report))
    if report.accepted:
        console.print(_accepted(report))
    console.print(_summary(report))


def _findings(report: AuditReport) -> Table:
    table = Table("order", "service", "rule", "figures", title="Findings", title_justify="left")
    for finding in report.findings[:_SHOWN]:
        table.add_row(*(Text(cell) for cell in _cells(finding)))
    return table


def _plain_findings(report: AuditReport) -> Text:
    """One line for each, for programs that read lines."""
    return Text("\n".join("  ".join(_cells(finding)) for finding in report.findings[:_SHOWN]))


def _cells(finding: Finding) -> tuple[str, str, str, str]:
    figures = ", ".join(f"{name} {value}" for name, value in finding.figures.items())
    return finding.order_id or "-", finding.service, finding.rule, figures


def _accepted(report: AuditReport) -> Text:
    lines = ["Accepted by name:", *(_signed(undo) for undo in report.accepted[:_SHOWN])]
    return Text("\n".join(lines))


def _signed(undo: AcceptedUndo) -> str:
    day = undo.at.strftime("%Y-%m-%d")
    return f"  {undo.order_id}  {undo.step}  {undo.action} by {undo.actor}, {day}: {undo.reason}"


def _summary(report: AuditReport) -> Text:
    orders = ", ".join(f"{count} {status}" for status, count in report.orders.items()) or "none"
    rules = ", ".join(f"{rule} {count}" for rule, count in report.findings_by_rule.items())
    waiting = report.open_interventions
    lines = [
        f"Findings: {report.finding_count}" + (f" ({rules})" if rules else ""),
        f"Orders: {orders}",
        f"Accepted undos: {report.accepted_count}",
        f"Late calls refused: {report.fenced_late_calls}",
        f"Waiting for a person: {waiting if waiting is not None else 'Temporal was not asked'}",
        f"Took: {report.seconds:.1f} s",
    ]
    style = "green" if report.clean else "red"
    summary = Text("\n".join(lines))
    summary.stylize(style, 0, len(lines[0]))
    return summary
