"""Reading documents: bytes that are no JSON, too much, and sources that cannot be read."""

import io
import json
import os
import sys
import time
from pathlib import Path

import pytest

from client.documents import (
    LARGEST_DOCUMENT,
    DocumentError,
    parse_document,
    parse_json,
    parse_order,
    read_bytes,
    read_order,
    read_shop,
)
from models.documents import ShopDocument

EXAMPLES = Path(__file__).parents[2] / "examples"


def refusal_of(data: bytes) -> str:
    with pytest.raises(DocumentError) as refused:
        parse_order(data)
    return str(refused.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the document is empty"),
        (b" \n", "the document is empty"),
        (b"\xef\xbb\xbf", "the document is empty"),
        (b"hello", "the document is not JSON: Expecting value (line 1, column 1)"),
        (b'{"a": 1,}', "the document is not JSON"),
        (b'{"a": 1', "the document is not JSON"),
        (b"{'a': 1}", "the document is not JSON"),
        (b'{"a": 1} {}', "the document is not JSON: Extra data"),
        (b'{"a": "\n"}', "the document is not JSON: Invalid control character"),
        (b"null", "the document must be an object"),
        (b"[]", "the document must be an object"),
        (b'"text"', "the document must be an object"),
        (b"1", "the document must be an object"),
        (b'{"a": "\xff"}', "the document is not UTF-8 (byte 7)"),
        ('{"a": "글"}'.encode("utf-16"), "the document is not UTF-8 (byte 0)"),
        ('{"a": "글"}'.encode("euc-kr"), "the document is not UTF-8"),
        (b"[" * 20_000, "the document is nested too deeply"),
        (b'{"a":' * 20_000, "the document is nested too deeply"),
        (b"[" * 20_000 + b"]" * 20_000, "the document is nested too deeply"),
        (b"[" * 1_000_000, "the document is nested too deeply"),
        (b'{"a": 1, "a": 1}', "a: stands twice in one object"),
        (b'{"items": [{"quantity": 1, "quantity": 2}]}', "quantity: stands twice"),
        (b'{"a": 1, "\\u0061": 1}', "a: stands twice in one object"),
        (b" " * (LARGEST_DOCUMENT + 1), "the document is larger than 1024 KiB"),
    ],
)
def test_refuses_bytes_that_are_no_order(data: bytes, message: str) -> None:
    assert refusal_of(data).startswith(message)


def test_refuses_names_that_are_not_fit_for_a_terminal() -> None:
    message = refusal_of(b'{"\\u001b[31m": 1, "\\ud800": 2, "%s": 3}' % (b"x" * 1000))
    assert message.isascii() or "…" in message
    assert "\x1b" not in message
    assert len(message) < 1000


def test_takes_a_byte_order_mark() -> None:
    assert parse_json(b"\xef\xbb\xbf{}") == {}


@pytest.mark.parametrize(
    "data",
    [
        b"[" + b"9" * 1_000_000 + b"]",
        b'{"quantity": ' + b"9" * 1_000_000 + b"}",
        b"{" + b",".join(b'"k%d":0' % number for number in range(80_000)) + b',"k79999":1}',
        b'"' + b'\\"' * 500_000,
        b'"' + b"4 " * 500_000 + b'"',
    ],
)
def test_refuses_costly_documents_quickly(data: bytes) -> None:
    started = time.process_time()
    refusal_of(data)
    assert time.process_time() - started < 2


def test_reads_no_more_of_a_file_than_a_document_may_have(tmp_path: Path) -> None:
    path = tmp_path / "large.json"
    with path.open("wb") as file:
        file.truncate(10_000_000)
    with path.open("rb") as file:
        source = f"/dev/fd/{file.fileno()}"
        with pytest.raises(DocumentError, match="larger than 1024 KiB"):
            read_bytes(source)


@pytest.mark.parametrize(
    ("name", "message"),
    [("missing.json", "No such file"), ("", "Is a directory"), ("a\0b", "cannot be opened")],
)
def test_says_why_a_file_cannot_be_read(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        read_order(f"{tmp_path}/{name}")


def test_reads_a_pipe(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, (EXAMPLES / "order.json").read_bytes())
    os.close(writing)
    assert read_order(f"/dev/fd/{reading}").customer_id == "CUST-456"
    os.close(reading)


def test_reads_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    data = io.BytesIO((EXAMPLES / "order.json").read_bytes())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(data))
    assert read_order("-").customer_id == "CUST-456"


def test_says_so_when_standard_input_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(DocumentError, match="-: it cannot be opened"):
        read_order("-")


def test_the_examples_are_what_they_say() -> None:
    order = read_order(str(EXAMPLES / "order.json"))
    declined = read_order(str(EXAMPLES / "order-declined.json"))
    shop = read_shop(str(EXAMPLES / "shop.json"))
    assert (order.total_amount, order.points_to_use, order.payment_token) == (10000, 10, None)
    assert declined.payment_token == "tok_declined"
    assert [(p.product_id, p.price, p.stock) for p in shop.products] == [("PROD-789", 5000, 1000)]
    assert [(c.customer_id, c.points) for c in shop.customers] == [("CUST-456", 1000)]


@pytest.mark.parametrize(
    ("shop", "message"),
    [
        ({"products": [{"product_id": "A", "price": 1, "stock": 1}] * 2}, "products[1].product_id"),
        ({"customers": [{"customer_id": "C", "points": 1}] * 2}, "customers[1].customer_id"),
        ({"products": [{"product_id": "A", "price": 1, "stock": -1}]}, "products[0].stock: must"),
        ({"products": [{"product_id": "A", "price": 1}]}, "products[0].stock: is missing"),
        (
            {"products": [{"product_id": "A", "price": 1.5, "currency": "KRW", "stock": 1}]},
            "products[0].price: has more than the 0 decimals of KRW",
        ),
        ({"customers": [{"customer_id": "C", "points": "1"}]}, "customers[0].points: must"),
        ({"stores": []}, "stores: is not a field of this document"),
    ],
)
def test_refuses_a_shop_and_names_its_field(shop: object, message: str) -> None:
    with pytest.raises(DocumentError) as refused:
        parse_document(json.dumps(shop).encode(), ShopDocument)
    assert str(refused.value).startswith(message)
