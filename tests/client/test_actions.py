"""What people name when they act: reactions by their ids."""

import unicodedata

import pytest

from client.actions import reaction
from models.texts import LONGEST_IDENTIFIER


@pytest.mark.parametrize("order_id", ["ORD-1", "order-1", "주문-1", "A" * LONGEST_IDENTIFIER])
def test_every_orders_reactions_can_be_named(order_id: str) -> None:
    reaction_id = f"order-{order_id}/PaymentFailed/payments"
    assert reaction(unicodedata.normalize("NFD", reaction_id)) == reaction_id


@pytest.mark.parametrize(
    "text",
    ["", "ORD-1", "order-/A/b", "order-1/A", "order-1/A/b/c", "x-1/A/b", "order-a b/A/b", None, 7],
)
def test_what_is_no_reactions_id_is_refused_without_being_repeated(text: object) -> None:
    with pytest.raises(ValueError, match="must be an id as the list of dead letters has it"):
        reaction(text)
