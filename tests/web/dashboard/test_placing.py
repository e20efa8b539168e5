"""Placing orders by the form in a real browser."""

from playwright.async_api import expect

from tests.web.dashboard.looking import Looker
from tests.web.dashboard.premises import Premises


async def test_sample_is_placed_as_it_stands_and_completes(
    looker: Looker, premises: Premises
) -> None:
    await looker.open("/place")
    page = looker.page
    await page.get_by_role("button", name="Place the order").click()
    await page.wait_for_url("**/orders/DEMO-none-*")
    await expect(page.get_by_text("Every effect stands")).to_be_visible()
    state = await premises.sagas.state(page.url.rpartition("/")[2])
    assert [line.product_id for line in state.items] == ["PROD-789"]
    assert (state.total_amount, state.points_to_use) == ("100.00", 10)


async def test_chosen_step_fails_and_what_was_done_is_undone(
    looker: Looker, premises: Premises
) -> None:
    await looker.open("/place")
    page = looker.page
    await page.get_by_label("Which step fails").select_option(label="Take the payment")
    await page.get_by_role("button", name="Place the order").click()
    await page.wait_for_url("**/orders/DEMO-process_payment-*")
    await expect(page.get_by_text("PAYMENT_PROCESSING_FAILED")).to_be_visible()
    await expect(page.locator("ol.lane.undo")).to_contain_text("Release the stock")
    await expect(page.get_by_text("Every effect is undone")).to_be_visible()


async def test_fields_say_what_is_wrong_with_them_and_nothing_is_placed(
    looker: Looker, premises: Premises
) -> None:
    await looker.open("/place")
    page = looker.page
    await page.get_by_label("Order id").fill("BAD-1")
    await page.get_by_label("Quantity").fill("two")
    await page.get_by_label("Price each").fill("-1")
    await page.get_by_label("Shipping address").fill("4111 1111 1111 1111")
    await page.get_by_role("button", name="Place the order").click()
    await expect(page.get_by_text("A whole number from 1 to 1,000,000")).to_be_visible()
    await expect(page.get_by_text("An amount such as 50.00")).to_be_visible()
    await expect(page.get_by_text("One line of text, and no card number")).to_be_visible()
    await expect(page.get_by_label("Quantity")).to_have_attribute("aria-invalid", "true")
    await page.set_viewport_size({"width": 390, "height": 844})
    tops = await page.locator(".item-line label").evaluate_all(
        "labels => labels.map(label => label.getBoundingClientRect().top)"
    )
    assert tops[1] == tops[2], "quantity and price are out of line"
    assert page.url.endswith("/place")
    await page.get_by_label("Quantity").fill("3")
    await page.get_by_label("Price each").fill("50")
    await page.get_by_label("Shipping address").fill("1 Main Street")
    await page.get_by_role("button", name="Place the order").click()
    await page.wait_for_url("**/orders/BAD-1")
    assert (await premises.sagas.state("BAD-1")).total_amount == "150.00"


async def test_id_of_another_order_is_refused_in_words(looker: Looker, premises: Premises) -> None:
    order_id = await premises.place()
    await looker.open("/place")
    page = looker.page
    await page.get_by_label("Order id").fill(order_id)
    await page.get_by_role("button", name="Add an item").click()
    await expect(page.get_by_label("Product")).to_have_count(2)
    await page.get_by_label("Product").last.fill("OTHER")
    await page.get_by_label("Price each").last.fill("1")
    await page.get_by_role("button", name="Place the order").click()
    await expect(page.get_by_text("belongs to another order")).to_be_visible()
    await page.get_by_role("button", name="Remove item 2").click()
    await expect(page.get_by_label("Product")).to_have_count(1)
