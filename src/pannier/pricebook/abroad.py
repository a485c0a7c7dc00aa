"""A shop's prices in the other currencies that it sells in: the same rules, their amounts by the rate of the day.

A currency has its own ways of shipping, or those of the shop's own currency, converted. Where there is no rate, what
names an amount is left out: a percent off is the same everywhere, and 5.00 off is not. A currency in which nothing can
be shipped, since nobody has said what that costs, is not sold in.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import TypeVar

from pannier.currencies import Exchange, convert, exchange
from pannier.kernel.money import Rounding
from pannier.platform.database import Connection
from pannier.platform.settings import Settings
from pannier.pricing import (
    Goods,
    LoyaltyRules,
    PlacedExchange,
    Prices,
    PricingRules,
    ShippingMethod,
    exchanged,
    policy_of,
    shipping_of,
    tax_of,
)

T = TypeVar("T")
_DECIMALS = 12
_logger = logging.getLogger(__name__)


class _NoRateError(Exception):
    """An amount cannot be converted."""


@dataclass(frozen=True, slots=True)
class Abroad:
    """What a currency has of its own: ways of shipping, when those arrive, and goods that are given away."""

    methods: Sequence[ShippingMethod]
    has_methods: bool
    gifts: dict[str, Goods]


async def exchange_to(connection: Connection, settings: Settings, currency: str, at: datetime) -> Exchange | None:
    """The rate of the day to a currency, as the shop's prices are converted by; None where they are not."""
    if currency not in settings.conversion_currencies:
        return None
    # Of the same day as the prices of lines are converted by, see currency_conversion.
    on = at.astimezone(UTC).date()
    return await exchange(connection, settings.currency, currency, on, settings.conversion_age_days_max)


def prices_abroad(home: Prices, currency: str, own: Abroad, by: Exchange | None, settings: Settings) -> Prices | None:
    """The shop's prices in another currency; None where it cannot sell in it."""
    change = _converter(by, settings)
    book = home.book
    if own.has_methods:
        methods = tuple(own.methods)
    else:
        methods = tuple(_converted(book.shipping_methods, change))
        if len(methods) < len(book.shipping_methods):
            _logger.warning("nothing is sold in %s: there is no way of shipping in it, and no exchange rate", currency)
            return None
    rules = _settings_abroad(home.rules, change) or replace(home.rules, shipping_flat_minor=0)
    has_own = own.has_methods or home.has_methods
    gifts = {key: goods for key, goods in _gifts(book.gifts, change).items() if key not in own.gifts} | own.gifts
    return replace(
        home,
        rules=rules,
        book=replace(
            book,
            currency=currency,
            policy=policy_of(settings) if own.has_methods else book.policy,
            price_rules=tuple(_converted(book.price_rules, change)),
            promotions=tuple(_converted(book.promotions, change)),
            tax_rates=book.tax_rates if not home.is_taxed_alike else tax_of(rules),
            shipping_methods=methods if has_own else shipping_of(rules),
            gifts=gifts,
            loyalty=_loyalty(book.loyalty, by, change),
        ),
        is_plain=home.is_plain and not own.has_methods,
        has_methods=has_own,
        exchange=_placed(by),
        convert=change if by is not None else _nothing,
        others={},
    )


def _converter(by: Exchange | None, settings: Settings) -> Callable[[int], int]:
    if by is None:

        def refuse(amount: int) -> int:
            if amount:
                raise _NoRateError
            return 0

        return refuse
    rounding, step = Rounding(settings.conversion_rounding), settings.conversion_step_minor

    def change(amount: int) -> int:
        return convert(amount, by, rounding, step)

    return change


def _nothing(_: int) -> int:
    return 0


def _converted(things: Iterable[T], change: Callable[[int], int]) -> list[T]:
    """Those whose amounts can be told."""
    found = []
    for thing in things:
        try:
            found.append(exchanged(thing, change))
        except _NoRateError:
            continue
    return found


def _settings_abroad(rules: PricingRules, change: Callable[[int], int]) -> PricingRules | None:
    free_from = rules.shipping_free_from_minor
    try:
        return replace(
            rules,
            shipping_flat_minor=change(rules.shipping_flat_minor),
            shipping_free_from_minor=None if free_from is None else change(free_from),
        )
    except _NoRateError:
        return None


def _gifts(gifts: object, change: Callable[[int], int]) -> dict[str, Goods]:
    assert isinstance(gifts, dict)
    found = {}
    for key, goods in gifts.items():
        try:
            found[key] = exchanged(goods, change)
        except _NoRateError:
            continue
    return found


def _loyalty(rules: LoyaltyRules | None, by: Exchange | None, change: Callable[[int], int]) -> LoyaltyRules | None:
    """So many points for the same worth; a point that comes to less than a minor unit pays nothing."""
    if rules is None or by is None:
        return None
    return replace(
        rules,
        points_per_unit=Fraction(rules.points_per_unit) / by.rate,
        point_minor=change(rules.point_minor),
    )


def _placed(by: Exchange | None) -> PlacedExchange | None:
    if by is None:
        return None
    scaled = by.rate.numerator * 10**_DECIMALS // by.rate.denominator
    rate = Decimal(scaled).scaleb(-_DECIMALS)
    exact = f"{by.rate.numerator}/{by.rate.denominator}"
    return PlacedExchange(by.source, by.target, f"{rate.normalize():f}", exact, by.on, by.provider)
