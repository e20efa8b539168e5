"""What holds for every document: sums, and that nothing but an order or a refusal comes out."""

import json
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from client.documents import DocumentError, parse_order
from models.documents import LARGEST_QUANTITY, OrderDocument
from models.money import CURRENCY_DECIMALS, LARGEST_AMOUNT, decimal_string
from models.order import Order

FIELDS = list(OrderDocument.model_fields)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
LINES = st.lists(
    st.tuples(st.integers(1, LARGEST_QUANTITY), st.integers(0, LARGEST_AMOUNT // 10**8)),
    min_size=1,
    max_size=50,
)


def order_document(currency: str, lines: list[tuple[int, int]]) -> dict[str, Any]:
    return {
        "customer_id": "CUST-456",
        "items": [
            {
                "product_id": f"PROD-{number}",
                "quantity": quantity,
                "price": decimal_string(price, currency),
            }
            for number, (quantity, price) in enumerate(lines)
        ],
        "currency": currency,
        "payment_method": "credit_card",
        "shipping_address": "1 Main Street",
    }


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(sorted(CURRENCY_DECIMALS)), LINES)
def test_total_is_the_sum_of_the_lines_in_every_currency(
    currency: str, lines: list[tuple[int, int]]
) -> None:
    total = sum(quantity * price for quantity, price in lines)
    document = order_document(currency, lines)
    document["total_amount"] = decimal_string(total, currency)
    try:
        order = parse_order(json.dumps(document).encode())
    except DocumentError:
        assert total > LARGEST_AMOUNT
        return
    assert order.total_amount == total == sum(line.amount for line in order.lines)
    assert total <= LARGEST_AMOUNT
    shown = sum(
        Decimal(decimal_string(line.unit_price, currency)) * line.quantity for line in order.lines
    )
    assert decimal_string(total, currency) == str(shown)


def outcome(data: bytes) -> Order | DocumentError:
    try:
        return parse_order(data)
    except DocumentError as error:
        refused = error
    assert refused.lines
    assert all(line.isprintable() and len(line) < 250 for line in refused.lines)
    return refused


@settings(deadline=None, max_examples=200)
@given(JSON)
def test_any_json_is_an_order_or_refused(value: object) -> None:
    assert isinstance(outcome(json.dumps(value).encode()), Order | DocumentError)


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(FIELDS), JSON)
def test_any_value_in_any_field_is_taken_or_refused(field: str, value: object) -> None:
    document = order_document("USD", [(2, 5000)]) | {field: value}
    assert isinstance(outcome(json.dumps(document).encode()), Order | DocumentError)


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(["product_id", "quantity", "price"]), JSON)
def test_any_value_in_any_field_of_a_line_is_taken_or_refused(field: str, value: object) -> None:
    document = order_document("USD", [(2, 5000)])
    document["items"][0][field] = value
    assert isinstance(outcome(json.dumps(document).encode()), Order | DocumentError)


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=200))
def test_any_bytes_are_an_order_or_refused(data: bytes) -> None:
    assert isinstance(outcome(data), DocumentError)
