"""What people see: the same story however often somebody looked, in 80 columns, without colour."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from client.display import Storyteller, print_comparison, print_list
from client.observation import Observation, PendingCall
from models.saga import Intervention, SagaKind, SagaState, SagaStatus, StateLine
from models.steps import ErrorCode, Step

BEGIN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def state(**changes: Any) -> SagaState:
    return SagaState(
        saga_id="order-ORD-1",
        kind=SagaKind.ORCHESTRATED,
        order_id="ORD-1",
        customer_id="CUST-456",
        items=(StateLine(product_id="PROD-789", quantity=2, price="50.00"),),
        currency="USD",
        total_amount="100.00",
        amount_charged="90.00",
        points_to_use=10,
        created_at=BEGIN,
        updated_at=BEGIN,
    ).model_copy(update=changes)


DONE = [Step.ORDER_CREATED, Step.INVENTORY_RESERVED]
REFUSED = {
    "executed_steps": DONE,
    "error_code": ErrorCode.PAYMENT_PROCESSING_FAILED,
    "error_message": "the card was declined",
}
STORY = [
    Observation(state()),
    Observation(state(executed_steps=DONE[:1])),
    Observation(
        state(executed_steps=DONE[:1]),
        (PendingCall("reserve_inventory", 2, "connection lost", None),),
    ),
    Observation(state(executed_steps=DONE)),
    Observation(state(**REFUSED, status=SagaStatus.COMPENSATING)),
    Observation(
        state(
            **REFUSED,
            status=SagaStatus.COMPENSATED,
            compensated_steps=DONE[::-1],
            compensated_at=BEGIN + timedelta(seconds=1.5),
        )
    ),
]


def told(observations: list[Observation], **console: Any) -> str:
    text = io.StringIO()
    story = Storyteller(Console(file=text, soft_wrap=True, **console))
    for observation in observations:
        story.tell(observation)
    story.ending(observations[-1].state)
    return text.getvalue()


def test_tells_steps_and_their_undo_in_two_lanes() -> None:
    assert told(STORY).splitlines() == [
        "Order ORD-1",
        "  step                 forward      undo",
        "  ORDER_CREATED        done",
        "  INVENTORY_RESERVED   attempt 2",
        "    connection lost",
        "  INVENTORY_RESERVED   done",
        "  PAYMENT_PROCESSED    refused",
        "    PAYMENT_PROCESSING_FAILED: the card was declined",
        "  INVENTORY_RESERVED                undone",
        "  ORDER_CREATED                     undone",
        "  COMPENSATED after 1.50 s",
    ]


@given(st.lists(st.booleans(), min_size=len(STORY), max_size=len(STORY)))
def test_tells_the_same_story_however_much_was_missed(seen: list[bool]) -> None:
    caught = [observation for observation, is_seen in zip(STORY, seen, strict=True) if is_seen]
    repeated = [observation for each in [*caught, STORY[-1]] for observation in (each, each)]
    attempts = {"  INVENTORY_RESERVED   attempt 2", "    connection lost"}
    expected = [line for line in told(STORY).splitlines() if line not in attempts]
    assert [line for line in told(repeated).splitlines() if line not in attempts] == expected


def test_an_outcome_that_is_not_known_is_called_so() -> None:
    unknown = state(
        status=SagaStatus.COMPENSATED,
        executed_steps=DONE,
        compensated_steps=[Step.PAYMENT_PROCESSED, *DONE[::-1]],
        error_code=ErrorCode.PAYMENT_SERVICE_ERROR,
        error_message="activity timed out",
    )
    assert "  PAYMENT_PROCESSED    not known" in told([Observation(unknown)])


def test_says_that_a_person_is_needed_once() -> None:
    case = Intervention(
        step=Step.INVENTORY_RESERVED,
        compensation="release_inventory",
        since=BEGIN,
        attempts=5,
        last_error="down",
    )
    stuck = Observation(state(**REFUSED, interventions=[case]))
    assert told([stuck, stuck]).count("needs a person") == 1


def test_texts_from_outside_forge_no_line() -> None:
    forged = REFUSED | {"error_message": "no\n  COMPLETED after 0.1 s\x1b[2J"}
    text = told([Observation(state(**forged))])
    assert "\x1b" not in text
    assert "  COMPLETED after 0.1 s" not in text.splitlines()


def test_colours_only_a_terminal_that_wants_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    green = "\x1b[32m"
    assert green in told(STORY, force_terminal=True)
    assert green not in told(STORY)
    monkeypatch.setenv("NO_COLOR", "1")
    assert green not in told(STORY, force_terminal=True)


@pytest.mark.parametrize("order_id", ["ORD-1", "x" * 100, "주문" * 50])
def test_tables_fit_80_columns(order_id: str) -> None:
    final = STORY[-1].state.model_copy(update={"order_id": order_id})
    text = io.StringIO()
    console = Console(file=text, width=80)
    print_comparison(console, {"sample order": final, "declined order": final})
    print_list(console, [final, final])
    assert all(len(line) <= 80 for line in text.getvalue().splitlines())
    assert "COMPENSATED" in text.getvalue()
    assert "2 x PROD-789, then released" in " ".join(text.getvalue().split())


def test_an_empty_list_says_so() -> None:
    text = io.StringIO()
    print_list(Console(file=text), [])
    assert text.getvalue() == "no orders\n"
