"""Alerts from real workers to real targets: once, complete, and without a word of an address."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.alerts import AlertActivities, unusable_targets
from client.actions import Action
from client.observation import PendingCall, pending_calls
from client.operators import Operators, new_request_id
from client.running import saga_id
from client.sagas import Sagas
from models.calls import SendAlertInput
from models.saga import Intervention, OperatorAction, SagaState, SagaStatus
from models.steps import Step
from tests.alerts.targets import SECRET, HttpTarget, MailTarget, http_target, mail_target
from tests.starter.operating import opened_sagas, until
from tests.starter.programs import NOBODY, Starter, worker

pytestmark = [
    # Apprise loads it where Python still has it.
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
    # On the loopback interface, the password needs no TLS.
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning"),
]

FAULTS = [
    {"operation": "create_shipment", "kind": "refuse", "order_id": "*", "times": -1},
    {"operation": "refund_payment", "kind": "refuse", "order_id": "*", "times": -1},
    {"operation": "release_inventory", "kind": "refuse", "order_id": "TWO-*", "times": -1},
]
DOWN = f"json://{NOBODY}/{SECRET}"
MAIL, HOOK, UNREACHABLE, MISSING = range(4)


@dataclass(frozen=True)
class Shop:
    """Workers that alert, and whom they alert."""

    starter: Starter
    log: Path
    mail: MailTarget
    hook: HttpTarget


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Workers with three targets, one of them down; orders are placed for one target more."""
    folder = tmp_path_factory.mktemp("alerts")
    faults = folder / "faults.json"
    faults.write_text(json.dumps(FAULTS))
    with mail_target() as mail, http_target() as hook:
        urls = f"{mail.url} {hook.url} {DOWN}"
        settings = {"ORDER_SAGA_ALERT_URLS": urls, "ORDER_SAGA_LOG_LEVEL": "DEBUG"}
        with worker(folder / "home", "--faults", str(faults), **settings) as log:
            more = {"ORDER_SAGA_ALERT_URLS": f"{urls} {DOWN}"}
            yield Shop(Starter(folder / "home", more), log, mail, hook)


@pytest.fixture
async def sagas(shop: Shop) -> AsyncIterator[Sagas]:
    async with opened_sagas(shop.starter) as sagas:
        yield sagas


def place(shop: Shop, order_id: str) -> str:
    document = {
        "order_id": order_id,
        "customer_id": "CUST-456",
        "items": [{"product_id": "PROD-789", "quantity": 1, "price": 50.0}],
        "payment_method": "credit_card",
        "shipping_address": "서울특별시 중구 세종대로 110",
    }
    outcome = shop.starter.place(document, "--detach", "--json")
    assert outcome.exit_code == 0, outcome.stderr
    return order_id


async def settle(sagas: Sagas, order_id: str) -> SagaState:
    """Resolve every intervention; the state in which the order ends."""
    for case in (await sagas.state(order_id)).interventions:
        by = OperatorAction(actor="kim", reason="done by hand", step=case.step)
        for action in (Action.CLAIM, Action.RESOLVE):
            await Operators(sagas).act(action, order_id, by, request_id=new_request_id())
    return await until(sagas, order_id, lambda state: state.status.ended)


async def alert_that_fails(sagas: Sagas, order_id: str, target: int) -> PendingCall:
    """The call for this target, once it is tried again."""
    handle = sagas.client.get_workflow_handle(saga_id(order_id))
    async with asyncio.timeout(30):
        while True:
            for call in pending_calls(await handle.describe()):
                if (call.last_error or "").startswith(f"alert target {target} "):
                    return call
            await asyncio.sleep(0.1)


async def test_each_target_is_told_once_of_each_intervention(shop: Shop, sagas: Sagas) -> None:
    order_id = place(shop, "TWO-주문-1")
    calls = {"PAYMENT_PROCESSED": "refund_payment", "INVENTORY_RESERVED": "release_inventory"}
    told = shop.mail.alerts_of(order_id, 2), shop.hook.alerts_of(order_id, 2)
    for alerts in told:
        for step, call in calls.items():
            [alert] = [alert for alert in alerts if f"step: {step}" in alert]
            lines = alert.splitlines()
            assert lines[0] == f"Order {order_id} needs a person: {call}"
            assert f"error: {call} was refused by a fault file" in lines
            assert "attempts: 1 or more" in lines
            assert f"since: {datetime.now(UTC):%Y-%m-%d} " in alert
            for verb in ("retry", "claim", "resolve", "abandon"):
                command = f"python starter.py {verb} {order_id} {step} --by NAME --reason WHY"
                assert f"  {command}" in lines
    await until(sagas, order_id, lambda state: all(case.alerted for case in state.interventions))
    assert (await settle(sagas, order_id)).status is SagaStatus.COMPENSATED
    assert len(shop.mail.alerts_of(order_id)) == len(shop.hook.alerts_of(order_id)) == 2


async def test_target_that_answers_500_is_told_again_and_the_others_are_not(
    shop: Shop, sagas: Sagas
) -> None:
    shop.hook.refuses = lambda alert: "FLAKY" in alert and shop.hook.refused < 2
    order_id = place(shop, "FLAKY-1")
    failing = await alert_that_fails(sagas, order_id, HOOK)
    assert failing.last_error == f"alert target {HOOK} did not take the alert: HTTP status 500"
    assert len(shop.hook.alerts_of(order_id)) == 1
    assert shop.hook.refused == 2
    assert len(shop.mail.alerts_of(order_id)) == 1
    await settle(sagas, order_id)


async def test_mail_that_is_put_off_is_sent_again(shop: Shop, sagas: Sagas) -> None:
    shop.mail.refuses = lambda alert: "BUSY" in alert and shop.mail.refused < 1
    order_id = place(shop, "BUSY-1")
    assert len(shop.mail.alerts_of(order_id)) == 1
    assert shop.mail.refused == 1
    await settle(sagas, order_id)


async def test_target_that_is_down_does_not_hold_up_the_undo(shop: Shop, sagas: Sagas) -> None:
    order_id = place(shop, "DOWN-1")
    failing = await alert_that_fails(sagas, order_id, UNREACHABLE)
    assert failing.last_error == f"alert target {UNREACHABLE} did not take the alert"
    missing = await alert_that_fails(sagas, order_id, MISSING)
    assert missing.last_error == f"alert target {MISSING} is not set on this worker"
    # Its turn comes after the refund, and the refund's alert is still being tried.
    await until(sagas, order_id, lambda state: Step.INVENTORY_RESERVED in state.compensated_steps)
    ended = await settle(sagas, order_id)
    assert ended.status is SagaStatus.COMPENSATED


async def test_no_address_is_in_a_log_a_history_or_an_error(shop: Shop, sagas: Sagas) -> None:
    order_id = place(shop, "SECRET-1")
    shop.mail.alerts_of(order_id)
    shop.hook.alerts_of(order_id)
    await alert_that_fails(sagas, order_id, UNREACHABLE)
    handle = sagas.client.get_workflow_handle(saga_id(order_id))
    description = str((await handle.describe()).raw_description)
    assert "did not take the alert" in description
    assert SECRET not in description
    await settle(sagas, order_id)
    history = (await handle.fetch_history()).to_json()
    assert "send_alert" in history
    assert SECRET not in history
    assert SECRET not in shop.starter.run("show", order_id, "--json").stdout
    log = shop.log.read_text()
    assert f"alert target {UNREACHABLE} did not take the alert" in log
    assert SECRET not in log


CALL = SendAlertInput(
    target=0,
    order_id="ORD-1",
    intervention=Intervention(
        step=Step.ORDER_COMPLETED,
        compensation="complete_order",
        since=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        attempts=6,
        last_error="데이터베이스가 응답하지 않음",
    ),
)


async def failure_of(address: str) -> str:
    """What an alert to this address fails with."""
    activities = AlertActivities([SecretStr(address)])
    with pytest.raises(ApplicationError) as failure:
        await ActivityEnvironment().run(activities.send_alert, CALL)
    assert failure.value.__cause__ is None
    assert failure.value.__suppress_context__ or failure.value.__context__ is None
    return failure.value.message


@pytest.mark.parametrize(
    "address",
    [
        f"nonsense://{SECRET}",
        f"slack://{SECRET}",
        f"http://example.com/{SECRET}",
        f"json://[::1/{SECRET}",
        f"mailto://ops:{SECRET}%",
    ],
)
async def test_address_of_no_use_is_said_to_be_so(address: str) -> None:
    message = await failure_of(address)
    assert message == (
        "alert target 0 has an address that Apprise cannot use: mend ORDER_SAGA_ALERT_URLS"
    )
    assert unusable_targets([SecretStr(DOWN), SecretStr(address)]) == [1]


@pytest.mark.long
async def test_slow_target_is_given_up_before_the_call_is() -> None:
    with http_target() as slow:
        slow.slowness = 5.5
        message = await failure_of(slow.url + "?rto=10")
    assert message == "alert target 0 did not take the alert within 4.5 s"


async def test_alert_of_the_pivot_offers_no_more_than_can_be_done() -> None:
    with http_target() as hook:
        await ActivityEnvironment().run(AlertActivities([SecretStr(hook.url)]).send_alert, CALL)
        [alert] = hook.alerts_of("ORD-1")
    assert "error: 데이터베이스가 응답하지 않음" in alert
    assert "python starter.py retry ORD-1 ORDER_COMPLETED --by NAME --reason WHY" in alert
    assert "claim" not in alert
