"""What a basket costs."""

from __future__ import annotations

import uuid
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pannier.platform.settings import Settings
from pannier.pricing import (
    UNTAXED,
    LineRequest,
    PricingRules,
    Quote,
    QuoteRequest,
    Totals,
    explain,
    quote,
)

SHOP_C = PricingRules(
    tax_percent=Decimal(8),
    shipping_flat_minor=1599,
    shipping_free_from_minor=20_000,
    shipping_free_operator="gt",
)


def line(
    price: int, quantity: int = 1, *, tax_category: str = "standard", requires_shipping: bool = True
) -> LineRequest:
    return LineRequest(uuid.UUID(int=price), price, quantity, tax_category, requires_shipping)


def priced(rules: PricingRules, *lines: LineRequest) -> Quote:
    return quote(QuoteRequest("USD", lines, rules))


def test_shop_c_charges_shipping_at_exactly_two_hundred() -> None:
    assert priced(SHOP_C, line(10_000, 2)).totals == Totals(20_000, 0, 1599, 1600, 0, 23_199)


def test_shop_c_ships_free_above_two_hundred() -> None:
    assert priced(SHOP_C, line(10_000, 2), line(1)).totals == Totals(20_001, 0, 0, 1600, 0, 21_601)


def test_with_gte_exactly_the_threshold_ships_free() -> None:
    rules = PricingRules(shipping_flat_minor=500, shipping_free_from_minor=5000, shipping_free_operator="gte")
    assert priced(rules, line(5000)).totals.shipping_minor == 0
    assert priced(rules, line(4999)).totals.shipping_minor == 500


def test_tax_is_on_goods_only() -> None:
    totals = priced(SHOP_C, line(1000)).totals
    assert (totals.shipping_minor, totals.tax_minor) == (1599, 80)


def test_goods_that_need_no_shipping_pay_none() -> None:
    assert priced(SHOP_C, line(5000, requires_shipping=False)).totals == Totals(5000, 0, 0, 400, 0, 5400)


def test_one_line_that_needs_shipping_makes_the_basket_pay_it() -> None:
    assert priced(SHOP_C, line(500, requires_shipping=False), line(700)).totals.shipping_minor == 1599


def test_an_empty_basket_costs_nothing() -> None:
    assert priced(SHOP_C).totals == Totals(0, 0, 0, 0, 0, 0)


def test_goods_without_a_tax_category_are_not_taxed() -> None:
    quoted = priced(SHOP_C, line(1000, tax_category=UNTAXED), line(500))
    assert [entry.tax_minor for entry in quoted.lines] == [0, 40]


def test_included_tax_is_found_inside_the_price_and_not_added() -> None:
    rules = PricingRules(tax_percent=Decimal(20), tax_included=True)
    assert priced(rules, line(1200)).totals == Totals(1200, 0, 0, 0, 200, 1200)


def test_half_a_cent_of_tax_is_rounded_up_on_each_line() -> None:
    rules = PricingRules(tax_percent=Decimal(10))
    quoted = priced(rules, line(5), line(15))
    assert [entry.tax_minor for entry in quoted.lines] == [1, 2]
    assert quoted.totals.tax_added_minor == 3


def test_rules_come_from_the_settings() -> None:
    settings = Settings(
        tax_percent=Decimal("7.7"),
        tax_included=True,
        shipping_flat_minor=990,
        shipping_free_from_minor=9900,
        shipping_free_operator="gt",
    )
    assert PricingRules.from_settings(settings) == PricingRules(Decimal("7.7"), True, 990, 9900, "gt")


@pytest.mark.parametrize(
    "rules, basket, reasons",
    [
        (SHOP_C, (line(1000, 2),), ["2 × 10.00", "flat; free above 200.00", "8 % on top"]),
        (SHOP_C, (line(30_000),), ["1 × 300.00", "free above 200.00", "8 % on top"]),
        (
            PricingRules(tax_percent=Decimal(5), tax_included=True),
            (line(100, requires_shipping=False, tax_category=UNTAXED),),
            ["1 × 1.00", "nothing has to be shipped", "no tax on these goods"],
        ),
        (PricingRules(Decimal(5), True, 100), (line(100),), ["1 × 1.00", "flat", "5 % inside the price"]),
    ],
)
def test_every_figure_has_its_reason(rules: PricingRules, basket: tuple[LineRequest, ...], reasons: list[str]) -> None:
    request = QuoteRequest("USD", basket, rules)
    steps = explain(request, quote(request))
    assert [step.reason for step in steps] == reasons


lines = st.lists(
    st.builds(
        LineRequest,
        line_id=st.uuids(),
        unit_price_minor=st.integers(0, 10**9),
        quantity=st.integers(1, 10**6),
        tax_category=st.sampled_from(["standard", "reduced", UNTAXED]),
        requires_shipping=st.booleans(),
    ),
    max_size=8,
).map(tuple)
rules_of_shops = st.builds(
    PricingRules,
    tax_percent=st.decimals(0, 100, places=3),
    tax_included=st.booleans(),
    shipping_flat_minor=st.integers(0, 10_000),
    shipping_free_from_minor=st.none() | st.integers(0, 10**9),
    shipping_free_operator=st.sampled_from(["gte", "gt"]),
)


@given(lines, rules_of_shops)
def test_lines_add_up_to_the_totals(basket: tuple[LineRequest, ...], rules: PricingRules) -> None:
    quoted = priced(rules, *basket)
    totals = quoted.totals
    assert totals.subtotal_minor == sum(entry.subtotal_minor for entry in quoted.lines)
    assert totals.tax_minor == sum(entry.tax_minor for entry in quoted.lines)
    assert totals.total_minor == (
        totals.subtotal_minor - totals.discount_minor + totals.shipping_minor + totals.tax_added_minor
    )
    assert all(amount >= 0 for amount in totals)
    explained = explain(QuoteRequest("USD", basket, rules), quoted)
    included = totals.tax_included_minor
    assert sum(step.amount_minor for step in explained) - included == totals.total_minor


@given(lines, rules_of_shops)
def test_tax_of_a_line_is_at_most_half_a_cent_off(basket: tuple[LineRequest, ...], rules: PricingRules) -> None:
    rate = Fraction(rules.tax_percent) / 100
    for entry in priced(rules, *basket).lines:
        exact = (entry.total_minor * rate / (1 + rate) if rules.tax_included else entry.total_minor * rate) * bool(
            entry.tax_category
        )
        assert Fraction(-1, 2) < entry.tax_minor - exact <= Fraction(1, 2)


@given(lines, rules_of_shops, st.randoms())
def test_the_order_of_lines_changes_no_total(
    basket: tuple[LineRequest, ...], rules: PricingRules, random: object
) -> None:
    shuffled = list(basket)
    random.shuffle(shuffled)  # type: ignore[attr-defined] # hypothesis' Random, which it does not name
    assert priced(rules, *shuffled).totals == priced(rules, *basket).totals


@given(lines, rules_of_shops)
def test_a_line_costs_the_same_in_every_basket(basket: tuple[LineRequest, ...], rules: PricingRules) -> None:
    together = priced(rules, *basket).lines
    assert together == tuple(priced(rules, single).lines[0] for single in basket)
