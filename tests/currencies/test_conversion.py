"""Amounts in another currency, by the real rates of the European Central Bank."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from pannier.currencies import Exchange, FxRate, convert, exchange, exchange_of, import_fx, read_ecb
from pannier.kernel.currencies import MINOR_DIGITS
from pannier.kernel.money import Rounding
from pannier.platform.database import Database
from pannier.platform.records import Cause

CAUSE = Cause("test")
DAY = date(2026, 4, 13)
RATES = [
    FxRate("EUR", quote, DAY, Decimal(rate))
    for quote, rate in {"USD": "1.1684", "JPY": "186.75", "GBP": "0.87058"}.items()
]

PAIRS = (("EUR", "USD", "1.1684"), ("EUR", "JPY", "0.5"), ("KWD", "EUR", "2.5"), ("JPY", "KWD", "0.00205"))


@pytest.mark.parametrize(
    "source, target, rate",
    [
        ("EUR", "USD", Fraction("1.1684")),
        ("USD", "EUR", 1 / Fraction("1.1684")),
        ("USD", "GBP", Fraction("0.87058") / Fraction("1.1684")),
        ("USD", "USD", Fraction(1)),
        ("USD", "CHF", None),
    ],
)
def test_a_rate_is_found_whichever_way_round(source: str, target: str, rate: Fraction | None) -> None:
    found = exchange_of(RATES, source, target, DAY, age_days_max=0)
    assert (None if found is None else found.rate) == rate


def test_a_rate_that_is_too_old_converts_nothing() -> None:
    assert exchange_of(RATES, "EUR", "USD", date(2026, 4, 16), age_days_max=3) is not None
    assert exchange_of(RATES, "EUR", "USD", date(2026, 4, 17), age_days_max=3) is None
    assert exchange_of(RATES, "EUR", "USD", date(2026, 4, 12), age_days_max=3) is None


@pytest.mark.parametrize(
    "amount, target, rounding, step, expected",
    [
        # 19.99 EUR × 1.1684 = 23.356316 USD
        (1999, "USD", Rounding.half_up, 1, 2336),
        (1999, "USD", Rounding.down, 1, 2335),
        (1999, "USD", Rounding.half_up, 5, 2335),
        (1999, "USD", Rounding.half_up, 100, 2300),
        # 0.50 EUR × 186.75 = 93.375 yen, which have no smaller unit.
        (50, "JPY", Rounding.half_up, 1, 93),
        (50, "JPY", Rounding.half_up, 10, 90),
        (0, "USD", Rounding.half_up, 1, 0),
    ],
)
def test_it_is_rounded_once_to_the_step(amount: int, target: str, rounding: Rounding, step: int, expected: int) -> None:
    found = exchange_of(RATES, "EUR", target, DAY, age_days_max=0)
    assert found is not None
    assert convert(amount, found, rounding, step) == expected


@given(some.integers(0, 10**12), some.sampled_from([Rounding.half_up, Rounding.half_even, Rounding.half_down]))
def test_there_and_back_again_is_less_than_a_unit_of_the_coarser_away(amount: int, rounding: Rounding) -> None:
    there = Exchange("EUR", "USD", Fraction("1.1684"), DAY)
    back = Exchange("USD", "EUR", 1 / there.rate, DAY)
    assert abs(convert(convert(amount, there, rounding), back, rounding) - amount) <= 1


async def test_the_whole_history_comes_in_once_and_the_database_agrees_with_the_rules(
    db: Database, shared_data: Path
) -> None:
    file = read_ecb((shared_data / "reference/currency/eurofxref-hist.zip").read_bytes())
    assert (file.days, file.problems.count) == (6983, 0)
    first = await import_fx(db, file, CAUSE)
    again = await import_fx(db, file, CAUSE)

    assert (first.outcome, first.created, first.updated) == ("imported", len(file.rates), 0)
    assert (again.outcome, again.created, again.updated) == ("unchanged", 0, 0)
    days = [date(1999, 1, 4), date(2008, 8, 9), date(2020, 3, 16), date(2026, 4, 19), date(2026, 4, 25)]
    pairs = [("EUR", "USD"), ("USD", "EUR"), ("GBP", "JPY"), ("USD", "HRK"), ("PLN", "PLN"), ("USD", "XAU")]
    near = {day: [rate for rate in file.rates if abs((rate.on - day).days) < 10] for day in days}
    async with db.read() as connection:
        for day in days:
            for source, target in pairs:
                expected = exchange_of(near[day], source, target, day, age_days_max=7)
                found = await exchange(connection, source, target, day, 7)
                assert (found and replace(found, provider="")) == expected, (source, target, day)
        # A Saturday has Friday's rate.
        saturday = await exchange(connection, "EUR", "USD", date(2008, 8, 9), 7)
        assert saturday is not None
        assert (saturday.on, saturday.provider) == (date(2008, 8, 8), "ECB")
        assert await exchange(connection, "EUR", "USD", date(2026, 4, 25), 7) is None


async def test_the_database_rounds_as_the_rules_do(db: Database) -> None:
    cases = [
        (amount, source, target, rate, rounding, step)
        for amount in (0, 1, 3, 50, 1999, 123_456_789)
        for source, target, rate in PAIRS
        for rounding in Rounding
        for step in (1, 5, 100)
    ]  # fmt: skip
    async with db.read() as connection:
        for amount, source, target, rate, rounding, step in cases:
            found = await connection.fetchval(
                "select currency_convert($1, $2, $3, $4, 1, $5, $6)",
                amount, source, target, Decimal(rate), rounding.value, step,
            )  # fmt: skip
            expected = convert(amount, Exchange(source, target, Fraction(rate), DAY), rounding, step)
            assert found == expected, (amount, source, target, rate, rounding, step)


async def test_the_database_knows_the_decimals_of_every_currency(db: Database) -> None:
    async with db.read() as connection:
        asked = "select c, currency_digits(c) as digits from unnest($1::text[]) c"
        rows = await connection.fetch(asked, [*MINOR_DIGITS])
    assert {row["c"]: row["digits"] for row in rows} == MINOR_DIGITS


@pytest.mark.parametrize(
    "text, where",
    [
        ("Date,USD\n2026-13-01,1.1\n", "line 2, column Date: '2026-13-01' is no day"),
        ("Date,USD\n2026-01-02,one\n", "line 2, column USD: 'one' is no rate"),
        ("Date,USD\n2026-01-02,0\n", "line 2, column USD: '0' is no rate"),
        ("Date,USD\n2026-01-02,1\n2026-01-02,2\n", "line 3, column Date: 2026-01-02 stands on line 2"),
        ("Date,USD\n2026-01-02,1,2\n", "line 2: 3 cells"),
        ("Date,usd,EUR\n2026-01-02,1,2\n", "line 2, column usd: '1' stands under no currency"),
        ("Handle,Title\n", "line 1: the first line must have Date"),
        ("Date,USD\n", "line 1: no rate in it"),
    ],
)
async def test_every_bad_cell_is_told_and_nothing_comes_in(db: Database, text: str, where: str) -> None:
    file = read_ecb(text.encode())
    report = await import_fx(db, file, CAUSE)
    assert report.outcome == "refused"
    assert where in str(file.problems.listed[0])
    async with db.read() as connection:
        assert await connection.fetchval("select count(*) from fx_rate") == 0


async def test_a_newer_file_adds_its_days_and_mends_a_rate(db: Database) -> None:
    await import_fx(db, read_ecb(b"Date,USD,CYP,\n2026-01-02,1.1,N/A,\n"), CAUSE)
    report = await import_fx(db, read_ecb(b"Date,USD,\n2026-01-05,1.3,\n2026-01-02,1.2,\n"), CAUSE)
    assert (report.outcome, report.created, report.updated) == ("imported", 1, 1)
    async with db.read() as connection:
        kept = await connection.fetch("select after from price_audit where subject_kind = 'fx_rate' order by at, id")
        assert await connection.fetchval("select rate from fx_rate where on_date = '2026-01-02'") == Decimal("1.2")
    assert kept[1]["after"] == {"created": 1, "updated": 1, "from": "2026-01-02", "to": "2026-01-05"}


@pytest.mark.parametrize("data", [b"PK\x03\x04broken", b"\xff\xfe\x00", b""])
def test_what_is_no_file_of_rates_is_refused(data: bytes) -> None:
    assert read_ecb(data).problems.count == 1
