"""What is a slip of the finger, and what a place in a list is."""

from __future__ import annotations

import string
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pannier.catalog import Browse, InvalidCursorError
from pannier.catalog.search_rules import (
    Place,
    Term,
    likeliest,
    mark_of,
    nearest,
    place_of,
    query_text,
    slips,
    slips_max,
    terms_of,
)

WORDS = st.text(string.ascii_lowercase, min_size=1, max_size=12)


@pytest.mark.parametrize(
    "typed, meant, count",
    [
        ("lamp", "lamp", 0), ("lampp", "lamp", 1), ("lap", "lamp", 1), ("lmap", "lamp", 1), ("lomp", "lamp", 1),
        ("tabel", "table", 1), ("hedphnes", "headphones", 2), ("oak", "elm", 3), ("", "abc", 3),
    ],
)  # fmt: skip
def test_slips_are_counted(typed: str, meant: str, count: int) -> None:
    assert slips(typed, meant) == count


@given(WORDS, WORDS)
def test_slips_go_both_ways_and_never_exceed_the_longer_word(one: str, other: str) -> None:
    assert slips(one, other) == slips(other, one)
    assert abs(len(one) - len(other)) <= slips(one, other) <= max(len(one), len(other))
    assert (slips(one, other) == 0) == (one == other)


@pytest.mark.parametrize("word, most", [("oak", 0), ("lamp", 1), ("kettles", 1), ("saucepan", 2)])
def test_long_words_may_have_two_slips_and_short_ones_none(word: str, most: int) -> None:
    assert slips_max(word) == most


def test_the_nearest_words_are_meant() -> None:
    assert nearest("lmap", ["lamp", "lump", "map", "lmap"]) == ("lamp", "map")
    assert nearest("xxxx", ["lamp"]) == ()
    assert nearest("oka", ["oak"]) == ()
    assert nearest("lamp", []) == ()


def test_of_equally_near_words_those_of_most_products_come_first() -> None:
    found = likeliest("bowk", ["bowl", "book", "cowk", "bows"], {"book": 9, "bowl": 3, "cowk": 100})
    assert found == ("book", "bowl", "bows")


def test_only_the_last_word_may_be_a_beginning() -> None:
    assert terms_of(["oak", "ta"]) == (Term(("oak",)), Term(("ta",), is_prefix=True))
    assert terms_of(["oak", "t"])[1].is_prefix is False
    assert terms_of([]) == ()


def test_a_query_says_what_must_occur() -> None:
    terms = (Term(("lamp", "lump")), Term(("it's\\",), is_prefix=True))
    assert query_text(terms) == "('lamp' | 'lump') & ('it''s\\\\':*)"
    assert query_text(terms, weight="A", with_prefixes=False) == "('lamp':A | 'lump':A) & ('it''s\\\\':A)"


def test_a_place_is_found_again() -> None:
    wanted = Browse(text="lmap", sort="relevance")
    place = Place(mark_of(wanted), 3, 17, uuid.UUID(int=5), [["lamp"]])
    assert place_of(place.encode(), wanted) == place


@pytest.mark.parametrize(
    "other",
    [
        Browse(text="lamp"), Browse(sort="name"), Browse(categories=("a",)), Browse(tags=("a",)), Browse(on_sale=True),
        Browse(options=("a=b",)), Browse(price_min=1), Browse(price_max=1), Browse(in_stock=True),
    ],
)  # fmt: skip
def test_a_place_is_one_of_its_own_list_only(other: Browse) -> None:
    cursor = Place(mark_of(Browse()), 3, 0, uuid.UUID(int=5)).encode()
    with pytest.raises(InvalidCursorError):
        place_of(cursor, other)


@pytest.mark.parametrize(
    "sort, key",
    [
        ("featured", "a"), ("featured", None), ("featured", -1), ("featured", 2**70), ("name", 1), ("name", "a\0"),
        ("newest", "yesterday"), ("newest", "2026-01-01T00:00:00"), ("newest", 5), ("price", "1"), ("relevance", None),
    ],
)  # fmt: skip
def test_a_place_with_a_key_of_another_kind_is_refused(sort: str, key: int | str | None) -> None:
    wanted = Browse(text="x", sort=sort)  # type: ignore[arg-type] # one of the names it has
    with pytest.raises(InvalidCursorError):
        place_of(Place(mark_of(wanted), key, 0, uuid.UUID(int=5)).encode(), wanted)


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda data: data.decode("latin-1")))
def test_no_text_is_a_place_by_chance(cursor: str) -> None:
    with pytest.raises(InvalidCursorError):
        place_of(cursor, Browse())


@pytest.mark.parametrize("meant", [[[]], [[""]], [["a\0"]], [["x" * 61]], [["a"]] * 11])
def test_a_place_with_words_that_no_search_gave_is_refused(meant: list[list[str]]) -> None:
    with pytest.raises(InvalidCursorError):
        place_of(Place(mark_of(Browse()), 1, 0, uuid.UUID(int=5), meant).encode(), Browse())


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00"])
def test_a_moment_that_utc_does_not_have_is_no_place(moment: str) -> None:
    wanted = Browse(sort="newest")
    with pytest.raises(InvalidCursorError):
        place_of(Place(mark_of(wanted), moment, 0, uuid.UUID(int=5)).encode(), wanted)
