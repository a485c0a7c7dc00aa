"""Amounts in another currency: worked out exactly, rounded once. Pure.

currencies/sql/convert.sql says the same in the database, and a test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from fractions import Fraction

from pannier.currencies.models import Exchange, FxRate
from pannier.kernel.money import Rounding, minor_digits, round_fraction


def exchange_of(rates: Iterable[FxRate], source: str, target: str, on: date, *, age_days_max: int) -> Exchange | None:
    """How to get from one currency to another on a day: by the newest day that has both, no older than that.

    By a rate between the two, either way round, or by way of a currency that both have rates with. None without any.
    """
    if source == target:
        return Exchange(source, target, Fraction(1), on)
    by_day: dict[date, list[FxRate]] = {}
    for rate in rates:
        if on - timedelta(days=age_days_max) <= rate.on <= on:
            by_day.setdefault(rate.on, []).append(rate)
    for day in sorted(by_day, reverse=True):
        found = _exact(by_day[day], source, target)
        if found is not None:
            return Exchange(source, target, found, day)
    return None


def _exact(rates: list[FxRate], source: str, target: str) -> Fraction | None:
    pairs = {(rate.base, rate.quote): Fraction(rate.rate) for rate in rates}
    if (source, target) in pairs:
        return pairs[source, target]
    if (target, source) in pairs:
        return Fraction(1, pairs[target, source])
    shared = sorted(base for base, quote in pairs if quote == source and (base, target) in pairs)
    return Fraction(pairs[shared[0], target], pairs[shared[0], source]) if shared else None


def convert(amount_minor: int, exchange: Exchange, rounding: Rounding = Rounding.half_up, step_minor: int = 1) -> int:
    """The amount in the other currency's minor units, as a multiple of `step_minor`.

    Raises UnknownCurrencyError.
    """
    units, of_source = 10 ** minor_digits(exchange.target), 10 ** minor_digits(exchange.source)
    exact = Fraction(amount_minor * units * exchange.rate, of_source * step_minor)
    return round_fraction(exact, rounding) * step_minor
