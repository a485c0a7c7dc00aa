"""The plan of a merge, whatever the carts and the rules: nothing is lost, nothing is too much, twice is once."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import get_args

from hypothesis import given, settings
from hypothesis import strategies as st

from pannier.cart.merging import (
    LineOutcome,
    MergeLine,
    MergePlan,
    MergeRules,
    PricePolicy,
    Room,
    Strategy,
    VariantRoom,
    merged_coupons,
    merged_metadata,
    plan,
)

VARIANTS = [uuid.UUID(int=n) for n in range(1, 6)]
UNLIMITED = Room({variant: VariantRoom() for variant in VARIANTS})
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
bounds = st.none() | st.integers(0, 12)
notes = st.sampled_from([None, {"note": "for Ada"}, {"note": "for Bob"}, {"note": "x" * 30}])


@st.composite
def carts(draw: st.DrawFn) -> list[MergeLine]:
    keys = draw(st.lists(st.tuples(st.sampled_from(VARIANTS), st.sampled_from(["", "red"])), unique=True, max_size=7))
    return [
        MergeLine(
            id=uuid.UUID(int=draw(st.integers(1000, 2**100))),
            variant_id=variant,
            merge_key=key,
            quantity=draw(st.integers(1, 9)),
            unit_price_minor=draw(st.integers(0, 3)),
            is_selected=draw(st.booleans()),
            extra=draw(notes),
        )
        for variant, key in keys
    ]


rooms = st.builds(
    Room,
    st.fixed_dictionaries(
        {variant: st.builds(VariantRoom, bounds, bounds, st.booleans(), bounds) for variant in VARIANTS}
    ),
    st.integers(0, 20),
    st.integers(0, 6),
)
rules = st.builds(
    MergeRules,
    st.sampled_from(STRATEGIES),
    st.sampled_from(get_args(PricePolicy)),
    note_chars_max=st.sampled_from([20, 500]),
)


def after(found: MergePlan) -> list[MergeLine]:
    """The user's cart as the plan leaves it."""
    return [outcome.line for outcome in found.lines if outcome.quantity]


def units(lines: Sequence[MergeLine], variant: uuid.UUID) -> int:
    return sum(line.quantity for line in lines if line.variant_id == variant)


@given(carts(), carts(), rooms, rules)
def test_every_unit_is_in_the_cart_or_set_aside_with_a_reason(
    user: list[MergeLine], guest: list[MergeLine], room: Room, rule: MergeRules
) -> None:
    found = plan(user, guest, room, rule)
    had = {line.identity: line.quantity for line in user}
    brought = {line.identity: line.quantity for line in guest}
    assert [outcome.line.identity for outcome in found.lines] == list(dict.fromkeys([*had, *brought]))
    for outcome in found.lines:
        both = had.get(outcome.line.identity, 0), brought.get(outcome.line.identity, 0)
        assert (outcome.user_quantity, outcome.guest_quantity) == both
        assert outcome.quantity + outcome.set_aside == (sum(both) if rule.strategy == "sum" else max(both))
        assert outcome.quantity >= 0
        assert bool(outcome.reasons) == (outcome.set_aside > 0)


@given(carts(), carts(), rooms, rules)
def test_limits_and_stock_bound_every_rise(
    user: list[MergeLine], guest: list[MergeLine], room: Room, rule: MergeRules
) -> None:
    cart = after(plan(user, guest, room, rule))
    before = {line.identity: line.quantity for line in user}
    risen = [line for line in cart if line.quantity > before.get(line.identity, 0)]
    for line in risen:
        of, total = room.variants[line.variant_id], units(cart, line.variant_id)
        assert of.is_sellable
        assert of.quantity_max is None or total <= of.quantity_max
        assert of.available is None or total <= of.available
    if risen and room.cart_quantity_max:
        assert sum(line.quantity for line in cart) <= room.cart_quantity_max
    if room.line_count_max and any(line.identity not in before for line in risen):
        assert len(cart) <= room.line_count_max


@given(carts(), carts(), rooms, rules)
def test_room_that_is_there_is_used(
    user: list[MergeLine], guest: list[MergeLine], room: Room, rule: MergeRules
) -> None:
    """What a limit or the stock set aside would really not have fitted, one unit of it."""
    found = plan(user, guest, room, rule)
    cart = after(found)
    for outcome in found.lines:
        of, total = room.variants[outcome.line.variant_id], units(cart, outcome.line.variant_id)
        fits = {
            "strategy": False,
            "currency": False,
            "unavailable": of.is_sellable,
            "line_count": len(cart) < room.line_count_max,
            "line_quantity": of.quantity_max is None or total < of.quantity_max,
            "cart_quantity": sum(line.quantity for line in cart) < room.cart_quantity_max,
            "stock": of.available is None or total < of.available,
        }
        assert not any(fits[reason] for reason in outcome.reasons), outcome


@given(carts(), carts(), rooms, rules)
def test_a_user_s_own_units_yield_to_a_strategy_only(
    user: list[MergeLine], guest: list[MergeLine], room: Room, rule: MergeRules
) -> None:
    bounded, free = plan(user, guest, room, rule), plan(user, guest, UNLIMITED, rule)
    for outcome, unbounded in zip(bounded.lines, free.lines, strict=True):
        assert outcome.quantity >= min(outcome.user_quantity, unbounded.quantity)


@given(carts(), carts(), rooms, rules)
def test_merging_again_changes_nothing(
    user: list[MergeLine], guest: list[MergeLine], room: Room, rule: MergeRules
) -> None:
    cart = after(plan(user, guest, room, rule))
    # Another guest's empty cart leaves all as it is, but where a guest's cart always wins.
    if rule.strategy != "take_guest":
        assert {outcome.action for outcome in plan(cart, [], room, rule).lines} <= {"keep"}
    # The same lines again are the same wish, but for a sum, and where an empty cart of the user's is now filled.
    if rule.strategy not in {"sum", "guest_if_user_empty"}:
        again = after(plan(cart, guest, room, rule))
        assert {line.identity: line.quantity for line in again} == {line.identity: line.quantity for line in cart}


@given(carts(), carts(), rules)
def test_with_room_for_all_each_strategy_is_what_its_name_says(
    user: list[MergeLine], guest: list[MergeLine], rule: MergeRules
) -> None:
    cart = {line.identity: line.quantity for line in after(plan(user, guest, UNLIMITED, rule))}
    had = {line.identity: line.quantity for line in user}
    brought = {line.identity: line.quantity for line in guest}
    both = {identity: (had.get(identity, 0), brought.get(identity, 0)) for identity in {**had, **brought}}
    expected = {
        "sum": {identity: sum(pair) for identity, pair in both.items()},
        "maximum": {identity: max(pair) for identity, pair in both.items()},
        "guest_quantity": {**had, **brought},
        "take_guest": brought,
        "keep_user": had,
        "guest_if_user_empty": had or brought,
    }
    assert cart == expected[rule.strategy]


@given(carts(), carts(), rooms, rules)
def test_another_currency_is_refused_or_set_aside_whole(
    user: list[MergeLine], guest: list[MergeLine], room: Room, rule: MergeRules
) -> None:
    refused = plan(user, guest, room, rule, is_same_currency=False)
    assert (refused.is_refused, refused.lines) == (True, ())
    aside = plan(user, guest, room, MergeRules(rule.strategy, rule.price, "set_aside"), is_same_currency=False)
    assert after(aside) == user
    assert aside.set_aside == sum(line.quantity for line in guest)


@given(carts(), carts(), rules)
def test_notes_of_both_are_kept_where_they_fit(user: list[MergeLine], guest: list[MergeLine], rule: MergeRules) -> None:
    theirs = {line.identity: line for line in guest}
    for outcome in plan(user, guest, UNLIMITED, rule).lines:
        mine = next((line for line in user if line.identity == outcome.line.identity), None)
        other = theirs.get(outcome.line.identity)
        told = [side.extra["note"] for side in (mine, other) if side is not None and side.extra]
        note = (outcome.line.extra or {}).get("note", "")
        if len("\n".join(told)) <= rule.note_chars_max:
            assert all(text in note for text in told)
        assert len(note) <= max([rule.note_chars_max, *map(len, told)])


def _one(rule: MergeRules, mine: int, theirs: int, today: int | None = 7) -> LineOutcome:
    line = MergeLine(id=uuid.UUID(int=1), variant_id=VARIANTS[0], quantity=1, unit_price_minor=mine)
    other = MergeLine(id=uuid.UUID(int=2), variant_id=VARIANTS[0], quantity=2, unit_price_minor=theirs)
    (found,) = plan([line], [other], Room({VARIANTS[0]: VariantRoom(price_minor=today)}), rule).lines
    return found


@settings(max_examples=25)
@given(st.integers(0, 9), st.integers(0, 9))
def test_a_conflict_of_prices_is_settled_by_policy(mine: int, theirs: int) -> None:
    settled = {policy: _one(MergeRules(price=policy), mine, theirs).line for policy in get_args(PricePolicy)}
    assert {policy: line.unit_price_minor for policy, line in settled.items()} == {
        "user": mine,
        "guest": theirs,
        "lowest": min(mine, theirs),
        "latest": 7,
    }
    assert {line.id for line in settled.values()} == {uuid.UUID(int=1)}
    assert _one(MergeRules(price="latest"), mine, theirs, today=None).line.unit_price_minor == mine


def test_metadata_and_codes_come_along() -> None:
    mine, theirs = {"a": 1, "b": 1}, {"b": 2, "c": 2}
    assert merged_metadata(mine, theirs, MergeRules("sum")) == {"a": 1, "b": 1, "c": 2}
    assert merged_metadata(mine, theirs, MergeRules("guest_quantity")) == {"a": 1, "b": 2, "c": 2}
    assert merged_coupons(["A", "B"], ["C", "A"]) == ["A", "B", "C"]
