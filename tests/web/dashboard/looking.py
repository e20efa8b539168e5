"""Somebody at a browser: opens pages, and notes every error, and every request to elsewhere."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import (
    Browser,
    ConsoleMessage,
    Error,
    Page,
    Request,
    expect,
)

PATIENCE = 15_000
"""Milliseconds that something may take to appear on a busy machine."""

expect.set_options(timeout=PATIENCE)

LEAST_CONTRAST = 4.5
"""WCAG 2.2, level AA, for text of usual size."""
# The contrast of every text that is seen, with the colour behind it; what is disabled is exempt.
CONTRASTS = """
() => {
  const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const SEEN = ["#content", ".top", ".q-notification", ".q-dialog"].map((e) => `${e} *`).join();
  const found = [];
  for (const element of document.querySelectorAll(SEEN)) {
    const text = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!text || !element.checkVisibility() || element.closest(":disabled, svg, .q-icon")) continue;
    const a = luminance(parse(getComputedStyle(element).color)), b = luminance(behind(element));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    found.push([ratio, element.className, element.textContent.slice(0, 40)]);
  }
  return found;
}
"""


@dataclass
class Looker:
    """One page of one browser context."""

    page: Page
    url: str
    trouble: list[str] = field(default_factory=list)
    """Errors on the console, exceptions, and requests to other hosts."""
    forgiven: tuple[str, ...] = ()
    """Parts of messages that a test brings about itself."""

    @classmethod
    @contextlib.asynccontextmanager
    async def at(cls, browser: Browser, url: str, **options: Any) -> AsyncIterator["Looker"]:
        """A new browser context, as of a person who has never been here."""
        settings: dict[str, Any] = {"locale": "en-GB", "viewport": {"width": 1440, "height": 900}}
        context = await browser.new_context(**settings | options)
        context.set_default_timeout(PATIENCE)
        looker = cls(await context.new_page(), url)
        looker.page.on("console", looker._heard)
        looker.page.on("pageerror", looker._broke)
        looker.page.on("request", looker._asked)
        try:
            yield looker
        finally:
            await context.close()

    async def open(self, path: str) -> None:
        """Open a page and wait until it is alive."""
        await self.page.goto(f"{self.url}{path}")
        await self.page.wait_for_function("window.did_handshake === true")

    async def faint_texts(self, at_least: int = 1) -> list[Any]:
        """The texts on the screen that do not stand out enough; there must be some texts."""
        contrasts = await self.page.evaluate(CONTRASTS)
        assert len(contrasts) >= at_least
        return [found for found in contrasts if found[0] < LEAST_CONTRAST]

    def row(self, order_id: str) -> Any:
        """The order's row in the list."""
        return self.page.locator(f'tr[data-order="{order_id}"]')

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._note(f"console {message.type}: {message.text}")

    def _broke(self, error: Error) -> None:
        self._note(f"exception: {error}")

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self.url, self.url.replace("http", "ws", 1), "data:")):
            self._note(f"request to {request.url}")

    def _note(self, what: str) -> None:
        if not any(part in what for part in self.forgiven):
            self.trouble.append(what)
