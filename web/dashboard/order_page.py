"""The page `/orders/{order_id}`: one order, its steps over time, and what can be done to it."""

from nicegui import ui

from client.actions import Action
from client.views import OrderDetails, StepRun
from models.saga import Hold, Intervention, SagaKind, SagaState, SagaStatus
from models.steps import ErrorCode
from web.dashboard.actions import ActionDialog, Wish, order_obstacle
from web.dashboard.facts import build_facts, build_items, build_resolutions
from web.dashboard.frame import framed, watch_count
from web.dashboard.live import Snapshot
from web.dashboard.parts import Moment, Text, box, link, meter, status_badge
from web.dashboard.section import Section
from web.dashboard.subjects import Subjects
from web.dashboard.timeline import build_timeline
from web.dashboard.visit import Visit


class OrderPage:
    """The page and what it watches."""

    def __init__(self, visit: Visit, subjects: Subjects, order_id: str) -> None:
        self._visit = visit
        self._words = visit.words
        self._subjects = subjects
        self._order_id = order_id

    async def build(self) -> None:
        """Make the page, with what there is to see at first."""
        subject = self._subjects.details(self._order_id)
        snapshot = await self._visit.live.glance(subject)
        title = self._words("order.title", order_id=self._order_id)
        with framed(self._visit, title, "order") as self._frame:
            link(f"← {self._words('order.back')}", "/", "back")
            self._dialog = ActionDialog(self._visit)
            self._heading()
            self._meaning = Section(self._build_meaning, "meaning", "p")
            self._progress = Section(self._build_progress, "whole-progress")
            self._unknown = Section(self._build_unknown, "panel nothing")
            self._notices()
            self._columns()
        self._show(snapshot)
        self._visit.watch(subject, self._show)
        watch_count(self._visit, self._frame, self._subjects)

    def _heading(self) -> None:
        with box("div", "heading"):
            Text("h1", self._order_id, "mono")
            self._badges = Section(self._build_badges, "buttons")
            with box("div", "end"):
                self._actions = Section(self._build_actions, "buttons")
                self._link = Section(self._build_link, "buttons")

    def _notices(self) -> None:
        with box("div", "notices"):
            self._incomplete = Section(self._build_incomplete, "notice warning")
            self._held = Section(self._build_held, "notice held")
            self._interventions = Section(self._build_interventions, "stack")
            self._error = Section(self._build_error, "notice error")
            self._warnings = Section(self._build_warnings, "notice warning")

    def _columns(self) -> None:
        with box("div", "columns"):
            with box("div", "stack"):
                self._timeline = Section(self._build_timeline, "panel", "section")
                self._people = Section(self._build_people, "panel", "section")
            with box("div", "stack"):
                self._facts = Section(self._build_facts, "panel", "section")
                self._items = Section(self._build_items, "panel", "section")

    def _show(self, snapshot: Snapshot[OrderDetails]) -> None:
        self._frame.show_problem(snapshot)
        self._unknown.show(snapshot.missing)
        if snapshot.value is None:
            return
        details, state = snapshot.value, snapshot.value.state
        self._badges.show((state.status, state.kind, state.held is not None))
        self._actions.show(self._possible(state))
        self._link.show(details.workflow_url)
        self._meaning.show(state.status)
        self._progress.show((state.status, state.progress))
        self._incomplete.show(not details.complete)
        self._held.show(state.held)
        self._interventions.show(tuple(state.interventions))
        self._error.show((state.error_code, state.error_message))
        self._warnings.show(tuple(state.warnings))
        self._timeline.show((details.timeline, state.status.ended))
        for section in (self._facts, self._items, self._people):
            section.show(state)

    def _possible(self, state: SagaState) -> tuple[tuple[Action, str | None], ...]:
        """What may be done to the whole order, each with what is in its way."""
        if state.status.ended:
            return ()
        pause = Action.RESUME if state.held is not None else Action.HOLD
        return tuple(
            (action, order_obstacle(self._words, action, state))
            for action in (pause, Action.CANCEL)
        )

    def _build_badges(self, shown: tuple[SagaStatus, SagaKind, bool]) -> None:
        status, kind, held = shown
        status_badge(self._words, status)
        if held:
            Text("span", self._words("list.held"), "chip")
        Text("span", self._words.named("kind", kind), "chip")

    def _build_meaning(self, status: SagaStatus) -> None:
        Text("span", status, "mono code")
        Text("span", self._words.named("status_why", status))

    def _build_actions(self, possible: tuple[tuple[Action, str | None], ...]) -> None:
        self._dialog.buttons(
            [(Wish(action, self._order_id), obstacle) for action, obstacle in possible]
        )

    def _build_link(self, address: str | None) -> None:
        if address is None:
            return
        with link("", address, "button") as around:
            Text("span", self._words("order.temporal"))
            ui.icon("open_in_new")
        around.props["target"] = "_blank"
        around.props["rel"] = "noopener noreferrer"

    def _build_progress(self, shown: tuple[SagaStatus, int]) -> None:
        status, percent = shown
        meter(self._words("order.progress"), status, percent)
        Text("span", f"{percent}%", "soft small")

    def _build_unknown(self, missing: bool) -> None:
        if missing:
            Text("h2", self._words("order.unknown", order_id=self._order_id))
            Text("p", self._words("order.unknown_why"))

    def _build_incomplete(self, incomplete: bool) -> None:
        if incomplete:
            ui.icon("cloud_off")
            Text("p", self._words("order.incomplete"))

    def _build_held(self, held: Hold | None) -> None:
        if held is None:
            return
        ui.icon("pause_circle")
        with box("div"):
            text = self._words.with_moment("order.held", by=held.by)
            Moment(held.since, text, "title wrap")
            Text("p", held.reason, "wrap")

    def _build_interventions(self, cases: tuple[Intervention, ...]) -> None:
        for case in cases:
            with box("section", "notice person"):
                ui.icon("front_hand")
                with box("div"):
                    name = self._words.call_at(case.step)
                    Text("h2", f"{self._words('order.person')}: {name}")
                    with box("p", "soft small case-line"):
                        Moment(case.since, self._words.with_moment("interventions.since"))
                        Text("span", self._words("interventions.attempts", count=case.attempts))
                        if case.alerted:
                            Text("span", self._words("interventions.alerted"))
                    Text("p", case.last_error, "wrap")
                    if case.claimed_by is not None:
                        claimed = self._words("interventions.claimed", name=case.claimed_by)
                        Text("p", claimed, "title wrap")
                    if case.dead_letter is not None:
                        Text("p", self._words("interventions.parked"), "title wrap")
                    with box("div", "buttons"):
                        self._dialog.case_buttons(self._order_id, case)

    def _build_error(self, shown: tuple[ErrorCode | None, str | None]) -> None:
        code, message = shown
        if code is None:
            return
        ui.icon("error_outline")
        with box("div"):
            Text("h2", self._words("order.why_undone"))
            with box("p"):
                Text("span", f"{self._words.named('error', code)} ")
                Text("span", code, "mono soft code")
            if message:
                Text("p", message, "soft wrap")

    def _build_warnings(self, warnings: tuple[str, ...]) -> None:
        if not warnings:
            return
        ui.icon("warning_amber")
        with box("div"):
            Text("h2", self._words("order.warnings"))
            for warning in warnings:
                Text("p", warning, "wrap")

    def _build_timeline(self, shown: tuple[tuple[StepRun, ...], bool]) -> None:
        runs, ended = shown
        Text("h2", self._words("order.timeline"))
        build_timeline(self._words, runs)
        if not runs:
            key = "order.no_timeline" if ended else "order.not_begun"
            Text("p", self._words(key), "soft")

    def _build_facts(self, state: SagaState) -> None:
        Text("h2", self._words("order.facts"))
        build_facts(self._words, state)

    def _build_items(self, state: SagaState) -> None:
        Text("h2", self._words("order.items"))
        build_items(self._words, state)

    def _build_people(self, state: SagaState) -> None:
        if state.resolutions:
            Text("h2", self._words("order.resolutions"))
            build_resolutions(self._words, state.resolutions)
