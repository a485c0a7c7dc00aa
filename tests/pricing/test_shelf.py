"""What a unit costs before the basket is looked at, and which stage made it so."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from fractions import Fraction

import pytest

from pannier.pricing import (
    BasketLine,
    BasketRequest,
    Filter,
    Goods,
    ListedPrice,
    Period,
    Policy,
    PriceBook,
    PriceRule,
    SalePrice,
    Shopper,
    quote,
)
from tests.pricing.shops import goods, priced

DAY = dt.date(2026, 7, 1)
VIP = Shopper("v", frozenset({"vip"}))
TEA = goods(
    "tea",
    1000,
    sale=SalePrice(900, Period(DAY, DAY + dt.timedelta(days=9))),
    listed=(ListedPrice(800, 10), ListedPrice(700, 20), ListedPrice(750, 1, "vip")),
)
RULE = PriceRule("ten", Decimal(10))


@pytest.mark.parametrize(
    "units, on, shopper, stages",
    [
        (1, DAY - dt.timedelta(days=1), None, [("list price", 1000), ("catalogue rule", 900)]),
        (1, DAY, None, [("list price", 1000), ("sale price", 900), ("catalogue rule", 810)]),
        (1, DAY + dt.timedelta(days=9), None, [("list price", 1000), ("sale price", 900), ("catalogue rule", 810)]),
        (1, DAY + dt.timedelta(days=10), None, [("list price", 1000), ("catalogue rule", 900)]),
        (9, None, None, [("list price", 1000), ("sale price", 900), ("catalogue rule", 810)]),
        (10, DAY, None, [("list price", 1000), ("sale price", 900), ("catalogue rule", 810), ("tier price", 800)]),
        (20, DAY, None, [("list price", 1000), ("sale price", 900), ("catalogue rule", 810), ("tier price", 700)]),
        (1, DAY, VIP, [("list price", 1000), ("sale price", 900), ("catalogue rule", 810), ("group price", 750)]),
    ],
)
def test_stages_follow_each_other_and_the_lowest_price_counts(
    units: int, on: dt.date | None, shopper: Shopper | None, stages: list[tuple[str, int]]
) -> None:
    quoted = priced(PriceBook("EUR", price_rules=(RULE,)), (TEA, units), on=on, shopper=shopper)
    line = quoted.lines[0]

    assert [(stage.stage, stage.price_minor) for stage in line.prices] == stages
    assert line.unit_price_minor == stages[-1][1]


def test_units_of_a_product_on_several_lines_count_together() -> None:
    quoted = priced(PriceBook("EUR"), (TEA, 4), (TEA, 6), on=DAY)

    assert [line.unit_price_minor for line in quoted.lines] == [800, 800]


def test_no_stage_goes_below_the_floor() -> None:
    dear = goods("dear", 1000, floor_minor=850, listed=(ListedPrice(500, 2),))

    assert priced(PriceBook("EUR", price_rules=(RULE, RULE)), (dear, 1)).lines[0].unit_price_minor == 850
    assert priced(PriceBook("EUR"), (dear, 2)).lines[0].unit_price_minor == 850


def test_a_rule_looks_at_the_price_before_any_rule() -> None:
    first = PriceRule("first", Decimal(50), priority=2)
    second = PriceRule("second", None, 100, Filter(min_unit_minor=1000), priority=1)

    assert priced(PriceBook("EUR", price_rules=(second, first)), (goods("g", 1000), 1)).lines[0].unit_price_minor == 400


def test_a_rule_takes_percent_or_amount() -> None:
    with pytest.raises(ValueError, match="not both"):
        PriceRule("both", Decimal(1), 1)


def test_a_promised_price_holds_whatever_the_shelf_says() -> None:
    line = BasketLine(uuid.UUID(int=1), Goods("g", 1000), 2, 640)
    quoted = quote(BasketRequest(PriceBook("EUR", price_rules=(RULE,)), (line,)))

    assert quoted.totals.total_minor == 1280


@pytest.mark.parametrize("level, totals", [("line", [13, 13, 13]), ("order", [13, 13, 12])])
def test_a_price_finer_than_a_cent_is_rounded_by_line_or_order(level: str, totals: list[int]) -> None:
    # Ten screws at 1.25 cents are 12.5 cents: three lines are 37.5, rounded once 38.
    screws = [BasketLine(uuid.UUID(int=place), Goods("screw", 0), 10, Fraction(5, 4)) for place in range(3)]
    book = PriceBook("EUR", Policy(subtotal_level=level))  # type: ignore[arg-type] # one of two
    quoted = quote(BasketRequest(book, tuple(screws)))

    assert [line.total_minor for line in quoted.lines] == totals
    assert quoted.totals.total_minor == sum(totals)
