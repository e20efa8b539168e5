"""How the pages look: at every width, in both languages, for the keyboard and for weak eyes."""

from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.web.dashboard.looking import Looker
from tests.web.dashboard.premises import Premises

UNNAMED = """
() => [...document.querySelectorAll("#content :is(input, select, button, a), .top :is(button, a)")]
  .filter((e) => e.checkVisibility())
  .filter((e) => !(e.labels?.length || e.getAttribute("aria-label") || e.textContent.trim()))
  .map((e) => e.outerHTML)
"""
PATHS = ("/", "/interventions", "/place", "/orders/{}")


@pytest.fixture(scope="module")
async def stuck(premises: Premises) -> str:
    """An order whose page has everything: an undo, an error, something that needs a person."""
    order_id = await premises.place("STUCK")
    await premises.until_stuck(order_id)
    return order_id


@pytest.mark.parametrize("width", [390, 1200])
async def test_nothing_is_wider_than_the_screen(
    browser: Browser, premises: Premises, stuck: str, width: int
) -> None:
    options: dict[str, Any] = {"viewport": {"width": width, "height": 844}, "locale": "ko-KR"}
    async with Looker.at(browser, premises.web.url, **options) as looker:
        for path in PATHS:
            await looker.open(path.format(stuck))
            wide = await looker.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, path
        lines = await looker.page.locator(".run .code").evaluate_all(
            "codes => codes.map(code => code.clientHeight)"
        )
        assert max(lines) < 2 * min(lines), "a service's name is apart from its operation's"
        assert looker.trouble == []


async def test_every_text_stands_out_and_every_control_has_a_name(
    looker: Looker, stuck: str
) -> None:
    for path in PATHS:
        await looker.open(path.format(stuck))
        assert await looker.faint_texts(at_least=20) == [], path
        assert await looker.page.evaluate(UNNAMED) == [], path


async def test_keyboard_reaches_every_control_and_shows_where_it_is(
    looker: Looker, stuck: str
) -> None:
    await looker.open(f"/orders/{stuck}")
    page = looker.page
    reached = set()
    for _ in range(20):
        await page.keyboard.press("Tab")
        name, outline = await page.evaluate(
            "[document.activeElement.textContent.trim(), "
            "getComputedStyle(document.activeElement).outlineWidth]"
        )
        if not name:
            break
        reached.add(name)
        assert outline == "3px", name
    assert {"Skip to the content", "Place an order", "한국어", "Claim", "Try again"} <= reached


async def test_language_is_the_browsers_and_can_be_switched_for_good(
    browser: Browser, premises: Premises, stuck: str
) -> None:
    async with Looker.at(browser, premises.web.url, locale="ko-KR") as looker:
        await looker.open(f"/orders/{stuck}")
        page = looker.page
        html = page.locator("html")
        await expect(html).to_have_attribute("lang", "ko-KR")
        await expect(page.get_by_text("실행된 단계를 되돌리고 있습니다")).to_be_visible()
        await page.get_by_role("button", name="English").click()
        await expect(html).to_have_attribute("lang", "en-US")
        await expect(page.get_by_text("Its steps are being undone")).to_be_visible()
        await looker.open("/interventions")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Needs a person")
        assert looker.trouble == []


async def test_times_are_those_of_the_viewers_zone(
    browser: Browser, premises: Premises, stuck: str
) -> None:
    state = await premises.sagas.state(stuck)
    for zone, hours in (("Asia/Seoul", 9), ("UTC", 0)):
        async with Looker.at(browser, premises.web.url, timezone_id=zone) as looker:
            await looker.open(f"/?order_id={stuck}")
            shown = await looker.row(stuck).locator("time").last.inner_text()
            hour = (state.created_at.hour + hours) % 24
            assert f"{hour:02}:{state.created_at:%M:%S}" in shown


async def test_address_without_a_page_says_so(looker: Looker) -> None:
    looker.forgiven = ("status of 404",)
    await looker.open("/nowhere")
    await expect(looker.page.get_by_text("There is no such page")).to_be_visible()
    await looker.page.get_by_role("link", name="To the orders").click()
    await expect(looker.page.get_by_role("heading", name="All orders")).to_be_visible()
