"""Order documents: what is taken, what is refused, and how the refusal reads."""

import copy
import json
import unicodedata
from typing import Any

import pytest

from client.documents import DocumentError, parse_order

SAMPLE: dict[str, Any] = {
    "order_id": "ORD-123",
    "customer_id": "CUST-456",
    "items": [{"product_id": "PROD-789", "quantity": 2, "price": 50.0}],
    "total_amount": 100.0,
    "payment_method": "credit_card",
    "points_to_use": 10,
    "shipping_address": "1 Main Street, Springfield",
}
CARD_NUMBER = "4111 1111 1111 1111"
NO_QUANTITIES: list[object] = [
    *("2", True, None, [], {}),
    *(0, -1, 1.5, 2.0, 1_000_001, 2**63, 10**400),
]


def written(**changes: Any) -> bytes:
    """The sample order with other fields; a `...` leaves the field out."""
    document = copy.deepcopy(SAMPLE) | changes
    kept = {name: value for name, value in document.items() if value is not ...}
    return json.dumps(kept).encode()


def with_line(**changes: Any) -> bytes:
    return written(items=[SAMPLE["items"][0] | changes], total_amount=..., points_to_use=0)


def refusal_of(data: bytes) -> str:
    with pytest.raises(DocumentError) as refused:
        parse_order(data)
    message = str(refused.value)
    assert "pydantic" not in message
    assert len(refused.value.lines) <= 6
    assert all(len(line) < 200 for line in refused.value.lines)
    return message


def test_takes_the_documented_example() -> None:
    order = parse_order(written())
    assert order.order_id == "ORD-123"
    assert order.lines[0].unit_price == 5000
    assert (order.total_amount, order.amount_charged) == (10000, 9000)
    assert order.currency == "USD"
    assert (order.payment_token, order.notification_email) == (None, None)


def test_makes_an_id_when_none_is_written() -> None:
    made = {parse_order(written(order_id=...)).order_id for _ in range(100)}
    assert len(made) == 100
    assert all(order_id.startswith("ORD-2") for order_id in made)


@pytest.mark.parametrize(
    ("price", "currency", "minor"),
    [
        (b"50.0", "USD", 5000),
        (b"50", "USD", 5000),
        (b'"50.00"', "USD", 5000),
        (b"5e1", "USD", 5000),
        (b"0.1", "USD", 10),
        (b"1.005", "KWD", 1005),
        (b"1500", "KRW", 1500),
        (b"1500.00", "KRW", 1500),
        (b"0", "USD", 0),
        (b"46116860184273879.03", "USD", 4611686018427387903),
    ],
)
def test_takes_amounts_exactly(price: bytes, currency: str, minor: int) -> None:
    data = with_line(price="PRICE").replace(b'"PRICE"', price)
    order = parse_order(data.replace(b"{", b'{"currency": "%s", ' % currency.encode(), 1))
    assert order.lines[0].unit_price == minor
    assert order.total_amount == 2 * minor


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        *(
            ({"quantity": quantity}, "items[0].quantity: must be a whole number from 1 to 1000000")
            for quantity in NO_QUANTITIES
        ),
        *(
            ({"price": price}, "items[0].price: must be an amount")
            for price in (-1, -0.5, "-1.00", True, None, [50], "", "50,00", "0x10", "1_000", "NaN")
        ),
        ({"price": 10**400}, "items[0].price: must have at most 25 digits"),
        ({"price": "50.001"}, "items[0].price: has more than the 2 decimals of USD"),
        ({"price": 50.001}, "items[0].price: has more than the 2 decimals of USD"),
        ({"price": 1e300}, "items[0].price: is too large"),
        ({"price": "99999999999999999.99"}, "items[0].price: is too large"),
        ({"price": 9e16, "quantity": 1000}, "items: their sum is too large"),
        ({"product_id": "A B"}, "items[0].product_id: must be 1 to 100 letters"),
        ({"sku": 1}, "items[0].sku: is not a field of this document"),
    ],
)
def test_refuses_a_line_and_names_its_field(changed: dict[str, Any], message: str) -> None:
    assert refusal_of(with_line(**changed)).startswith(message)


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e99999999999999999999"])
@pytest.mark.parametrize("field", ["quantity", "price"])
def test_refuses_numbers_that_are_none(number: bytes, field: str) -> None:
    data = with_line(**{field: "NUMBER"}).replace(b'"NUMBER"', number)
    assert refusal_of(data).startswith(f"items[0].{field}: must be")


def test_refuses_decimals_that_binary_or_rounded_arithmetic_would_lose() -> None:
    price = b"50." + b"0" * 33 + b"1"
    data = with_line(price="PRICE").replace(b'"PRICE"', price)
    assert refusal_of(data).startswith("items[0].price: must have at most")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"total_amount": 100.01}, "total_amount: must be 100.00, the sum of the items"),
        ({"total_amount": 100.001}, "total_amount: has more than the 2 decimals of USD"),
        ({"total_amount": True}, "total_amount: must be an amount"),
        ({"currency": "XXX"}, "currency: must be the ISO 4217 code"),
        ({"currency": "usd"}, "currency: must be the ISO 4217 code"),
        ({"currency": None}, "currency: must be the ISO 4217 code"),
        ({"points_to_use": -1}, "points_to_use: must be a whole number from 0"),
        ({"points_to_use": True}, "points_to_use: must be a whole number from 0"),
        ({"points_to_use": 1.0}, "points_to_use: must be a whole number from 0"),
        ({"points_to_use": 101}, "points_to_use: must not be worth more than the items"),
        ({"items": []}, "items: must have 1 or more entries"),
        ({"items": {}}, "items: must be a list"),
        ({"items": "PROD-789"}, "items: must be a list"),
        ({"items": [1]}, "items[0]: must be an object"),
        ({"items": SAMPLE["items"] * 101}, "items: must have at most 100 entries"),
        ({"items": ...}, "items: is missing"),
        ({"customer_id": ...}, "customer_id: is missing"),
        ({"payment_method": ...}, "payment_method: is missing"),
        ({"shipping_address": ...}, "shipping_address: is missing"),
        ({"order_id": None}, "order_id: must be a text"),
        ({"status": "COMPLETED"}, "status: is not a field of this document"),
        ({"cvv": "123"}, "cvv: is not a field of this document"),
    ],
)
def test_refuses_an_order_and_names_its_field(changes: dict[str, Any], message: str) -> None:
    assert refusal_of(written(**changes)).startswith(message)


@pytest.mark.parametrize("field", ["order_id", "customer_id", "payment_method"])
@pytest.mark.parametrize(
    "identifier",
    [
        "",
        " ",
        "A B",
        "a/b",
        "a:b",
        "a\n",
        "a\x00",
        "x" * 101,
        "x" * 10_000,
        "-1",
        "--force",
        "../../etc/passwd",
        "' OR 1=1 --",
        "\ud800",
        "a\u202eb",
        "a\u200bb",
        "\u3164",
        "\U0001f600",
        7,
        True,
        ["ORD-1"],
    ],
)
def test_refuses_ids_that_do_not_stand_everywhere(field: str, identifier: object) -> None:
    assert refusal_of(written(**{field: identifier})).startswith(f"{field}: must be ")


@pytest.mark.parametrize("address", ["...", "№ 5", "🏠", "서울시 중구 세종대로 110"])
def test_takes_any_address_that_can_be_read(address: str) -> None:
    """A guide's sample order has `...` for one."""
    assert parse_order(written(shipping_address=address)).shipping_address == address


@pytest.mark.parametrize(
    "address",
    [
        *("", " ", "x" * 500, "x" * 4000, "a\nb", "a\x00b", "a\tb", "a\x7fb", "a\x85b"),
        *("a\u2028b", "a\u202eb", "\u200b\u200b", "\u3164", "\ud800", 1, None),
    ],
)
def test_refuses_addresses_in_which_nothing_can_be_read(address: object) -> None:
    assert refusal_of(written(shipping_address=address)).startswith("shipping_address: must ")


@pytest.mark.parametrize(
    "email",
    [
        *("", "name", "a@b", "a@@b.example", "a@b@c.example", "a b@c.example", "a@-c.example"),
        *("@c.example", "a@", "a@c.example\n", "a@c.example\r\nBcc: d@e.f", "a@c..example", 1),
        f"{'x' * 300}@c.example",
    ],
)
def test_refuses_what_is_no_email_address(email: object) -> None:
    assert refusal_of(written(notification_email=email)).startswith("notification_email: must be")


@pytest.mark.parametrize("token", ["", "tok declined", "tok\n", "x" * 256, "\ud800", 1])
def test_refuses_what_is_no_token(token: object) -> None:
    assert refusal_of(written(payment_token=token)).startswith("payment_token: must be")


@pytest.mark.parametrize("field", ["payment_token", "payment_method", "notification_email"])
@pytest.mark.parametrize("number", ["4111111111111111", "4111-1111-1111-1111"])
def test_refuses_a_card_number_and_does_not_repeat_it(field: str, number: str) -> None:
    value = f"{number}@example.com" if field == "notification_email" else number
    message = refusal_of(written(**{field: value}))
    assert message.startswith(f"{field}: must not hold a card number")
    assert "4111" not in message


def test_refuses_a_card_number_in_an_address_and_does_not_repeat_it() -> None:
    message = refusal_of(written(shipping_address=f"12 Main Street, card {CARD_NUMBER} 5/29"))
    assert message.startswith("shipping_address: must not hold a card number")
    assert "1111" not in message


def test_does_not_repeat_a_card_number_that_is_a_fields_name() -> None:
    message = refusal_of(written(**{f"{'x' * 30}{CARD_NUMBER}": 1}))
    assert message == "(a card number): is not a field of this document"


def test_takes_ids_that_are_time_stamps() -> None:
    assert parse_order(written(order_id="4111111111111111")).order_id == "4111111111111111"


def test_korean_survives_in_every_field() -> None:
    order = parse_order(
        written(
            order_id="주문-1",
            customer_id="고객-1",
            items=[{"product_id": "상품-1", "quantity": 2, "price": 50}],
            payment_method="신용카드",
            payment_token="토큰-1",
            shipping_address="서울특별시 중구 세종대로 110",
            notification_email="홍길동@예시.한국",
        )
    )
    assert order.order_id == "주문-1"
    assert order.lines[0].product_id == "상품-1"
    assert order.notification_email == "홍길동@예시.한국"
    assert order.shipping_address == "서울특별시 중구 세종대로 110"


def test_both_ways_to_encode_korean_are_one_text() -> None:
    fields = {"order_id": "주문-1", "shipping_address": "서울특별시 중구"}
    decomposed = {name: unicodedata.normalize("NFD", text) for name, text in fields.items()}
    assert decomposed != fields
    assert parse_order(written(**decomposed)) == parse_order(written(**fields))


def test_merges_lines_of_one_product() -> None:
    lines = [
        {"product_id": "A", "quantity": 1, "price": 10},
        {"product_id": "B", "quantity": 5, "price": 1},
        {"product_id": "A", "quantity": 2, "price": "10.00"},
    ]
    order = parse_order(written(items=lines, total_amount=35))
    assert [(line.product_id, line.quantity) for line in order.lines] == [("A", 3), ("B", 5)]


def test_refuses_two_prices_of_one_product() -> None:
    lines = [{"product_id": "A", "quantity": 1, "price": price} for price in (10, 11)]
    message = refusal_of(written(items=lines, total_amount=...))
    assert message == "items[1].price: the same product has another price above"


def test_refuses_too_much_of_one_product_in_all() -> None:
    lines = [{"product_id": "A", "quantity": 600_000, "price": 1}] * 2
    message = refusal_of(written(items=lines, total_amount=...))
    assert message.startswith("items[1].quantity: more than 1000000")


def test_names_several_problems_at_once_but_not_all() -> None:
    message = refusal_of(written(**{f"extra{number}": 1 for number in range(50)}))
    assert len(message.splitlines()) == 6
    assert message.splitlines()[-1] == "and 45 more"
