"""How a report reads, for people and for programs."""

import io
import json

import pytest
from rich.console import Console

from audit.auditor import audit
from audit.patience import Patience
from audit.rendering import render
from audit.report import MOST_LISTED, AcceptedUndo, AuditReport, Finding, Tally
from models.steps import CREATE_SHIPMENT, Service
from tests.audit.plantings import PLANTINGS
from tests.audit.shop import Shop
from tests.services.orders import ENDED_AT, order

ADDRESS, EMAIL = order().shipping_address, str(order().notification_email)


def rendered(report: AuditReport, *, terminal: bool) -> str:
    output = io.StringIO()
    render(report, Console(file=output, force_terminal=terminal, width=200))
    return output.getvalue()


def finding(number: int) -> Finding:
    return Finding(
        rule="order_adds_up",
        service=Service.ORDERS,
        order_id=f"ORD-[bold]{number}",
        says="An order adds up.",
        figures={"lines": 1, "total_amount": 2},
    )


def test_a_report_counts_everything_and_lists_so_much() -> None:
    tally = Tally()
    for number in range(MOST_LISTED + 1):
        tally.found(finding(number))
        tally.accepted(
            AcceptedUndo(
                order_id="ORD-1",
                step=CREATE_SHIPMENT.step,
                action="resolve",
                actor="kim",
                reason="fetched back",
                at=ENDED_AT,
            )
        )
    report = tally.report(temporal_asked=True, open_interventions=2)
    assert report.finding_count == report.accepted_count == MOST_LISTED + 1
    assert report.findings_by_rule == {"order_adds_up": MOST_LISTED + 1}
    assert len(report.findings) == len(report.accepted) == MOST_LISTED
    assert not report.clean


@pytest.mark.parametrize("terminal", [True, False])
def test_a_rendered_report_names_order_service_rule_and_figures(terminal: bool) -> None:
    tally = Tally()
    tally.found(finding(1))
    text = rendered(tally.report(temporal_asked=False, open_interventions=None), terminal=terminal)
    for expected in ("ORD-[bold]1", "orders", "order_adds_up", "total_amount 2", "not asked"):
        assert expected in text
    assert ("\x1b" in text) == terminal


async def test_a_real_report_is_json_and_holds_no_personal_data(
    sqlite_shop: Shop, at_once: Patience
) -> None:
    await sqlite_shop.complete(order("ORD-done"))
    await PLANTINGS["shipment_equals_the_order"].plant(sqlite_shop)
    report = await audit(sqlite_shop.stores, None, patience=at_once)
    document = report.model_dump_json()
    (found,) = json.loads(document)["findings"]
    assert found["rule"] == "shipment_equals_the_order"
    assert found["figures"]["ordered"] == "2 x PROD-1"
    for text in (document, rendered(report, terminal=True)):
        assert ADDRESS not in text
        assert EMAIL not in text
