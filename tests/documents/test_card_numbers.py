"""Card numbers are found however they are written, and other numbers are left alone."""

import pytest

from models.card_numbers import holds_card_number

# The issuers' published test numbers.
TEST_NUMBERS = {
    "Visa": "4111111111111111",
    "Visa, 13 digits": "4222222222222",
    "Mastercard": "5555555555554444",
    "Mastercard, 2-series": "2223003122003222",
    "American Express": "378282246310005",
    "Discover": "6011111111111117",
    "JCB": "3530111333300000",
    "UnionPay": "6200000000000005",
    "Diners Club": "30569309025904",
    "Diners Club, 36": "36227206271667",
    "Maestro": "6759649826438453",
}


@pytest.mark.parametrize("number", TEST_NUMBERS.values(), ids=TEST_NUMBERS.keys())
def test_finds_each_issuers_numbers(number: str) -> None:
    assert holds_card_number(number)
    assert holds_card_number(f"call 12, card={number}; thanks")


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "4111.1111.1111.1111",
        "12 4111 1111 1111 1111 0529",
        "4111\u00a01111\u20111111\u20131111",
        "4111\u200b1111\u200b1111\u200b1111",
        "４１１１１１１１１１１１１１１１",
        "카드번호는4111111111111111입니다",
        "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
    ],
)
def test_finds_a_number_however_it_is_written(text: str) -> None:
    assert holds_card_number(text)


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111112",  # fails Luhn
        "1764000000000",  # a time stamp in milliseconds
        "9111111111111111",  # nobody issues these
        "411111111111",  # too short
        "010-1234-5678",
        "06236 서울특별시 강남구 테헤란로 152",
        "tok_1PqK2eLkdIwHu7ix",
        "",
    ],
)
def test_leaves_other_numbers_alone(text: str) -> None:
    assert not holds_card_number(text)


def test_takes_no_recent_time_stamp_for_a_card_number() -> None:
    milliseconds = range(1_700_000_000_000, 1_800_000_000_000, 99_999_989)
    assert not any(holds_card_number(str(stamp)) for stamp in milliseconds)
