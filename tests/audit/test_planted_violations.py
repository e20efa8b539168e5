"""Every rule finds what is planted against it, and no rule is without a planting."""

from collections import Counter
from datetime import timedelta

import pytest

from audit.auditor import RULES, audit
from audit.patience import Patience
from models.steps import COMPENSATABLE
from tests.audit.plantings import DONE, OPEN, PLANTINGS, UNDONE
from tests.audit.shop import Shop
from tests.audit.test_workflows import PLANTED_IN_TEMPORAL
from tests.databases import Stores
from tests.services.orders import OTHER_PRODUCT, line, order

AT_ONCE = Patience(settle=timedelta(0))
SERVICES = {rule.name: rule.service for rule in RULES}


@pytest.fixture
async def filled_shop(stores: Stores) -> Shop:
    """A shop with a completed, an undone and an open order."""
    shop = await Shop.opened(stores)
    await shop.complete(order(DONE, line(quantity=2), line(OTHER_PRODUCT)))
    await shop.compensate(order(UNDONE), len(COMPENSATABLE))
    await shop.forward(order(OPEN), len(COMPENSATABLE))
    return shop


@pytest.mark.parametrize("rule", PLANTINGS)
async def test_a_planted_violation_is_found(filled_shop: Shop, rule: str) -> None:
    assert (await audit(filled_shop.stores, None, patience=AT_ONCE)).findings == ()
    planting = PLANTINGS[rule]
    await planting.plant(filled_shop)
    report = await audit(filled_shop.stores, None, patience=AT_ONCE)
    found = [finding for finding in report.findings if finding.rule == rule]
    assert [finding.order_id for finding in found] == [planting.order_id] * len(found)
    assert found, f"found instead: {report.findings_by_rule}"
    assert {finding.service for finding in found} == {SERVICES[rule]}
    assert all(finding.figures and finding.says for finding in found)


def test_every_rule_has_a_planting() -> None:
    assert {rule.name for rule in RULES} == set(PLANTINGS) | PLANTED_IN_TEMPORAL


def test_every_rule_has_a_name_of_its_own_and_says_what_to_do() -> None:
    names = Counter(rule.name for rule in RULES)
    assert max(names.values()) == 1
    for rule in RULES:
        assert rule.demand.endswith("."), rule.name
        assert "To do: " in rule.text, rule.name
