"""The set of competing promotions that is best for the shopper, against trying every set."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pannier.pricing import Goods, Policy, PriceBook, Promotion
from pannier.pricing.actions.groups import BundlePrice, GroupPercent
from pannier.pricing.actions.item import ItemFixed, ItemPercent
from pannier.pricing.actions.order import OrderFixed, OrderPercent
from pannier.pricing.combining import EXACT_MAX
from pannier.pricing.conditions import MaxSubtotal, MinSubtotal
from tests.pricing.shops import goods, priced, promotion

BEST = Policy(selection="best_combination")
TEA, CUP = goods("tea", 450, categories="tea"), goods("cup", 1290, categories="cups")

amounts = st.integers(0, 900)
percents = st.integers(0, 60).map(Decimal)
actions = st.one_of(
    st.builds(OrderFixed, amounts),
    st.builds(OrderPercent, percents),
    st.builds(ItemPercent, percents),
    st.builds(ItemFixed, amounts, max_units=st.none() | st.integers(1, 2)),
    st.builds(BundlePrice, st.integers(1, 3), amounts),
    st.builds(GroupPercent, st.integers(1, 3), percents, take=st.just(1)),
)
conditions = st.lists(
    st.builds(MinSubtotal, st.integers(0, 4000)) | st.builds(MaxSubtotal, st.integers(1500, 6000)), max_size=1
).map(tuple)
promotions = st.lists(
    st.builds(
        Promotion,
        id=st.just("p"),
        actions=st.tuples(actions),
        conditions=conditions,
        priority=st.integers(0, 2),
        lane=st.none() | st.sampled_from("ab"),
    ),
    max_size=5,
).map(lambda found: tuple(replace(one, id=f"p{number}") for number, one in enumerate(found)))
baskets = st.lists(st.tuples(st.sampled_from([TEA, CUP]), st.integers(1, 3)), min_size=1, max_size=3)


def sets(found: Sequence[Promotion]) -> Iterator[tuple[Promotion, ...]]:
    """Every set of promotions with at most one of each lane."""
    for size in range(len(found) + 1):
        for chosen in itertools.combinations(found, size):
            lanes = [one.lane for one in chosen if one.lane is not None]
            if len(lanes) == len(set(lanes)):
                yield chosen


@settings(max_examples=60, deadline=None)
@given(promotions, baskets)
def test_no_set_is_cheaper(found: tuple[Promotion, ...], lines: list[tuple[Goods, int]]) -> None:
    best = priced(PriceBook("EUR", BEST, promotions=found), *lines).totals.total_minor

    assert best == min(priced(PriceBook("EUR", promotions=chosen), *lines).totals.total_minor for chosen in sets(found))


def test_twelve_are_tried_exactly() -> None:
    # Each of a lane is alone too little for the next; the best set is not the dearest ones first.
    found = tuple(
        promotion(f"p{number}", OrderFixed(100 + 7 * number), lane="ab"[number % 2]) for number in range(EXACT_MAX)
    )
    quoted = priced(PriceBook("EUR", BEST, promotions=found), (CUP, 2))

    assert [one.promotion_id for one in quoted.applied] == ["p10", "p11"]


@pytest.mark.parametrize("count", [EXACT_MAX + 1, EXACT_MAX + 5])
def test_more_are_never_dearer_than_all_in_turn_or_than_one(count: int) -> None:
    found = tuple(
        promotion(
            f"p{number}",
            ItemPercent(Decimal(number % 5 + 1)) if number % 2 else OrderFixed(30 * number),
            conditions=(MinSubtotal(2000),) if number % 3 == 0 else (),
            lane=f"lane {number // 4}",
        )
        for number in range(count)
    )
    lines = [(CUP, 2), (TEA, 1)]
    best = priced(PriceBook("EUR", BEST, promotions=found), *lines).totals.total_minor
    stacked = priced(PriceBook("EUR", promotions=found), *lines).totals.total_minor
    alone = [priced(PriceBook("EUR", promotions=(one,)), *lines).totals.total_minor for one in found]

    assert best <= min(stacked, *alone)


def test_what_was_left_out_says_why() -> None:
    # Ten per cent keeps the goods from reaching the threshold of the larger gift.
    found = (
        promotion("percent", OrderPercent(Decimal(10)), priority=2),
        promotion("large", OrderFixed(900), conditions=(MinSubtotal(2580),), priority=1),
    )
    quoted = priced(PriceBook("EUR", BEST, promotions=found), (CUP, 2))

    assert quoted.totals.total_minor == 1680
    assert [message.text for message in quoted.messages] == ["percent does not apply: without it the total is lower."]
