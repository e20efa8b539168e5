"""The page `/place`: the sample order as a form, ready to be placed."""

import json
import secrets
from pathlib import Path
from typing import Any

from nicegui import ui
from nicegui.element import Element

from client.documents import DocumentError, parse_order
from models.order import Order
from models.saga import SagaKind
from models.steps import (
    CREATE_SHIPMENT,
    DEDUCT_POINTS,
    PROCESS_PAYMENT,
    RESERVE_INVENTORY,
)
from runtime.program import CommandError
from web.access import Role
from web.dashboard.fields import Field, choice_field, text_field
from web.dashboard.frame import framed, watch_count
from web.dashboard.parts import Text, able, box, button
from web.dashboard.subjects import Subjects
from web.dashboard.texts import TABLE
from web.dashboard.visit import Visit

SAMPLE: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "examples" / "order.json").read_text(encoding="utf-8")
)
"""The same sample as `python starter.py` places."""
FAILING = (RESERVE_INVENTORY, PROCESS_PAYMENT, DEDUCT_POINTS, CREATE_SHIPMENT)
"""The steps that the demonstration's fault file can let fail."""
STUCK = (RESERVE_INVENTORY, PROCESS_PAYMENT, DEDUCT_POINTS)
"""The steps whose undo it can let fail, after the next one has."""
NOTHING_FAILS = "none"
_NUMBERS = ("quantity", "points_to_use")


class PlacePage:
    """The form. What it says is checked as every order document is."""

    def __init__(self, visit: Visit, subjects: Subjects) -> None:
        self._visit = visit
        self._words = visit.words
        self._subjects = subjects
        self._fields: dict[str, Field] = {}
        self._items: list[dict[str, Field]] = []
        self._failing: Field | None = None

    async def build(self) -> None:
        """Make the page."""
        words = self._words
        title = words("place.title")
        with framed(self._visit, title, "place") as frame:
            with box("div", "heading"):
                Text("h1", title)
            Text("p", words("place.lead"), "lead")
            with box("form", "stack form") as form:
                form.props["novalidate"] = True
                self._how()
                self._item_fields()
                self._customer_fields()
                self._payment_fields()
                self._answer = box("div", "answer", role="alert")
                with box("div", "buttons"):
                    self._send = Text("button", words("place.submit"), "button main")
                    self._send.props["type"] = "submit"
            form.on("submit.prevent", self._submit, args=[])
            if not self._visit.may(Role.CUSTOMER_SERVICE):
                able(self._send, words("place.forbidden"))
                self._say(words("place.forbidden"))
        watch_count(self._visit, frame, self._subjects)

    def _how(self) -> None:
        words = self._words
        with self._group("place.how"), box("div", "two"):
            choices = {each.value: words.named("kind", each) for each in SagaKind}
            self._kind = choice_field(
                words("place.kind"),
                choices,
                SagaKind.ORCHESTRATED.value,
                hint=words("place.kind_hint"),
            )
            if self._visit.context.demonstration:
                self._demonstration()

    def _demonstration(self) -> None:
        words = self._words
        stuck = {step.compensation.activity: words.named("undo", step.step) for step in STUCK}
        choices = {
            NOTHING_FAILS: words("place.failing_none"),
            **{step.activity: words.named("step", step.step) for step in FAILING},
            **{name: words("place.failing_undo", undo=undo) for name, undo in stuck.items()},
        }
        self._failing = choice_field(
            words("place.failing"), choices, NOTHING_FAILS, hint=words("place.failing_hint")
        )

    def _item_fields(self) -> None:
        with self._group("place.items"):
            with box("div", "stack") as self._lines:
                for item in SAMPLE["items"]:
                    self._item(item["product_id"], str(item["quantity"]), f"{item['price']:.2f}")
            button(self._words("place.add_item"), "quiet", self._add_item, icon="add")

    def _add_item(self) -> None:
        with self._lines:
            self._item("", "1", "")

    def _item(self, product_id: str, quantity: str, price: str) -> None:
        words = self._words
        with box("div", "item-line") as line:
            fields = {
                "product_id": text_field(words("place.product_id"), product_id),
                "quantity": text_field(words("place.quantity"), quantity, inputmode="numeric"),
                "price": text_field(words("place.price"), price, inputmode="decimal"),
            }
            if self._items:
                self._remover(line, fields)
        self._items.append(fields)

    def _remover(self, line: Element, fields: dict[str, Field]) -> None:
        def remove() -> None:
            self._items.remove(fields)
            line.delete()

        label = self._words("place.remove_item", number=len(self._items) + 1)
        made = button("", "quiet", remove, icon="delete_outline")
        made.props["aria-label"] = label

    def _customer_fields(self) -> None:
        with self._group("place.delivery"), box("div", "two"):
            self._field("customer_id", SAMPLE["customer_id"])
            self._field("order_id", hint="place.order_id_hint", optional=True)
            self._field("shipping_address", SAMPLE["shipping_address"])
            self._field("notification_email", optional=True, inputmode="email")

    def _payment_fields(self) -> None:
        with self._group("place.payment"), box("div", "two"):
            self._field("currency", SAMPLE.get("currency", "USD"))
            self._field("points_to_use", str(SAMPLE["points_to_use"]), inputmode="numeric")
            self._field("payment_method", SAMPLE["payment_method"])
            self._field("payment_token", hint="place.payment_token_hint", optional=True)

    def _group(self, title: str) -> Element:
        group = box("fieldset", "panel")
        with group:
            Text("legend", self._words(title))
        return group

    def _field(
        self,
        name: str,
        value: str = "",
        *,
        hint: str = "",
        optional: bool = False,
        inputmode: str = "text",
    ) -> None:
        label = self._words(f"place.{name}")
        if optional:
            label = f"{label} ({self._words('place.optional')})"
        hint = self._words(hint) if hint else ""
        made = text_field(label, value, hint=hint, inputmode=inputmode)
        self._fields[name] = made

    async def _submit(self) -> None:
        if not self._visit.may(Role.CUSTOMER_SERVICE):
            self._say(self._words("place.forbidden"))
            return
        order = self._checked()
        if order is None:
            return
        able(self._send, self._words("place.placing"))
        try:
            await self._visit.context.backend.tools.sagas.place(order, SagaKind(self._kind.value))
        except CommandError as error:
            self._say(self._words("place.problem"), self._visit.told(error))
            able(self._send, None)
        else:
            ui.navigate.to(f"/orders/{order.order_id}")

    def _checked(self) -> Order | None:
        """The order; None, with words beside the fields, when it cannot be placed like this."""
        for field in self._all_fields().values():
            field.complain(None)
        try:
            return parse_order(json.dumps(self._document()).encode())
        except DocumentError as error:
            self._complain(error)
            return None

    def _document(self) -> dict[str, object]:
        values = {name: field.value.strip() for name, field in self._fields.items()}
        document: dict[str, object] = {
            name: _entered(name, value) for name, value in values.items() if value
        }
        document["items"] = [
            {name: _entered(name, field.value.strip()) for name, field in item.items()}
            for item in self._items
        ]
        if self._failing is not None and "order_id" not in document:
            # The fault file knows the order by the beginning of its id.
            document["order_id"] = f"DEMO-{self._failing.value}-{secrets.token_hex(4)}"
        return document

    def _all_fields(self) -> dict[str, Field]:
        """Each by the name that it has in the document."""
        lines = {
            f"items[{index}].{name}": field
            for index, item in enumerate(self._items)
            for name, field in item.items()
        }
        return {**self._fields, **lines}

    def _complain(self, error: DocumentError) -> None:
        fields = self._all_fields()
        others = []
        for fault in error.faults:
            name = fault.field.rpartition(".")[2]
            if fault.field in fields and name in TABLE["wrong"]:
                fields[fault.field].complain(self._words(f"wrong.{name}"))
            else:
                others.append(str(fault))
        self._say(self._words("place.problem"), *(others or (() if error.faults else error.lines)))

    def _say(self, title: str, *lines: str) -> None:
        self._answer.clear()
        with self._answer:
            Text("b", title)
            for line in lines:
                Text("span", line)


def _entered(name: str, value: str) -> object:
    """A number where one is asked for and was given; the check says what is wrong otherwise."""
    return int(value) if name in _NUMBERS and value.isascii() and value.isdigit() else value
