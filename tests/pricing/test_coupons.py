"""Codes: which is let on a basket, and the first reason why one is not."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from pannier.pricing import (
    BasketRequest,
    Coupon,
    Goods,
    Period,
    PriceBook,
    PriceRule,
    Shopper,
    codes_used_up,
    enter_coupon,
    quote,
)
from pannier.pricing.actions.order import OrderFixed
from pannier.pricing.conditions import MinQuantity
from tests.pricing.shops import basket, goods, promotion

TODAY = dt.date(2026, 5, 5)
PAST, FUTURE = Period(ends=TODAY - dt.timedelta(days=1)), Period(starts=TODAY + dt.timedelta(days=1))
PEN: Goods = goods("pen", 500)


def shop(*coupons: Coupon, **more: Any) -> PriceBook:
    return PriceBook("EUR", promotions=(promotion("p", OrderFixed(100), coupons=coupons, **more),))


def asked(book: PriceBook, **more: Any) -> BasketRequest:
    return basket(book, (PEN, 1), on=TODAY, **more)


@pytest.mark.parametrize(
    "book, reason",
    [
        (shop(Coupon("OTHER")), "unknown"),
        (shop(Coupon("CODE"), is_active=False, period=PAST), "inactive"),
        (shop(Coupon("CODE", period=PAST), period=FUTURE), "not_started"),
        (shop(Coupon("CODE", period=FUTURE), period=PAST, limit=1, used=1), "expired"),
        (shop(Coupon("CODE", period=PAST), limit=1, used=1), "usage_limit"),
        (shop(Coupon("CODE", period=FUTURE, limit=1, used=1)), "not_started"),
        (shop(Coupon("CODE", period=PAST, limit=1, used=1)), "expired"),
        (shop(Coupon("CODE", limit=1, used=1, per_customer=1, used_by_customer=1)), "usage_limit"),
        (shop(Coupon("CODE", per_customer=1, used_by_customer=1), conditions=(MinQuantity(9),)), "customer_limit"),
        (shop(Coupon("CODE"), conditions=(MinQuantity(2),)), "not_applicable"),
        (shop(Coupon("CODE"), conditions=(MinQuantity(1),)), None),
    ],
)
def test_the_first_reason_that_fits_is_told(book: PriceBook, reason: str | None) -> None:
    answer = enter_coupon(asked(book), "CODE")

    assert answer.reason == reason
    assert answer.codes == (frozenset({"CODE"}) if reason is None else frozenset())


def test_a_code_is_found_as_written_or_in_any_case() -> None:
    exact = shop(Coupon("Straße"))
    assert enter_coupon(asked(exact), "STRASSE").reason == "unknown"
    either = PriceBook("EUR", promotions=exact.promotions, codes_ignore_case=True)
    assert enter_coupon(asked(either), "STRASSE").codes == {"Straße"}
    assert enter_coupon(asked(either, codes=frozenset({"Straße"})), "strasse").reason == "already_applied"


def test_an_exclusive_code_stands_alone() -> None:
    alone = promotion("alone", OrderFixed(200), coupons=(Coupon("ONE"), Coupon("TWO")), is_exclusive=True)
    book = PriceBook("EUR", promotions=(promotion("p", OrderFixed(100), coupons=(Coupon("CODE"),)), alone))

    assert enter_coupon(asked(book, codes=frozenset({"CODE"})), "ONE").codes == {"ONE"}
    assert enter_coupon(asked(book, codes=frozenset({"ONE"})), "CODE").reason == "not_applicable"
    assert enter_coupon(asked(book, codes=frozenset({"ONE"})), "TWO").reason == "not_applicable"


def test_a_code_may_refuse_reduced_goods_and_gives_nothing_while_there_are_some() -> None:
    book = PriceBook(
        "EUR",
        price_rules=(PriceRule("sale", None, 100),),
        promotions=(promotion("p", OrderFixed(100), coupons=(Coupon("CODE", rejects_reduced_lines=True),)),),
    )

    assert enter_coupon(asked(book), "CODE").reason == "not_applicable"
    assert quote(asked(book, codes=frozenset({"CODE"}))).totals.discount_minor == 0


def test_a_customer_who_has_used_a_code_up_loses_it() -> None:
    book = shop(Coupon("CODE", per_customer=2))
    known = Shopper("ann", coupon_uses={"CODE": 2})

    assert codes_used_up(asked(book, codes=frozenset({"CODE"}), shopper=known)) == {"CODE"}
    assert codes_used_up(asked(book, codes=frozenset({"CODE"}))) == frozenset()
    assert quote(asked(book, codes=frozenset({"CODE"}), shopper=known)).totals.discount_minor == 0
