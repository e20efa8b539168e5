"""Choreographed orders in a real browser: placed, not decided about, and driven again."""

from playwright.async_api import expect

from client.dead_letters import redrive
from client.operators import new_request_id
from models.saga import OperatorAction, SagaKind
from tests.web.dashboard.looking import Looker
from tests.web.dashboard.premises import Premises
from tests.web.dashboard.test_acting import act, case
from web.dashboard.place_page import FAILING, STUCK

CHOREOGRAPHED = SagaKind.CHOREOGRAPHED
KIM = OperatorAction(actor="kim", reason="the cause is mended")


async def test_parked_refund_is_driven_again_and_the_order_is_undone(
    looker: Looker, premises: Premises
) -> None:
    await looker.open("/place")
    page = looker.page
    await page.get_by_label("Kind").select_option(label="Choreographed")
    await page.get_by_label("Which step fails").select_option(
        label="Refund the payment: an undo that needs a person"
    )
    await page.get_by_role("button", name="Place the order").click()
    await page.wait_for_url("**/orders/DEMO-refund_payment-*")
    order_id = page.url.rpartition("/")[2]
    await expect(page.locator(".heading")).to_contain_text("Choreographed")
    for name in ("Hold", "Cancel order"):
        await expect(page.get_by_role("button", name=name)).to_be_disabled()
    await expect(page.get_by_text("nobody can hold or cancel it")).to_be_visible()
    parked = page.locator(".notice.person")
    await expect(parked).to_contain_text("Refund the payment")
    await expect(parked).to_contain_text("Parked: the machine does not try it again by itself")
    await expect(parked.get_by_role("button")).to_have_text(["Try again"])
    await looker.open("/interventions")
    found = case(looker, order_id)
    await expect(found).to_contain_text("Parked: the machine does not try it again by itself")
    await expect(found.get_by_role("button")).to_have_text(["Try again"])
    await act(looker, found.get_by_role("button"), "소라", "the provider is back")
    await expect(found).to_have_count(0)
    await looker.open(f"/orders/{order_id}")
    await expect(page.get_by_text("Every effect is undone")).to_be_visible()
    await expect(page.locator("ol.lane.undo")).to_contain_text("Refund the payment")
    await expect(page.locator("ol.log")).to_contain_text("Try again")
    await expect(page.get_by_text("nobody can hold or cancel it")).to_be_hidden()
    state = await premises.until(order_id, "COMPENSATED")
    assert state.kind is CHOREOGRAPHED
    assert [(done.action, done.actor, done.reason) for done in state.resolutions] == [
        ("redrive", "소라", "the provider is back")
    ]
    await looker.open("/?kind=choreographed")
    await expect(looker.row(order_id)).to_contain_text("Choreographed")


async def test_every_choice_of_the_demonstration_works_for_this_kind_too(
    premises: Premises,
) -> None:
    failing = {
        step: await premises.place(f"DEMO-{step.activity}", CHOREOGRAPHED) for step in FAILING
    }
    stuck = {
        step: await premises.place(f"DEMO-{step.compensation.activity}", CHOREOGRAPHED)
        for step in STUCK
    }
    for step, order_id in failing.items():
        state = await premises.until(order_id, "COMPENSATED")
        assert state.error_message == f"{step.activity} was refused by a fault file"
    for step, order_id in stuck.items():
        [case] = (await premises.until_stuck(order_id)).interventions
        assert case.compensation == step.compensation.activity
        assert case.dead_letter is not None
        await redrive(premises.sagas.client, case.dead_letter, KIM, request_id=new_request_id())
        await premises.until(order_id, "COMPENSATED")


async def test_parked_notification_of_an_ended_order_needs_a_person(
    looker: Looker, premises: Premises
) -> None:
    order_id = await premises.place("QUIET", CHOREOGRAPHED)
    await looker.open("/interventions")
    found = case(looker, order_id)
    await expect(found).to_contain_text("Notify the customer")
    await expect(found).to_contain_text("The order has ended and does not wait for it")
    assert (await premises.sagas.state(order_id)).status == "COMPLETED"
    await looker.open("/")
    await expect(looker.page.locator(".card.calls")).to_contain_text("show them")
    await looker.open("/interventions")
    await act(looker, found.get_by_role("button", name="Try again"), "sora", "mail is back")
    await expect(found).to_have_count(0)


async def test_refusal_of_a_second_try_is_told_in_words(looker: Looker, premises: Premises) -> None:
    order_id = await premises.place("QUIET", CHOREOGRAPHED)
    await looker.open("/interventions")
    button = case(looker, order_id).get_by_role("button", name="Try again")
    await button.click()
    other = await looker.page.context.new_page()
    try:
        another = Looker(other, looker.url)
        await another.open("/interventions")
        second = case(another, order_id)
        await act(another, second.get_by_role("button", name="Try again"), "kim", "was quicker")
        await expect(second).to_have_count(0)
    finally:
        await other.close()
    dialog = looker.page.get_by_role("dialog")
    await dialog.get_by_label("Your name").fill("sora")
    await dialog.get_by_label("Reason").fill("too late")
    await dialog.locator("button[type=submit]").click()
    await expect(dialog.get_by_text("Refused (NOT_PARKED)")).to_be_visible()
    await expect(dialog.get_by_text("It is not parked, or no longer")).to_be_visible()
