"""All that is known about one order, as lists of names and values."""

from collections.abc import Callable, Iterable
from datetime import datetime

from models.saga import Resolution, SagaState
from models.steps import Step
from web.dashboard.parts import Moment, Text, box, money
from web.dashboard.texts import TABLE, Texts

_MOMENTS = ("created_at", "updated_at", "completed_at", "compensated_at", "failed_at")
_REFERENCES = (
    "inventory_reservation_id",
    "payment_transaction_id",
    "point_transaction_id",
    "shipment_id",
)
_STEPS = {"executed_steps": "step", "skipped_steps": "step", "compensated_steps": "undo"}


def build_facts(words: Texts, state: SagaState) -> None:
    """Every field of the state that has no part of the page to itself."""
    with box("dl", "facts"):
        _text(words, "order_id", state.order_id)
        _text(words, "customer_id", state.customer_id)
        _text(words, "saga_id", state.saga_id)
        _fact(words, "kind", lambda: Text("span", words.named("kind", state.kind)))
        _fact(words, "current_step", lambda: _current_step(words, state))
        done = len(state.executed_steps) + len(state.skipped_steps)
        progress = words("order.progress_of", done=done, steps=state.total_steps)
        _fact(words, "progress", lambda: Text("span", progress))
        _amounts(words, state)
        for name in _MOMENTS:
            at: datetime | None = getattr(state, name)
            if at is not None:
                _fact(words, name, lambda at=at: Moment(at))  # type: ignore[misc]
        for name in _REFERENCES:
            if getattr(state, name):
                _text(words, name, getattr(state, name))
        for name, section in _STEPS.items():
            steps: list[Step] = getattr(state, name)
            if steps:
                _fact(words, name, lambda s=section, e=steps: _steps(words, s, e))  # type: ignore[misc]


def build_items(words: Texts, state: SagaState) -> None:
    """What was ordered."""
    with box("table", "items"):
        with box("thead"), box("tr"):
            for name in ("product", "quantity", "price"):
                Text("th", words(f"order.{name}")).props["scope"] = "col"
        with box("tbody"):
            for line in state.items:
                with box("tr"):
                    Text("td", line.product_id, "mono wrap")
                    Text("td", f"{line.quantity:,}")
                    Text("td", money(line.price, state.currency))


def build_resolutions(words: Texts, resolutions: Iterable[Resolution]) -> None:
    """Who did what, and why."""
    with box("ol", "log"):
        for done in resolutions:
            with box("li"):
                action = words(f"action.{done.action}") if done.action in TABLE["action"] else ""
                Text("b", action or done.action)
                if done.step is not None:
                    Text("span", words.call_at(done.step))
                Text("span", done.actor, "wrap")
                Moment(done.at, classes="soft small")
                Text("p", done.reason, "soft wrap")


def _amounts(words: Texts, state: SagaState) -> None:
    for name in ("total_amount", "amount_charged"):
        _text(words, name, money(getattr(state, name), state.currency), "")
    _text(words, "points_to_use", f"{state.points_to_use:,}", "")


def _text(words: Texts, name: str, value: str, classes: str = "mono") -> None:
    _fact(words, name, lambda: Text("span", value, classes))


def _fact(words: Texts, name: str, build: Callable[[], object]) -> None:
    with box("div"):
        Text("dt", words(f"order.{name}"))
        with box("dd", "wrap"):
            build()


def _current_step(words: Texts, state: SagaState) -> None:
    name = state.current_step
    section = "status" if name in TABLE["status"] else "running"
    Text("span", words.named(section, name))
    Text("span", name, "soft mono code")


def _steps(words: Texts, section: str, steps: Iterable[Step]) -> None:
    Text("span", ", ".join(words.named(section, step) for step in steps))
