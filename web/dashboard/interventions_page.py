"""The page `/interventions`: every call that waits for a person, and what can be done to it."""

from nicegui import ui

from client.actions import Action
from client.interventions import OpenIntervention
from models.saga import Intervention
from web.dashboard.actions import ActionDialog, lacking_role
from web.dashboard.frame import framed
from web.dashboard.live import Snapshot
from web.dashboard.parts import Moment, Text, box, link
from web.dashboard.section import Section
from web.dashboard.subjects import Subjects
from web.dashboard.texts import Texts
from web.dashboard.visit import Visit
from web.dashboard.waiting import Waiting, WaitingCase


class InterventionsPage:
    """The page and what it watches."""

    def __init__(self, visit: Visit, subjects: Subjects) -> None:
        self._visit = visit
        self._subjects = subjects
        self._cards: dict[tuple[str, str], Case] = {}

    async def build(self) -> None:
        """Make the page, with what there is to see at first."""
        words = self._visit.words
        subject = self._subjects.interventions()
        snapshot = await self._visit.live.glance(subject)
        title = words("interventions.title")
        with framed(self._visit, title, "interventions") as self._frame:
            with box("div", "heading"):
                Text("h1", title)
            Text("p", words("interventions.lead"), "lead")
            if lacking_role(self._visit, Action.CLAIM) is not None:
                Text("p", words("interventions.read_only"), "notice held")
            self._untold = Section(self._build_untold, "notice warning", "p")
            self._dialog = ActionDialog(self._visit)
            self._list = box("div", "stack cases")
            with box("div", "panel nothing") as self._nothing:
                Text("h2", words("interventions.none"))
                Text("p", words("interventions.none_why"))
            self._nothing.set_visibility(False)
        self._show(snapshot)
        self._visit.watch(subject, self._show)

    def _build_untold(self, code: str | None) -> None:
        if code is not None:
            words = self._visit.words
            reason = words.named("problem", code)
            Text("span", words("interventions.parked_untold", reason=reason), "wrap")

    def _show(self, snapshot: Snapshot[Waiting]) -> None:
        self._frame.show_problem(snapshot)
        if snapshot.value is None:
            if snapshot.problem is not None:
                self._frame.show_count(None)
            return
        self._untold.show(snapshot.value.untold)
        cases = {(each.case.order_id, each.case.step.value): each for each in snapshot.value.cases}
        self._frame.show_count(len({order_id for order_id, _ in cases}))
        for key in [key for key in self._cards if key not in cases]:
            self._cards.pop(key).element.delete()
        for key, each in cases.items():
            if key not in self._cards:
                with self._list:
                    self._cards[key] = Case(self._visit.words, self._dialog, each.case)
            self._cards[key].show(each)
        self._nothing.set_visibility(not cases)


class Case:
    """One intervention. Stays where it is while what is known about it changes."""

    def __init__(self, words: Texts, dialog: ActionDialog, case: OpenIntervention) -> None:
        self._words = words
        self._dialog = dialog
        self._order_id = case.order_id
        with box("section", "panel case") as self.element:
            self.element.props["data-order"] = case.order_id
            with box("div", "case-head"):
                ui.icon("front_hand")
                Text("h2", words.call_at(case.step))
                link(case.order_id, f"/orders/{case.order_id}", "mono wrap")
            self._facts = Section(self._build_facts, "case-facts")
            self._buttons = Section(self._build_buttons, "buttons")

    def show(self, waiting: WaitingCase) -> None:
        """Show what is known now."""
        self._facts.show(waiting)
        # What cannot change what can be done is left out, so that the buttons stay.
        kept = {"attempts": 0, "last_error": "", "alerted": False}
        self._buttons.show(Intervention.model_validate(waiting.case.model_dump() | kept))

    def _build_facts(self, waiting: WaitingCase) -> None:
        words, case = self._words, waiting.case
        with box("p", "soft small case-line"):
            Text("span", case.compensation, "mono code")
            Moment(case.since, words.with_moment("interventions.since"))
            Text("span", words("interventions.attempts", count=case.attempts))
            if case.alerted:
                Text("span", words("interventions.alerted"))
        with box("p", "wrap"):
            Text("span", f"{words('interventions.last_error')}: ", "soft")
            Text("span", case.last_error)
        with box("p", "title wrap"):
            self._who(case)
        if waiting.order_ended:
            Text("p", words("interventions.order_ended"), "soft")

    def _who(self, case: OpenIntervention) -> None:
        words = self._words
        if case.claimed_by is not None:
            Text("span", words("interventions.claimed", name=case.claimed_by))
        elif not case.machine_tries:
            parked = case.dead_letter is not None
            Text("span", words("interventions.parked" if parked else "interventions.refused"))
        elif case.next_attempt_at is None:
            Text("span", words("interventions.tries_now"))
        else:
            Moment(case.next_attempt_at, words.with_moment("interventions.tries_at"))

    def _build_buttons(self, case: Intervention) -> None:
        self._dialog.case_buttons(self._order_id, case)
