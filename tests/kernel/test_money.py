"""Amounts are whole minor units: reading, writing, rounding and spreading them never loses one."""

from __future__ import annotations

import csv
import json
from decimal import ROUND_DOWN, ROUND_HALF_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pannier.kernel.currencies import MINOR_DIGITS
from pannier.kernel.money import (
    AMOUNT_MAX,
    Money,
    Rounding,
    UnknownCurrencyError,
    allocate,
    format_amount,
    minor_digits,
    parse_amount,
    percent_of,
    round_fraction,
)

currencies = st.sampled_from(sorted(MINOR_DIGITS))
amounts = st.integers(-AMOUNT_MAX, AMOUNT_MAX)
DECIMAL_MODES = {
    Rounding.half_up: ROUND_HALF_UP,
    Rounding.half_even: ROUND_HALF_EVEN,
    Rounding.half_down: ROUND_HALF_DOWN,
    Rounding.down: ROUND_DOWN,
}


@pytest.mark.parametrize(
    "text, currency, minor",
    [
        ("9.99", "USD", 999),
        ("50", "USD", 5000),
        ("0.1", "USD", 10),
        (".5", "USD", 50),
        ("5.", "USD", 500),
        (" 15.99 ", "USD", 1599),
        ("-3.20", "EUR", -320),
        ("+3.20", "EUR", 320),
        ("9.9900", "USD", 999),
        ("1200", "JPY", 1200),
        ("1.234", "KWD", 1234),
        ("10000000000000.00", "USD", AMOUNT_MAX),
    ],
)
def test_a_decimal_text_is_read_exactly(text: str, currency: str, minor: int) -> None:
    assert parse_amount(text, currency) == minor


@pytest.mark.parametrize(
    "text, currency",
    [
        ("", "USD"),
        (" ", "USD"),
        (".", "USD"),
        ("abc", "USD"),
        ("1,50", "USD"),
        ("1 000", "USD"),
        ("1e3", "USD"),
        ("NaN", "USD"),
        ("Infinity", "USD"),
        ("1.2.3", "USD"),
        ("--1", "USD"),
        ("+-1", "USD"),
        ("1-", "USD"),
        ("٣", "USD"),
        ("$5", "USD"),
        ("1_000", "USD"),
        ("9.999", "USD"),
        ("1.5", "JPY"),
        ("10000000000000.01", "USD"),
        ("9" * 5000, "USD"),
        ("1." + "0" * 5000 + "1", "USD"),
    ],
)
def test_anything_else_is_refused(text: str, currency: str) -> None:
    with pytest.raises(ValueError):
        parse_amount(text, currency)


@given(amounts, currencies)
def test_what_is_written_reads_back_the_same(amount: int, currency: str) -> None:
    assert parse_amount(format_amount(amount, currency), currency) == amount


@pytest.mark.parametrize(
    "amount, currency, text",
    [
        (1599, "USD", "15.99"),
        (5, "USD", "0.05"),
        (-5, "USD", "-0.05"),
        (-123450, "EUR", "-1234.50"),
        (1599, "JPY", "1599"),
        (1599, "KWD", "1.599"),
        (0, "USD", "0.00"),
    ],
)
def test_amounts_are_written_with_the_currencys_decimals(amount: int, currency: str, text: str) -> None:
    assert format_amount(amount, currency) == text
    assert str(Money(amount, currency)) == f"{text} {currency}"


@pytest.mark.parametrize("currency", ["", "usd", "US", "USDT", "ZZZ"])
def test_an_unknown_currency_is_refused(currency: str) -> None:
    with pytest.raises(UnknownCurrencyError, match="ISO 4217"):
        minor_digits(currency)


@given(st.fractions(max_denominator=10_000), st.sampled_from(Rounding))
def test_rounding_is_within_one_unit_and_symmetric(value: Fraction, mode: Rounding) -> None:
    rounded = round_fraction(value, mode)

    assert abs(rounded - value) < 1
    assert mode is Rounding.down or abs(rounded - value) <= Fraction(1, 2)
    assert round_fraction(-value, mode) == -rounded


@given(st.decimals(-(10**9), 10**9, places=3), st.sampled_from(Rounding))
def test_rounding_is_the_decimal_modules(value: Decimal, mode: Rounding) -> None:
    assert round_fraction(Fraction(value), mode) == int(value.quantize(Decimal(1), DECIMAL_MODES[mode]))


@pytest.mark.parametrize(
    "amount, percent, mode, expected",
    [
        (20000, "8", Rounding.half_up, 1600),
        (1250, "8.25", Rounding.half_up, 103),
        (50, "1", Rounding.half_up, 1),
        (50, "1", Rounding.half_down, 0),
        (50, "1", Rounding.half_even, 0),
        (150, "1", Rounding.half_even, 2),
        (99, "1", Rounding.down, 0),
        (-50, "1", Rounding.half_up, -1),
        (10**15, "33.333", Rounding.half_up, 333_330_000_000_000),
    ],
)
def test_a_percentage_is_rounded_once(amount: int, percent: str, mode: Rounding, expected: int) -> None:
    assert percent_of(amount, Decimal(percent), mode) == expected


@given(amounts, st.lists(st.integers(0, 10**12), min_size=1, max_size=30))
def test_parts_add_up_and_none_is_a_unit_off_its_share(amount: int, weights: list[int]) -> None:
    if not any(weights):
        weights[0] = 1

    parts = allocate(amount, weights)

    total = sum(weights)
    assert sum(parts) == amount
    assert all(abs(part - Fraction(amount * weight, total)) < 1 for part, weight in zip(parts, weights, strict=True))
    assert all(part == 0 for part, weight in zip(parts, weights, strict=True) if weight == 0)


def test_leftover_units_go_to_the_largest_remainders_and_then_to_the_first() -> None:
    assert allocate(100, [1, 1, 1]) == [34, 33, 33]
    assert allocate(-100, [1, 1, 1]) == [-34, -33, -33]
    assert allocate(10, [1, 2, 4]) == [1, 3, 6]
    assert allocate(1, [0, 1]) == [0, 1]


def test_nothing_can_be_spread_over_nothing() -> None:
    assert allocate(0, []) == []
    assert allocate(0, [0, 0]) == [0, 0]


@pytest.mark.parametrize("amount, weights", [(1, []), (1, [0, 0]), (1, [2, -1])])
def test_an_amount_needs_weights_to_be_spread_over(amount: int, weights: list[int]) -> None:
    with pytest.raises(ValueError, match="weight"):
        allocate(amount, weights)


@pytest.mark.shared_data
def test_the_table_is_iso_4217s(shared_data: Path) -> None:
    with (shared_data / "reference/currency/iso4217-codes-all.csv").open(encoding="utf-8", newline="") as file:
        active = {
            row["AlphabeticCode"]: int(row["MinorUnit"]) if row["MinorUnit"].isdigit() else 0
            for row in csv.DictReader(file)
            if row["AlphabeticCode"] and not row["WithdrawalDate"]
        }

    assert active == MINOR_DIGITS
    assert len(active) == 178


@pytest.mark.shared_data
def test_the_table_agrees_with_another_one(shared_data: Path) -> None:
    text = (shared_data / "reference/currency/moneyphp-iso-current.json").read_text(encoding="utf-8")
    theirs = {code: entry["minorUnit"] for code, entry in json.loads(text).items()}

    common = theirs.keys() & MINOR_DIGITS.keys()
    assert {code: theirs[code] for code in common} == {code: MINOR_DIGITS[code] for code in common}
    assert len(common) > 150
