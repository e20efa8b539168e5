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


async def expect_all_of_the_bar(visitor: Looker, width: int) -> None:
    """Nothing of the bar is cut off on a screen of this width."""
    page = visitor.page
    usual = page.viewport_size
    assert usual is not None
    await page.set_viewport_size({"width": width, "height": 844})
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
    cut_off = """() => [...document.querySelectorAll(".switch, .switch > *, .who > *")]
      .filter((e) => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== "inline")
      .map((e) => e.outerHTML)"""
    assert await page.evaluate(cut_off) == []
    await page.set_viewport_size(usual)


async def test_viewer_looks_and_cannot_act(visitor: Looker, premises: Premises) -> None:
    order_id = await premises.place("STUCK")
    await premises.until_stuck(order_id)
    await sign_in(visitor, "viewer")
    await expect(visitor.page.get_by_text("Signed in as viewer-kim (viewer)")).to_be_visible()
    await expect_all_of_the_bar(visitor, 390)
    await visitor.open(f"/orders/{order_id}")
    for name in ("Claim", "Try again", "Resolve", "Abandon", "Cancel order", "Hold"):
        await expect(visitor.page.get_by_role("button", name=name)).to_be_disabled()
    await visitor.open("/interventions")
    notice = await visitor.page.locator(".notice.held").bounding_box()
    first = await visitor.page.locator(".case").first.bounding_box()
    assert notice is not None
    assert first is not None
    assert notice["y"] + notice["height"] + 8 < first["y"]
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


async def test_page_that_stayed_open_cannot_act_after_its_session_and_leaves(
    visitor: Looker, premises: Premises
) -> None:
    order_id = await premises.place("STUCK")
    await premises.until_stuck(order_id)
    await sign_in(visitor, "operator")
    await visitor.open(f"/orders/{order_id}")
    page = visitor.page
    await page.get_by_role("button", name="Claim").click()
    await page.get_by_role("dialog").get_by_label("Reason").fill("still here")
    await page.get_by_role("dialog").get_by_label("Reason").blur()
    await page.evaluate(
        """async () => {
          await fetch("/sign-out", { method: "POST", redirect: "manual" });
          document.querySelector("[role=dialog] form").requestSubmit();
        }"""
    )
    await page.wait_for_url(f"**/sign-in?next=/orders/{order_id}")
    assert (await premises.sagas.state(order_id)).resolutions == []


async def test_page_is_told_nothing_after_its_session_and_leads_back_to_what_it_showed(
    visitor: Looker, premises: Premises
) -> None:
    visitor.forgiven = ("ERR_INTERNET_DISCONNECTED", "WebSocket connection")
    await sign_in(visitor, "viewer")
    await visitor.open("/?order_id=GONE-&range=7d")
    page = visitor.page
    await page.wait_for_load_state("networkidle")  # the charts' library comes last
    await page.context.set_offline(True)
    await page.evaluate("window.socket.io.engine.close()")
    await expect(page.locator(".pulse")).to_have_text("Not up to date")
    await page.context.request.post(f"{visitor.url}/sign-out", max_redirects=0)
    await page.context.set_offline(False)
    await page.wait_for_url("**/sign-in?next=**")
    await page.get_by_label("Access token").fill(TOKENS["viewer"])
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url("**/?order_id=GONE-&range=7d")
    await expect(page.get_by_label("Order id begins with")).to_have_value("GONE-")
