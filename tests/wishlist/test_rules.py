"""What a guest's lists become at login, and what makes names and items the same."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from pannier.kernel.ids import uuid7
from pannier.wishlist import Item, Wishlist, dropped_minor, flags, status
from pannier.wishlist.models import NewItem, Shelf
from pannier.wishlist.rules import extra_of, merge_key, name_key, ordered, plan_merge

NOW = datetime(2026, 11, 30, tzinfo=UTC)
SHELF = Shelf("p", None, "Stool", "stool", "", None, None, {}, True, 1000, None, 5, "USD")


def a_list(name: str = "Wishlist", *, is_default: bool = False) -> Wishlist:
    return Wishlist(uuid7(), name, is_default, 1, 0, NOW, NOW)


def an_item(on: Wishlist, variant: uuid.UUID | None = None, **values: Any) -> Item:
    plain = Item(uuid7(), on.id, variant or uuid7(), "", 1, {}, 1, 1000, "USD", None, None, NOW, NOW, SHELF)
    return replace(plain, **values)


@pytest.mark.parametrize("other", ["gifts", " GIFTS ", "Ｇifts"])
def test_names_are_the_same_however_they_are_written(other: str) -> None:
    assert name_key("Gifts") == name_key(other)


def test_a_note_makes_no_other_item_and_attributes_do() -> None:
    def key(**values: Any) -> str:
        return merge_key(extra_of(NewItem(variant_id=uuid7(), **values)))

    assert key() == key(note="n") == key(attributes={}) == ""
    assert key(attributes={"a": 1, "b": 2}) == key(attributes={"b": 2, "a": 1}, note="n")
    assert len({key(attributes={"a": 1}), key(customisation={"a": 1}), ""}) == 3


@pytest.mark.parametrize(
    "added, currency, now, drop",
    [
        (1500, "USD", 1000, 500),
        (1000, "USD", 1000, 0),
        (900, "USD", 1000, 0),
        (1500, "EUR", 1000, 0),
        (None, None, 1000, 0),
        (1500, "USD", None, 0),
    ],
)
def test_a_drop_is_what_it_costs_less_in_the_same_currency(
    added: int | None, currency: str | None, now: int | None, drop: int
) -> None:
    item = an_item(a_list(), added_price_minor=added, added_currency=currency, shelf=replace(SHELF, price_minor=now))
    assert dropped_minor(item) == drop


@pytest.mark.parametrize(
    "values, quantity, is_now, told",
    [
        ({}, 1, "in_stock", []),
        ({}, 6, "in_stock", ["insufficient_stock"]),
        ({"available": None}, 600, "in_stock", []),
        ({"available": 0}, 1, "out_of_stock", ["out_of_stock"]),
        ({"available": 0, "price_minor": 1}, 1, "out_of_stock", ["price_dropped", "out_of_stock"]),
        ({"is_sellable": False, "price_minor": 1}, 1, "unavailable", ["unavailable"]),
        ({"price_minor": None}, 1, "unavailable", ["unavailable"]),
    ],
)
def test_what_is_to_be_known_of_an_item(values: Any, quantity: int, is_now: str, told: list[str]) -> None:
    item = an_item(a_list(), quantity=quantity, shelf=replace(SHELF, **values))
    assert (status(item.shelf), flags(item)) == (is_now, told)


def test_a_guests_lists_are_the_customers_who_has_none() -> None:
    theirs = [a_list(is_default=True), a_list("Gifts")]
    plan = plan_merge([], theirs, {found.id: [an_item(found)] for found in theirs}, 20)
    assert [(merge.source.name, merge.into) for merge in plan] == [("Wishlist", None), ("Gifts", None)]


def test_the_default_list_joins_the_default_list_and_others_that_of_their_name() -> None:
    mine = [a_list("Mine", is_default=True), a_list("gifts")]
    theirs = [a_list("Wishlist", is_default=True), a_list("Gifts"), a_list("Third")]
    plan = {merge.source.name: merge.into and merge.into.name for merge in plan_merge(mine, theirs, {}, 20)}
    assert plan == {"Wishlist": "Mine", "Gifts": "gifts", "Third": None}


def test_equal_items_are_one_of_the_larger_quantity_with_the_customers_own_note() -> None:
    mine, theirs, variant = a_list(is_default=True), a_list(is_default=True), uuid7()
    kept = an_item(mine, variant, quantity=1, extra={"note": "mine"}, position=7)
    equal = an_item(theirs, variant, quantity=3, extra={"note": "theirs", "attributes": {}})
    other = an_item(theirs)
    (merge,) = plan_merge([mine], [theirs], {mine.id: [kept], theirs.id: [equal, other]}, 20)
    joined, moved = merge.items
    assert (joined.into, joined.quantity, (joined.extra or {})["note"]) == (kept.id, 3, "mine")
    assert (moved.item_id, moved.into, moved.position) == (other.id, None, 8)


def test_nothing_is_lost_where_there_may_be_no_more_lists() -> None:
    mine, theirs = a_list(is_default=True), [a_list("A", is_default=True), a_list("B")]
    item = an_item(theirs[1])
    plan = plan_merge([mine], theirs, {theirs[1].id: [item]}, 1)
    assert [merge.into and merge.into.id for merge in plan] == [mine.id, mine.id]
    assert [entry.item_id for entry in plan[1].items] == [item.id]


def test_an_order_names_what_it_likes_and_the_rest_stays_as_it_was() -> None:
    a, b, c = uuid7(), uuid7(), uuid7()
    assert ordered([a, b, c], [c, uuid7(), c, a]) == [c, a, b]
