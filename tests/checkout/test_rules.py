"""What stands between a checkout and its order."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from pannier.checkout import rules
from pannier.checkout.models import Basket, BasketLine, HouseRules, Session
from pannier.pricing import Prices, PricingRules

NOW = datetime(2026, 11, 20, tzinfo=UTC)
HOUSE = HouseRules(
    prices=Prices.of_settings(PricingRules(), "USD"),
    payment_methods=("invoice",),
    required=frozenset({"email", "shipping_address"}),
    is_guest_welcome=True,
    stock_action="commit",
    holds_at_checkout=False,
)


def line(number: int = 1, **changes: Any) -> BasketLine:
    plain = BasketLine(
        id=uuid.UUID(int=number),
        variant_id="v-1",
        quantity=2,
        price_minor=500,
        is_selected=True,
        is_sellable=True,
        is_tracked=True,
        available=0,
        held=2,
        product_id="p",
        sku=None,
        name="Oak stool",
        tax_category="standard",
        requires_shipping=True,
        extra=None,
        display={},
    )
    return plain._replace(**changes)


def session(**changes: Any) -> Session:
    plain: dict[str, Any] = {
        "id": uuid.UUID(int=9),
        "cart_id": uuid.UUID(int=8),
        "status": "incomplete",
        "version": 1,
        "email": "jane@example.com",
        "shipping_address": {"name": "Jane"},
        "payment_method": "invoice",
        "created_at": NOW,
        "updated_at": NOW,
        "expires_at": NOW,
    }
    return Session(**{**plain, **changes})


def missing(asked: Session, *lines: BasketLine, house: HouseRules = HOUSE, user: str | None = None) -> list[str]:
    basket = Basket(asked.cart_id, 1, True, user, "USD", "default", lines)
    chosen = rules.chosen_lines(basket, asked)
    quoted = rules.quote_of(asked, basket, chosen, house.prices)
    return [entry.error for entry in rules.requirements(asked, basket, chosen, quoted, house)]


def test_nothing_is_missing_when_all_is_told() -> None:
    assert missing(session(), line()) == []
    assert rules.status_of([]) == "ready_for_complete"


@pytest.mark.parametrize(
    "changes, error",
    [
        ({"email": None}, "CUSTOMER_REQUIRED"),
        ({"shipping_address": None}, "ADDRESS_REQUIRED"),
        ({"payment_method": None}, "PAYMENT_METHOD_REQUIRED"),
        ({"line_ids": (uuid.UUID(int=77),), "payment_method": None}, "EMPTY_CART"),
    ],
)
def test_each_thing_that_is_missing_has_its_name(changes: dict[str, Any], error: str) -> None:
    assert missing(session(**changes), line()) == [error]


def test_a_basket_that_costs_nothing_needs_no_payment_method() -> None:
    assert missing(session(payment_method=None), line(price_minor=0)) == []


def test_lines_that_are_not_selected_do_not_count() -> None:
    assert missing(session(), line(), line(2, is_selected=False, is_sellable=False)) == []


def test_named_lines_count_whether_or_not_they_are_selected() -> None:
    named = session(line_ids=(uuid.UUID(int=2),))
    assert missing(named, line(is_sellable=False), line(2, is_selected=False)) == []


@pytest.mark.parametrize("changes", [{"is_sellable": False}, {"price_minor": None}])
def test_goods_not_for_sale_come_before_goods_that_are_short(changes: dict[str, Any]) -> None:
    found = missing(session(), line(**changes), line(2, variant_id="v-2", held=0))
    assert found == ["PRODUCT_UNAVAILABLE", "INSUFFICIENT_STOCK"]


def test_lines_of_one_variant_share_its_units_and_are_short_once() -> None:
    both = line(available=1, held=2), line(2, available=1, held=2)
    faults = rules.line_faults(both)
    assert [(fault.error, fault.details["requested"], fault.details["available"]) for fault in faults] == [
        ("INSUFFICIENT_STOCK", 4, 3)
    ]
    assert rules.line_faults([entry._replace(available=2) for entry in both]) == []


def test_what_is_not_counted_is_never_short_or_claimed() -> None:
    uncounted = line(is_tracked=False, available=None, held=0)
    assert rules.line_faults([uncounted]) == []
    assert rules.units_to_claim([uncounted]) == {}


def test_only_what_the_hold_lacks_is_held() -> None:
    lines = [line(held=3), line(2, held=3), line(3, variant_id="v-2", held=2)]
    assert rules.units_to_claim(lines) == {"v-1": 4, "v-2": 2}
    assert rules.units_to_hold(lines) == {"v-1": 1}


@pytest.mark.parametrize("text", ["jane@example.com", "a@b.co", "j.d+x@sub.example.org"])
def test_mail_addresses(text: str) -> None:
    assert rules.is_email(text)


@pytest.mark.parametrize("text", ["", "jane", "jane@", "@example.com", "a b@c.de", "jane@example", "x" * 65 + "@b.co"])
def test_no_mail_addresses(text: str) -> None:
    assert not rules.is_email(text)


def test_registered_customers_only() -> None:
    house = HouseRules(HOUSE.prices, ("invoice",), frozenset(), False, "commit", False)
    assert missing(session(), line(), house=house) == ["LOGIN_REQUIRED"]
    assert missing(session(), line(), house=house, user="u-1") == []
