"""Acting on orders in a real browser: with name and reason, and answered in words."""

from playwright.async_api import Locator, expect

from client.actions import Action
from client.operators import Operators, new_request_id
from models.saga import OperatorAction
from models.steps import Step
from tests.web.dashboard.looking import Looker
from tests.web.dashboard.premises import Premises

SCRIPT = "<script>window.broken = true</script><img src=x onerror='window.broken = true'>"


async def act(looker: Looker, button: Locator, name: str, reason: str) -> None:
    """Fill the dialog in that the button opens, and send it."""
    await button.click()
    dialog = looker.page.get_by_role("dialog")
    await dialog.get_by_label("Your name").fill(name)
    await dialog.get_by_label("Reason").fill(reason)
    await dialog.locator("button[type=submit]").click()


def case(looker: Looker, order_id: str) -> Locator:
    return looker.page.locator(f'.case[data-order="{order_id}"]')


async def test_intervention_is_claimed_and_resolved(looker: Looker, premises: Premises) -> None:
    order_id = await premises.place("STUCK")
    await looker.open("/interventions")
    found = case(looker, order_id)
    await expect(found).to_contain_text("Release the stock")
    await expect(found).to_contain_text("the machine does not try it again")
    await expect(found.get_by_role("button", name="Resolve")).to_be_disabled()
    await expect(found.get_by_text("Resolve, Abandon: Claim it first")).to_be_visible()
    resolve = found.get_by_role("button", name="Resolve")
    await expect(resolve).to_have_accessible_description("Resolve, Abandon: Claim it first")
    await act(looker, found.get_by_role("button", name="Claim"), "소라", "전화로 확인")
    await expect(looker.page.locator(".q-notification")).to_contain_text("Done: Claim")
    assert await looker.faint_texts() == []
    await expect(found).to_contain_text("Claimed by 소라")
    await expect(found.get_by_role("button", name="Claim")).to_be_disabled()
    await act(looker, found.get_by_role("button", name="Resolve"), "소라", "put back by hand")
    await expect(found).to_have_count(0)
    state = await premises.until(order_id, "COMPENSATED")
    assert [(done.action, done.actor, done.reason) for done in state.resolutions] == [
        ("claim", "소라", "전화로 확인"),
        ("resolve", "소라", "put back by hand"),
    ]


async def test_count_of_what_needs_a_person_is_on_every_page(
    looker: Looker, premises: Premises
) -> None:
    order_id = await premises.place("STUCK")
    await looker.open("/place")
    await expect(looker.page.locator(".pages .count")).to_be_visible()
    await looker.open("/?needs_operator=true")
    await expect(looker.row(order_id)).to_contain_text("Needs a person")
    await expect(looker.page.get_by_label("Needs a person")).to_be_checked()


async def test_refusal_is_told_in_words_and_the_dialog_stays(
    looker: Looker, premises: Premises
) -> None:
    order_id = await premises.place("STUCK")
    await premises.until_stuck(order_id)
    await looker.open(f"/orders/{order_id}")
    page = looker.page
    await page.get_by_role("button", name="Claim").click()
    by = OperatorAction(actor="kim", reason="was quicker", step=Step.INVENTORY_RESERVED)
    await Operators(premises.sagas).act(Action.CLAIM, order_id, by, request_id=new_request_id())
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Your name").fill("sora")
    await dialog.get_by_label("Reason").fill("too late")
    await dialog.locator("button[type=submit]").click()
    await expect(dialog.get_by_text("Refused (ALREADY_CLAIMED)")).to_be_visible()
    await expect(dialog.get_by_text("Somebody has claimed it already")).to_be_visible()
    await expect(dialog.locator("button[type=submit]")).to_be_enabled()


async def test_name_and_reason_are_asked_for(looker: Looker, premises: Premises) -> None:
    order_id = await premises.place("STUCK")
    await premises.until_stuck(order_id)
    await looker.open(f"/orders/{order_id}")
    box = looker.page.locator(".notice.person")
    await expect(box).to_contain_text("since")
    await expect(box).to_contain_text("Attempts: 1")
    await act(looker, looker.page.get_by_role("button", name="Claim"), " ", "4111 1111 1111 1111")
    dialog = looker.page.get_by_role("dialog")
    await expect(dialog.get_by_text("Please fill this in")).to_be_visible()
    await expect(dialog.get_by_text("and no card number")).to_be_visible()
    await expect(dialog.get_by_label("Reason")).to_have_attribute("aria-invalid", "true")
    assert await looker.faint_texts() == []
    assert (await premises.sagas.state(order_id)).resolutions == []


async def test_order_is_held_and_resumed_and_cancelled(looker: Looker, premises: Premises) -> None:
    order_id = await premises.place("OPEN")
    await looker.open(f"/orders/{order_id}")
    page = looker.page
    await act(looker, page.get_by_role("button", name="Hold"), "sora", "address to be checked")
    await expect(page.get_by_text("address to be checked").first).to_be_visible()
    await expect(page.get_by_text("by sora")).to_be_visible()
    await act(looker, page.get_by_role("button", name="Cancel order"), "sora", "customer called")
    await expect(page.get_by_text("ORDER_CANCELLED")).to_be_visible()
    await expect(page.get_by_text("Every effect is undone")).to_be_visible()
    await expect(page.get_by_role("button", name="Cancel order")).to_have_count(0)


async def test_markup_in_texts_is_shown_as_text(looker: Looker, premises: Premises) -> None:
    order_id = await premises.place("OPEN")
    await looker.open(f"/orders/{order_id}")
    page = looker.page
    await act(looker, page.get_by_role("button", name="Cancel order"), f"<b>{SCRIPT}"[:100], SCRIPT)
    await expect(page.get_by_text("Every effect is undone")).to_be_visible()
    await expect(page.locator(".log")).to_contain_text(SCRIPT)
    await expect(page.locator(".notice.error")).to_contain_text(SCRIPT)
    await looker.open(f"/orders/{order_id}")
    await expect(page.locator(".log")).to_contain_text(SCRIPT)
    await expect(page.locator(".notice.error")).to_contain_text(SCRIPT)
    assert await page.evaluate("window.broken") is None
    assert await page.locator("img").count() == 0


async def test_dialog_is_left_by_the_keyboard_and_gives_the_focus_back(
    looker: Looker, premises: Premises
) -> None:
    order_id = await premises.place("STUCK")
    await premises.until_stuck(order_id)
    await looker.open(f"/orders/{order_id}")
    button = looker.page.get_by_role("button", name="Claim")
    await button.focus()
    await looker.page.keyboard.press("Enter")
    dialog = looker.page.get_by_role("dialog")
    await expect(dialog.get_by_label("Your name")).to_be_focused()
    await looker.page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    await expect(button).to_be_focused()
