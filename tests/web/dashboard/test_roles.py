"""Who sees what where tokens are set: a viewer only looks, customer service cancels."""

import json
from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import Browser, expect

from tests.web.dashboard.looking import Looker
from tests.web.dashboard.premises import Premises, Web, serving

TOKENS = {
    "viewer": "viewer-token-0123456789abcdef",
    "customer-service": "service-token-0123456789abcde",
    "operator": "operator-token-0123456789abcd",
}


@pytest.fixture(scope="module")
def guarded(premises: Premises) -> Iterator[Web]:
    tokens = [
        {"token": token, "role": role, "name": f"{role}-kim"} for role, token in TOKENS.items()
    ]
    with serving(premises.home, ORDER_SAGA_API_TOKENS=json.dumps(tokens)) as web:
        yield web


@pytest.fixture
async def visitor(browser: Browser, guarded: Web) -> AsyncIterator[Looker]:
    async with Looker.at(browser, guarded.url) as looker:
        yield looker
        assert looker.trouble == []
        text = await looker.page.content()
        assert not any(token in text for token in TOKENS.values())


async def sign_in(visitor: Looker, role: str) -> None:
    await visitor.page.goto(f"{visitor.url}/")
    await visitor.page.wait_for_url("**/sign-in*")
    await visitor.page.get_by_label("Access token").fill(TOKENS[role])
    await visitor.page.get_by_role("button", name="Sign in").click()
    await visitor.page.wait_for_function("window.did_handshake === true")


async def test_viewer_looks_and_cannot_act(visitor: Looker, premises: Premises) -> None:
    order_id = await premises.place("STUCK")
    await premises.until_stuck(order_id)
    await sign_in(visitor, "viewer")
    await expect(visitor.page.get_by_text("Signed in as viewer-kim (viewer)")).to_be_visible()
    await visitor.open(f"/orders/{order_id}")
    for name in ("Claim", "Try again", "Resolve", "Abandon", "Cancel order", "Hold"):
        await expect(visitor.page.get_by_role("button", name=name)).to_be_disabled()
    await visitor.open("/interventions")
    await expect(visitor.page.get_by_text("You can look, but not act")).to_be_visible()
    await visitor.open("/place")
    await expect(visitor.page.get_by_role("button", name="Place the order")).to_be_disabled()


async def test_customer_service_cancels_under_the_name_of_its_token(
    visitor: Looker, premises: Premises
) -> None:
    order_id = await premises.place("OPEN")
    await sign_in(visitor, "customer-service")
    await visitor.open(f"/orders/{order_id}")
    page = visitor.page
    await expect(page.get_by_role("button", name="Hold")).to_be_disabled()
    await page.get_by_role("button", name="Cancel order").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_label("Your name")).to_have_count(0)
    await dialog.get_by_label("Reason").fill("customer called")
    await dialog.locator("button[type=submit]").click()
    state = await premises.until(order_id, "COMPENSATED")
    assert state.resolutions[0].actor == "customer-service-kim"


async def test_page_that_stayed_open_cannot_act_after_its_session_has_ended(
    visitor: Looker, premises: Premises
) -> None:
    order_id = await premises.place("STUCK")
    await premises.until_stuck(order_id)
    await sign_in(visitor, "operator")
    await visitor.open(f"/orders/{order_id}")
    page = visitor.page
    await page.get_by_role("button", name="Claim").click()
    other = await page.context.new_page()
    await other.goto(f"{visitor.url}/")
    await other.get_by_role("button", name="Sign out").click()
    await other.wait_for_url("**/sign-in*")
    await page.get_by_role("dialog").get_by_label("Reason").fill("still here")
    await page.get_by_role("dialog").locator("button[type=submit]").click()
    await expect(page.get_by_role("dialog").get_by_text("It could not be done")).to_be_visible()
    assert (await premises.sagas.state(order_id)).resolutions == []
