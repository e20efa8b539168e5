"""What people can do to an order, asked for in a dialog with name and reason."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nicegui import ui
from nicegui.element import Element

from client.actions import ON_INTERVENTIONS, Action, person
from client.dead_letters import redrive
from client.operators import ActionRefused, new_request_id
from models.saga import Intervention, OperatorAction, SagaKind, SagaState, SagaStatus
from models.steps import COMPLETE_ORDER, Step
from models.texts import LONGEST_FREE_TEXT, free_text
from runtime.program import CommandError, ExitCode
from web.access import Role
from web.dashboard.fields import Field, text_field
from web.dashboard.parts import Text, able, box, button
from web.dashboard.texts import TABLE, Texts
from web.dashboard.visit import NEEDED, Visit

DANGEROUS = (Action.CANCEL, Action.ABANDON)
"""These cannot be taken back."""


@dataclass(frozen=True)
class Wish:
    """What somebody is about to do, and to what."""

    action: Action
    order_id: str
    step: Step | None = None
    dead_letter: str | None = None
    """The parked reaction that is to try again; then `action` is `retry`."""

    @property
    def name(self) -> str:
        """What it is called in the texts."""
        return self.action.value if self.dead_letter is None else "redrive"


def lacking_role(visit: Visit, action: Action) -> str | None:
    """Why the person may never do this, in words; None if they may."""
    needed = NEEDED[action]
    if visit.person.role.covers(needed):
        return None
    service = needed is Role.CUSTOMER_SERVICE
    return visit.words("action.needs_service" if service else "action.needs_operator")


def order_obstacle(words: Texts, action: Action, state: SagaState) -> str | None:
    """Why this cannot be done to the whole order now, in words; None if it can."""
    if state.status.ended:
        return words("action.ended")
    if state.kind is SagaKind.CHOREOGRAPHED:
        return words("action.nobody_decides")
    if action is Action.RESUME:
        return None
    if state.current_step == COMPLETE_ORDER.running:
        return words("action.past_pivot")
    if state.status is SagaStatus.COMPENSATING:
        return words("action.being_undone")
    return None


def case_obstacle(words: Texts, action: Action, case: Intervention) -> str | None:
    """Why this cannot be done to the intervention now, in words; None if it can."""
    if action is Action.RETRY:
        return None
    if case.compensation == COMPLETE_ORDER.activity:
        return words("action.forward_only")
    if action is Action.CLAIM:
        taken = case.claimed_by
        return None if taken is None else words("action.already_claimed", name=taken)
    return words("action.not_claimed") if case.claimed_by is None else None


class ActionDialog:
    """One per page: asks for name and reason, sends the action and shows the answer."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._dialog = ui.dialog()

    def buttons(self, wishes: Sequence[tuple[Wish, str | None]]) -> None:
        """A button for each wish, and below them why some are disabled: not everybody can point
        at a button, and nobody can reach a disabled one by the keyboard.
        """
        disabled: dict[str, list[Element]] = {}
        for wish, obstacle in wishes:
            why_not = lacking_role(self._visit, wish.action) or obstacle
            made = self._button(wish, why_not)
            if why_not is not None:
                disabled.setdefault(why_not, []).append(made)
        for why_not, elements in disabled.items():
            names = ", ".join(each.props["data-name"] for each in elements)
            line = Text("p", f"{names}: {why_not}", "why-not soft small")
            for each in elements:
                each.props["aria-describedby"] = line.html_id

    def _button(self, wish: Wish, why_not: str | None) -> Element:
        """A button that opens the dialog, if the action is possible."""
        name = self._visit.words(f"action.{wish.name}")
        danger = "danger" if wish.action in DANGEROUS else ""
        made = button(name, danger, lambda: self.open(wish))
        made.props["data-action"] = wish.name
        made.props["data-name"] = name
        able(made, why_not)
        return made

    def case_buttons(self, order_id: str, case: Intervention) -> None:
        """Buttons for all that can be done about one intervention."""
        if case.dead_letter is not None:
            self.buttons([(Wish(Action.RETRY, order_id, case.step, case.dead_letter), None)])
            return
        words = self._visit.words
        self.buttons(
            [
                (Wish(action, order_id, case.step), case_obstacle(words, action, case))
                for action in ON_INTERVENTIONS
            ]
        )

    def open(self, wish: Wish) -> None:
        """Ask for it."""
        self._dialog.clear()
        with self._dialog:
            _Form(self._visit, wish, self._dialog.close).build()
        self._dialog.open()


class _Form:
    """The content of the dialog, for one wish: however often it is sent, it acts once."""

    def __init__(self, visit: Visit, wish: Wish, close: Callable[[], object]) -> None:
        self._visit = visit
        self._wish = wish
        self._close = close
        self._request_id = new_request_id()
        self._name: Field | None = None

    def build(self) -> None:
        words, wish = self._visit.words, self._wish
        title = words(f"action.{wish.name}")
        # The framework lets only a div in a dialog be clicked.
        with (
            box("div", "panel dialog"),
            box("form", "stack", aria_labelledby="action-title") as form,
        ):
            form.props["novalidate"] = True
            Text("h2", title).props["id"] = "action-title"
            subject = wish.order_id
            if wish.step is not None:
                subject += f" · {words.call_at(wish.step)}"
            Text("p", subject, "soft small mono wrap")
            Text("p", words(f"action.{wish.name}_why"))
            if self._visit.person.name is None:
                self._name = text_field(words("action.name"), autocomplete="name", autofocus="")
            self._reason = text_field(
                words("action.reason"), hint=words("action.reason_hint"), autocomplete="off"
            )
            self._answer = box("div", "answer", role="status")
            with box("div", "buttons end"):
                button(words("action.do_not"), "", self._close)
                danger = "danger" if wish.action in DANGEROUS else ""
                self._send = Text("button", title, f"button main {danger}")
                self._send.props["type"] = "submit"
        form.on("submit.prevent", self._submit, args=[])

    async def _submit(self) -> None:
        by = self._signed()
        if by is None:
            return
        if not self._visit.may(NEEDED[self._wish.action]):
            self._say("action.not_now", lacking_role(self._visit, self._wish.action) or "")
            return
        words = self._visit.words
        able(self._send, words("action.working"))
        self._say("action.working")
        try:
            await self._carry_out(by)
        except ActionRefused as refusal:
            self._refused(refusal)
        except CommandError as error:
            may_still = error.exit_code == ExitCode.NOT_REACHABLE
            more = f" {words('action.may_still')}" if may_still else ""
            self._say("action.not_now", self._visit.told(error) + more)
        else:
            done = words("action.done", action=words(f"action.{self._wish.name}"))
            ui.notify(done, type="positive", icon="check", position="top")
            self._close()
            return
        able(self._send, None)

    async def _carry_out(self, by: OperatorAction) -> None:
        tools, wish = self._visit.context.backend.tools, self._wish
        if wish.dead_letter is not None:
            client = tools.sagas.client
            await redrive(client, wish.dead_letter, by, request_id=self._request_id)
        else:
            await tools.operators.act(wish.action, wish.order_id, by, request_id=self._request_id)

    def _signed(self) -> OperatorAction | None:
        """Name and reason; None, with words beside the field, when one of them will not do."""
        name: str | None = self._visit.person.name
        if self._name is not None:
            name = self._checked(self._name, person, "wrong.actor")
        reason = self._checked(self._reason, free_text, "wrong.reason")
        if name is None or reason is None:
            return None
        return OperatorAction(actor=name, reason=reason, step=self._wish.step)

    def _checked(self, field: Field, check: Callable[[object], str], wrong: str) -> str | None:
        try:
            value = check(field.value)
        except ValueError:
            empty = not field.value.strip()
            words = self._visit.words
            field.complain(
                words("action.missing") if empty else words(wrong, most=LONGEST_FREE_TEXT)
            )
            return None
        field.complain(None)
        return value

    def _refused(self, refusal: ActionRefused) -> None:
        known = refusal.code in TABLE["refusal"]
        reason = self._visit.words.named("refusal", refusal.code) if known else str(refusal)
        self._say("action.refused", reason, code=refusal.code)

    def _say(self, key: str, more: str = "", **values: object) -> None:
        self._answer.clear()
        with self._answer:
            Text("b", self._visit.words(key, **values))
            if more:
                Text("span", more)
