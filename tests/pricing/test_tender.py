"""Gift cards, store credit and points pay a price; they do not change it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pannier.pricing import LoyaltyRules, PriceBook, Purse, Shopper
from pannier.pricing.actions.order import OrderFixed
from pannier.pricing.tender import tenders
from tests.pricing.shops import goods, priced, promotion

CARD = Purse("gift_card", "G1", 3000)
CREDIT = Purse("store_credit", "ann", 5000)


def test_purses_pay_in_their_order_and_never_more_than_is_due() -> None:
    quoted = priced(PriceBook("EUR"), (goods("g", 4500), 1), purses=(CARD, CREDIT))

    assert [(one.reference, one.amount_minor, one.remaining) for one in quoted.tenders] == [
        ("G1", 3000, 0),
        ("ann", 1500, 3500),
    ]
    assert (quoted.totals.total_minor, quoted.due_minor) == (4500, 0)


def test_a_shopper_may_use_a_part_of_a_balance() -> None:
    quoted = priced(PriceBook("EUR"), (goods("g", 4500), 1), purses=(Purse("gift_card", "G1", 3000, 1000),))

    assert (quoted.tenders[0].amount_minor, quoted.tenders[0].remaining, quoted.due_minor) == (1000, 2000, 3500)


def test_points_pay_whole_points_and_a_part_of_the_total() -> None:
    loyalty = LoyaltyRules(point_minor=7, burn_percent=Decimal(50))
    quoted = priced(PriceBook("EUR", loyalty=loyalty), (goods("g", 999), 1), purses=(Purse("points", "ann", 1000),))

    # Half of 9.99 is 4.99; 71 points are 4.97, and one more would be too much.
    assert (quoted.tenders[0].amount_minor, quoted.tenders[0].remaining) == (497, 929)


def test_without_loyalty_rules_points_are_worth_nothing() -> None:
    assert priced(PriceBook("EUR"), (goods("g", 999), 1), purses=(Purse("points", "ann", 1000),)).tenders == ()


@pytest.mark.parametrize("groups, points", [((), 44), (("gold",), 89)])
def test_goods_after_discounts_earn_whole_points(groups: tuple[str, ...], points: int) -> None:
    loyalty = LoyaltyRules(group_factors=(("gold", Decimal(2)), ("silver", Decimal("1.5"))))
    book = PriceBook("EUR", promotions=(promotion("ten", OrderFixed(1000)),), loyalty=loyalty)
    quoted = priced(book, (goods("g", 5499), 1), shopper=Shopper("ann", frozenset(groups)))

    assert quoted.points_earned == points


@given(
    st.integers(0, 10**6),
    st.lists(
        st.builds(
            Purse,
            st.sampled_from(["gift_card", "store_credit", "points"]),
            st.just("p"),
            st.integers(0, 10**6),
            st.none() | st.integers(0, 10**6),
        ),
        max_size=4,
    ),
    st.builds(LoyaltyRules, point_minor=st.integers(0, 50), burn_percent=st.integers(0, 100).map(Decimal)),
)
def test_nothing_is_paid_twice_or_from_nothing(total: int, purses: list[Purse], loyalty: LoyaltyRules) -> None:
    paid = tenders(total, purses, loyalty)

    assert sum(one.amount_minor for one in paid) <= total
    assert all(one.amount_minor > 0 and one.remaining >= 0 for one in paid)
    assert tenders(total, [purse for purse in purses if purse.balance == 0], loyalty) == ()
