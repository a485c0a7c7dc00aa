"""Money as whole minor units of a currency. No float ever holds an amount."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from pannier.kernel.currencies import MINOR_DIGITS

# 10^15 minor units: beyond any basket, and a sum of a million such amounts still fits PostgreSQL's bigint.
AMOUNT_MAX = 10**15


class Rounding(enum.StrEnum):
    """How a figure between two minor units becomes one (halves: away from zero, to even, towards zero)."""

    half_up = "half_up"
    half_even = "half_even"
    half_down = "half_down"
    down = "down"


class UnknownCurrencyError(ValueError):
    """The code is not an active ISO 4217 currency."""


@dataclass(frozen=True, slots=True)
class Money:
    """`amount` minor units of `currency` (cents of USD, whole yen of JPY)."""

    amount: int
    currency: str

    def __str__(self) -> str:
        return f"{format_amount(self.amount, self.currency)} {self.currency}"


def minor_digits(currency: str) -> int:
    """Decimals of the currency's minor unit: 2 for USD, 0 for JPY, 3 for KWD. Raises UnknownCurrencyError."""
    try:
        return MINOR_DIGITS[currency]
    except KeyError:
        raise UnknownCurrencyError(f"{currency!r} is not an active ISO 4217 currency code") from None


def parse_amount(text: str, currency: str) -> int:
    """The minor units that a decimal text such as `9.99` or `50` names, exactly.

    Raises ValueError when it is no plain decimal number, has more decimals than the currency, or is too
    large.
    """
    digits = minor_digits(currency)
    plain = text.strip()
    if not plain or not plain.isascii() or not plain.lstrip("+-").replace(".", "", 1).isdigit():
        raise ValueError(f"{text!r} is not a decimal number such as 19.99")
    try:
        # Fraction, because Decimal would round whatever has more digits than its context.
        scaled = Fraction(plain) * 10**digits
    except ValueError:
        raise ValueError(f"{text!r} is not a decimal number such as 19.99") from None
    if scaled.denominator != 1:
        raise ValueError(f"{text!r} has more decimals than {currency} has ({digits})")
    if abs(scaled) > AMOUNT_MAX:
        raise ValueError(f"{text!r} is more than the largest amount, {format_amount(AMOUNT_MAX, currency)}")
    return int(scaled)


def format_amount(amount: int, currency: str) -> str:
    """`1599` of USD as `15.99`; no thousands separator, no symbol."""
    digits = minor_digits(currency)
    if digits == 0:
        return str(amount)
    sign, whole = ("-" if amount < 0 else ""), abs(amount)
    return f"{sign}{whole // 10**digits}.{whole % 10**digits:0{digits}d}"


def round_fraction(value: Fraction, mode: Rounding = Rounding.half_up) -> int:
    """The exact value as a whole number, rounded once."""
    whole, rest = divmod(abs(value.numerator), value.denominator)
    twice = 2 * rest
    up = {
        Rounding.half_up: twice >= value.denominator,
        Rounding.half_down: twice > value.denominator,
        Rounding.half_even: twice > value.denominator or (twice == value.denominator and whole % 2 == 1),
        Rounding.down: False,
    }[mode]
    rounded = whole + 1 if up else whole
    return rounded if value >= 0 else -rounded


def percent_of(amount: int, percent: Decimal, mode: Rounding = Rounding.half_up) -> int:
    """`percent` % of the amount, worked out exactly and rounded once."""
    return round_fraction(Fraction(percent) * amount / 100, mode)


def allocate(amount: int, weights: Sequence[int]) -> list[int]:
    """Spread an amount over weights so that the parts add up to it: largest remainder, ties to the earlier.

    All weights zero (or none) with an amount other than zero cannot be spread: ValueError.
    """
    total = sum(weights)
    if any(weight < 0 for weight in weights):
        raise ValueError("weights are not negative")
    if total == 0:
        if amount:
            raise ValueError("an amount cannot be spread over no weight")
        return [0] * len(weights)
    sign, whole = (-1 if amount < 0 else 1), abs(amount)
    parts = [whole * weight // total for weight in weights]
    remainders = [whole * weight % total for weight in weights]
    missing = whole - sum(parts)
    for index in sorted(range(len(weights)), key=lambda i: -remainders[i])[:missing]:
        parts[index] += 1
    return [sign * part for part in parts]
