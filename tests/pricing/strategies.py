"""Shops and baskets at random, with the whole vocabulary of promotions, taxes, shipping and house rules."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from pannier.pricing import (
    BasketLine,
    BasketRequest,
    Filter,
    Goods,
    ListedPrice,
    Policy,
    PriceBook,
    PriceRule,
    Promotion,
    ShippingMethod,
    Shopper,
    TaxRate,
)
from pannier.pricing import conditions as conditioning
from pannier.pricing.actions import gift, groups, item, order, shipping
from pannier.pricing.goods import EVERYTHING
from pannier.pricing.methods import Band, Flat, PercentOfItems, PerUnit, WeightBands
from pannier.pricing.policy import CHOICES

CATEGORIES = ("a", "b", "c")
amounts = st.integers(0, 3000)
percents = st.decimals(0, 100, places=2, allow_nan=False)
filters = st.just(EVERYTHING) | st.builds(
    Filter,
    products=st.none() | st.frozensets(st.sampled_from(["p0", "p1", "p2", "p3"]), max_size=2),
    categories=st.none() | st.frozensets(st.sampled_from(CATEGORIES), max_size=2),
    min_unit_minor=st.none() | st.integers(0, 2000),
)
few = st.integers(1, 4)
limited: dict[str, Any] = {
    "filter": filters,
    "max_units": st.none() | st.integers(0, 4),
    "scope": st.sampled_from(["promotion", "line"]),
    "pick": st.sampled_from(["cart", "cheapest", "dearest"]),
}
grouped: dict[str, Any] = {
    "take": st.none() | st.integers(0, 3),
    "max_groups": st.none() | st.integers(0, 2),
    "filter": filters,
    "target": st.none() | filters,
}
sides = st.builds(groups.Side, few, filters)
tiers = st.lists(st.builds(item.Tier, st.integers(0, 3000), percents), max_size=3).map(tuple)
actions = st.one_of(
    st.builds(order.OrderPercent, percents, cap_minor=st.none() | amounts, filter=filters),
    st.builds(order.OrderFixed, amounts, filter=filters),
    st.builds(order.OrderSetTotal, amounts),
    st.builds(item.ItemPercent, percents, **limited),
    st.builds(item.ItemFixed, amounts, **limited),
    st.builds(item.ItemSetPrice, amounts, **limited),
    st.builds(item.LineFixed, amounts, filter=filters),
    st.builds(item.TieredPercent, st.sampled_from(["quantity", "subtotal"]), tiers, percents, filter=filters),
    st.builds(groups.GroupPercent, few, percents, **grouped),
    st.builds(groups.GroupFixed, few, amounts, **grouped),
    st.builds(groups.BuyXGetY, sides, sides, percents, st.sampled_from(["cart", "cheapest", "dearest"])),
    st.builds(groups.BundlePrice, few, amounts, st.none() | st.integers(0, 2), filters),
    st.builds(gift.Gift, st.just("gift"), few, percents),
    st.builds(shipping.ShippingPercent, percents),
    st.builds(shipping.ShippingFixed, amounts),
    st.builds(shipping.ShippingSet, amounts),
)
conditions = st.one_of(
    st.builds(
        conditioning.MinSubtotal,
        amounts,
        st.sampled_from(["gte", "gt"]),
        filters,
        st.sampled_from([None, "running", "original", "gross"]),
    ),
    st.builds(conditioning.MaxSubtotal, st.integers(1000, 20_000), st.sampled_from(["lte", "lt"])),
    st.builds(conditioning.MinQuantity, few, filters),
    st.builds(conditioning.Contains, filters, few),
    st.builds(conditioning.ShippingMethodChosen, st.sampled_from(["flat", "weight"])),
)


def numbered(found: list[Any]) -> tuple[Any, ...]:
    """Each with an id of its own."""
    return tuple([replace(one, id=f"{type(one).__name__}{number}") for number, one in enumerate(found)])


promotions = st.lists(
    st.builds(
        Promotion,
        id=st.just(""),
        actions=st.lists(actions, min_size=1, max_size=2).map(tuple),
        conditions=st.lists(conditions, max_size=1).map(tuple),
        priority=st.integers(0, 3),
        is_exclusive=st.sampled_from([False, False, False, True]),
        is_stop=st.sampled_from([False, False, False, True]),
        skips_reduced=st.booleans(),
    ),
    max_size=5,
).map(numbered)
rates = st.lists(
    st.builds(
        TaxRate,
        id=st.just(""),
        category=st.sampled_from(["x", "y"]),
        percent=st.decimals(0, 40, places=3, allow_nan=False),
        is_included=st.booleans(),
        zone=st.sampled_from([None, "home", "abroad"]),
        order=st.integers(0, 2),
        is_compound=st.booleans(),
    ),
    max_size=4,
).map(numbered)
rules = st.lists(
    st.builds(PriceRule, st.just(""), percents, st.none(), filters, st.integers(0, 2), st.booleans()), max_size=2
).map(lambda found: tuple(found))
methods = (
    ShippingMethod("flat", Flat(490), "x"),
    ShippingMethod("weight", WeightBands((Band(Fraction(2), 300), Band(Fraction(5), 700)), "repeat_top"), "y"),
    ShippingMethod("percent", PercentOfItems(Decimal("7.5")), free_from_minor=15_000),
    ShippingMethod("unit", PerUnit(120), "x", position=-1),
)
#: Keeping net prices lets the total differ from the sum of the prices, on purpose.
policies = st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in CHOICES.items()})
GIFT = Goods("gift", 777, frozenset("a"), "x")


def goods(**more: Any) -> st.SearchStrategy[Goods]:
    return st.builds(
        Goods,
        id=st.sampled_from(["p0", "p1", "p2", "p3"]),
        list_price_minor=st.integers(0, 5000),
        categories=st.frozensets(st.sampled_from(CATEGORIES), max_size=2),
        tax_category=st.sampled_from(["", "x", "y"]),
        weight=st.decimals(0, 3, places=1, allow_nan=False),
        requires_shipping=st.sampled_from([True, True, False]),
        **more,
    )


floors: dict[str, Any] = {"floor_minor": st.sampled_from([0, 0, 0, 400])}
listed = st.lists(st.builds(ListedPrice, st.integers(0, 3000), few, st.sampled_from([None, "vip"])), max_size=2).map(
    tuple
)


@st.composite
def baskets(
    draw: Callable[[st.SearchStrategy[Any]], Any], *, is_plain: bool = False, max_lines: int = 4
) -> BasketRequest:
    """A basket in a shop; `is_plain`: house rules at their defaults, no floors and no prices by quantity."""
    of = goods() if is_plain else goods(**floors, listed=listed)
    lines = draw(st.lists(st.tuples(of, st.integers(1, 6)), max_size=max_lines))
    book = PriceBook(
        draw(st.sampled_from(["EUR", "JPY", "KWD"])),
        Policy() if is_plain else Policy(**draw(policies)),
        draw(rules),
        draw(promotions),
        draw(rates),
        methods,
        {"gift": GIFT},
    )
    return BasketRequest(
        book,
        tuple([BasketLine(uuid.UUID(int=place), one, units) for place, (one, units) in enumerate(lines, 1)]),
        draw(st.none() | st.just(Shopper("vip", frozenset({"vip"})))),
        draw(st.sampled_from([None, "home", "abroad"])),
        shipping_method=draw(st.sampled_from([None, "flat", "weight", "percent", "gone"])),
    )
