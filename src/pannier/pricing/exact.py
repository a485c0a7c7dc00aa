"""Exact arithmetic of prices: ratios of whole numbers, each rounded once and by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction

#: Rounds numerator / denominator (above 0) to a whole number.
Rounding = Callable[[int, int], int]
#: Numerator and denominator, the latter above 0.
Ratio = tuple[int, int]

ZERO: Ratio = (0, 1)


def half_up(numerator: int, denominator: int) -> int:
    """Halves away from zero."""
    if numerator < 0:
        return -((denominator - 2 * numerator) // (2 * denominator))
    return (2 * numerator + denominator) // (2 * denominator)


def half_down(numerator: int, denominator: int) -> int:
    """Halves towards zero."""
    if numerator < 0:
        return -half_down(-numerator, denominator)
    return -((denominator - 2 * numerator) // (2 * denominator))


def half_even(numerator: int, denominator: int) -> int:
    """Halves to the even neighbour."""
    whole, rest = divmod(numerator, denominator)
    twice = 2 * rest
    return whole + (twice > denominator or (twice == denominator and whole % 2 == 1))


def down(numerator: int, denominator: int) -> int:
    """Towards zero."""
    return numerator // denominator if numerator >= 0 else -(-numerator // denominator)


ROUNDINGS: Mapping[str, Rounding] = {
    "half_up": half_up,
    "half_even": half_even,
    "half_down": half_down,
    "down": down,
}


def percent_ratio(percent: Decimal | int) -> Ratio:
    """8.25 (per cent) as 33 / 400."""
    ratio = Fraction(percent) / 100
    return ratio.numerator, ratio.denominator


def ratio_of(value: Fraction) -> Ratio:
    return value.numerator, value.denominator


def rounded(value: Fraction, rounding: Rounding = half_up) -> int:
    """An exact value as a whole number."""
    return rounding(value.numerator, value.denominator)


def plain(value: Decimal | Fraction | int) -> str:
    """A percent, weight or rate for people: `8.25`, `10`, `1/3`."""
    if isinstance(value, Fraction):
        exact = Decimal(value.numerator) / Decimal(value.denominator)
        return plain(exact) if Fraction(exact) == value else str(value)
    if isinstance(value, Decimal):
        text = f"{value:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return str(value)
