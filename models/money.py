"""Amounts of money: integers in minor units inside, exact decimals outside, never floats."""

from decimal import Decimal
from fractions import Fraction

_DECIMALS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: (
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD "
        "CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD "
        "GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL "
        "MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN "
        "PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP "
        "SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VES WST XCD XCG YER ZAR ZMW ZWG"
    ),
    3: "BHD IQD JOD KWD LYD OMR TND",
}
CURRENCY_DECIMALS: dict[str, int] = {
    code: decimals for decimals, codes in _DECIMALS.items() for code in codes.split()
}
"""The currencies in use and how many decimals each has. Source: ISO 4217, list one; funds,
metals and test codes are left out."""

LARGEST_AMOUNT = 2**63 - 1
"""Minor units. The databases keep amounts as signed 64-bit integers."""


class AmountError(ValueError):
    """An amount that the currency cannot express."""


def minor_units(amount: Decimal, currency: str) -> int:
    """The amount in minor units: `Decimal("50.00")` in USD is 5000.

    Raises `AmountError` when the amount has more decimals than the currency or is too large.
    """
    if not amount.is_finite():
        raise AmountError("is not a finite number")
    if amount.adjusted() >= 30:
        raise AmountError("is too large")
    decimals = CURRENCY_DECIMALS[currency]
    # A fraction, because decimal arithmetic rounds what has more digits than its context.
    scaled = Fraction(amount) * 10**decimals
    if scaled.denominator != 1:
        raise AmountError(f"has more than the {decimals} decimals of {currency}")
    if abs(scaled) > LARGEST_AMOUNT:
        raise AmountError("is too large")
    return int(scaled)


def decimal_string(minor: int, currency: str) -> str:
    """The amount as people write it: 5000 in USD is `"50.00"`."""
    return str(Decimal(minor).scaleb(-CURRENCY_DECIMALS[currency]))


def points_value(points: int, currency: str) -> int:
    """What points pay for, in minor units: one point is one unit of the currency."""
    return minor_units(Decimal(points), currency)
