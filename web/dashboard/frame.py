"""What every page has around its content: the bar with the pages, the language, and the banner."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from nicegui import app, ui
from nicegui.element import Element

from client.views import Figures, Range
from web.dashboard.live import Snapshot
from web.dashboard.parts import Moment, Text, box, link
from web.dashboard.subjects import Subjects
from web.dashboard.texts import LANGUAGE_COOKIE, Language, Texts
from web.dashboard.visit import Visit
from web.dashboard.waiting import people_needed, with_temporals_part

STATIC = Path(__file__).with_name("static")
STYLES = ("dashboard.css", "orders.css", "details.css")
STATIC_PATH = "/static"
QUASAR_LANGUAGES: dict[Language, Literal["en-US", "ko-KR"]] = {
    Language.ENGLISH: "en-US",
    Language.KOREAN: "ko-KR",
}
PAGES = {"orders": "/", "interventions": "/interventions", "place": "/place"}
SESSION_SECONDS = 5.0
"""Between two looks whether the session of an open page still lasts."""
_A_YEAR = 365 * 24 * 3600


def serve_static() -> None:
    """Serve the styles; their addresses change with their content, so browsers may keep them."""
    app.add_static_files(STATIC_PATH, STATIC, max_cache_age=_A_YEAR)


def _style_links() -> str:
    return "".join(
        f'<link rel="stylesheet" href="{STATIC_PATH}/{name}?{_fingerprint(STATIC / name)}">'
        for name in STYLES
    )


def _fingerprint(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()[:12]


class Pulse(Element, component="static/pulse.js"):
    """Whether the page is up to date: as the server knows it, and the browser."""

    def __init__(self, words: Texts) -> None:
        super().__init__()
        self.props["stale"] = False
        self.props["texts"] = {"live": words("frame.live"), "stale": words("frame.stale")}

    def show(self, stale: bool) -> None:
        """Say that it is not, or that it is again."""
        self.props["stale"] = stale


@dataclass(frozen=True)
class _Trouble:
    """Why a part of the page is not up to date."""

    code: str
    since: datetime | None
    """When it was read last; None where it never was."""


class Frame:
    """The parts of the frame that change while the page is open."""

    def __init__(self, visit: Visit) -> None:
        self._words = visit.words
        self.count = Text("span", "", "count")
        self.pulse = Pulse(visit.words)
        self.banner = box("div", "banner", role="status")
        self._troubles: dict[str, _Trouble] = {}
        self._told: _Trouble | None = None

    def show_count(self, orders: int | None) -> None:
        """How many orders need a person; None when nobody can tell."""
        known = orders is not None
        self.count.set_text(str(orders) if known else "?")
        self.count.props["title"] = "" if known else self._words("figures.person_unknown")
        self.count.set_visibility(orders != 0)

    def show_problem(self, snapshot: Snapshot[Any], part: str = "page") -> None:
        """Say that this part of the page is not up to date, or that it is again."""
        if snapshot.problem is None:
            self._troubles.pop(part, None)
        else:
            self._troubles[part] = _Trouble(snapshot.problem, snapshot.read_at)
        # That of which is known since when tells most.
        trouble = max(
            self._troubles.values(), key=lambda each: each.since is not None, default=None
        )
        if trouble != self._told:
            self._told = trouble
            self._tell(trouble)

    def _tell(self, trouble: _Trouble | None) -> None:
        self.pulse.show(trouble is not None)
        self.banner.clear()
        self.banner.set_visibility(trouble is not None)
        if trouble is None:
            return
        words, reason = self._words, self._words.named("problem", trouble.code)
        with self.banner:
            ui.icon("sync_problem")
            if trouble.since is None:
                Text("span", words("frame.down_at_first", reason=reason))
            else:
                Moment(trouble.since, words.with_moment("frame.down", reason=reason))


@contextmanager
def framed(visit: Visit, title: str, current: str) -> Iterator[Frame]:
    """The frame of a page; its content goes into the block."""
    words = visit.words
    _speak(visit)
    ui.add_head_html(_style_links())
    ui.page_title(f"{title} · {words('frame.product')}")
    with box("div", "top") as top:
        link(words("frame.skip"), "#content", "skip")
        with box("header", "bar"), box("div", "bar-inner"):
            with link("", "/", "brand"):
                ui.icon("account_tree")
                Text("span", words("frame.product"))
            with box("nav", "pages", aria_label=words("frame.pages")):
                places = {name: _page_link(visit, name, current) for name in PAGES}
            with box("div", "tools"):
                tools = box("span")
                _language_switch(visit)
                _who(visit)
        frame = Frame(visit)
    top.move(visit.client.layout, 0)  # beside the framework's own <main>, not in it
    frame.count.move(places["interventions"])
    frame.pulse.move(tools)
    frame.banner.set_visibility(False)
    frame.show_count(0)
    with box("div", "content", id="content", tabindex="-1"):
        yield frame
    if visit.context.access.required:
        ui.timer(SESSION_SECONDS, visit.known)


def watch_count(visit: Visit, frame: Frame, subjects: Subjects) -> None:
    """Keep the number beside "needs a person" true, on pages that show no figures."""

    def show(snapshot: Snapshot[Figures]) -> None:
        frame.show_problem(with_temporals_part(snapshot), "count")
        frame.show_count(None if snapshot.value is None else people_needed(snapshot.value))

    visit.watch(subjects.figures(Range.HOUR), show)


def build_not_found(visit: Visit) -> None:
    """The page for an address that has none."""
    title = visit.words("frame.not_found")
    with framed(visit, title, ""), box("div", "panel nothing"):
        Text("h1", title)
        link(visit.words("frame.back_home"), "/")


def _speak(visit: Visit) -> None:
    """Let the page's `lang`, and the framework's own texts, be in the visit's language."""
    page = copy.copy(visit.client.page)  # the original is shared by all visits of the page
    page.language = QUASAR_LANGUAGES[visit.words.language]
    visit.client.page = page


def _page_link(visit: Visit, name: str, current: str) -> Text:
    with link("", PAGES[name]) as element:
        Text("span", visit.words(f"frame.{name}"))
    if name == current:
        element.props["aria-current"] = "page"
    return element


def _language_switch(visit: Visit) -> None:
    with box("span", "switch", role="group", aria_label=visit.words("frame.language")):
        for language in Language:
            choice = Text("button", language.own_name)
            choice.props["type"] = "button"
            choice.props["lang"] = language.value
            choice.props["aria-pressed"] = str(language is visit.words.language).lower()
            cookie = f"{LANGUAGE_COOKIE}={language}; path=/; max-age={_A_YEAR}; samesite=strict"
            choice.on(
                "click", js_handler=f"() => {{ document.cookie = '{cookie}'; location.reload(); }}"
            )


def _who(visit: Visit) -> None:
    if visit.person.name is None:
        return
    words = visit.words
    with box("form", "who", method="post", action="/sign-out"):
        role = words.named("role", visit.person.role)
        Text("span", words("frame.signed_in", name=visit.person.name, role=role))
        Text("button", words("frame.sign_out"), "button quiet").props["type"] = "submit"
