"""Identifiers sort by the time they were made, and secrets have the shape and the size they promise."""

from __future__ import annotations

import hashlib
import re
import time
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pannier.kernel.ids import hash_token, is_cart_token, new_cart_token, new_order_number, uuid7

URL_SAFE = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def test_an_id_is_a_uuid_of_version_7() -> None:
    made = uuid7()

    assert made.version == 7
    assert made.variant == uuid.RFC_4122


def test_an_id_begins_with_the_milliseconds_of_its_making() -> None:
    before = time.time_ns() // 1_000_000
    made = [uuid7() for _ in range(100)]
    after = time.time_ns() // 1_000_000

    assert all(before <= each.int >> 80 <= after for each in made)


def test_ids_differ_also_within_a_millisecond() -> None:
    assert len({uuid7() for _ in range(20_000)}) == 20_000


def test_every_random_bit_of_an_id_takes_both_values() -> None:
    made = [uuid7().int for _ in range(200)]
    fixed = {62, 63, 76, 77, 78, 79}
    seen_both = {bit for bit in range(80) if len({value >> bit & 1 for value in made}) == 2}

    assert seen_both == set(range(80)) - fixed


def test_a_cart_token_has_256_bits_and_is_known_by_its_shape() -> None:
    tokens = {new_cart_token() for _ in range(1_000)}

    assert len(tokens) == 1_000
    assert all(re.fullmatch(r"ct_[A-Za-z0-9_-]{43}", token) for token in tokens)
    assert all(is_cart_token(token) for token in tokens)


@given(st.text(URL_SAFE, min_size=43, max_size=43))
def test_a_token_made_by_a_client_is_accepted(secret: str) -> None:
    assert is_cart_token(f"ct_{secret}")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ct_",
        "ct_" + "a" * 42,
        "ct_" + "a" * 44,
        "CT_" + "a" * 43,
        "ct_" + "a" * 42 + "=",
        "ct_" + "a" * 42 + "é",
        "ct_" + "a" * 43 + "\n",
        " ct_" + "a" * 43,
        "ct_" + "a" * 42 + "'",
    ],
)
def test_anything_else_is_no_cart_token(text: str) -> None:
    assert not is_cart_token(text)


def test_only_the_sha_256_of_a_token_is_kept() -> None:
    token = new_cart_token()

    assert hash_token(token) == hashlib.sha256(token.encode()).digest()
    assert hash_token(token) != hash_token(new_cart_token())


def test_an_order_number_reads_well_over_the_phone() -> None:
    numbers = {new_order_number() for _ in range(2_000)}

    assert len(numbers) == 2_000
    assert all(re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){2}", number) for number in numbers)


def test_every_place_of_an_order_number_takes_all_32_characters() -> None:
    numbers = [new_order_number().replace("-", "") for _ in range(3_000)]

    assert [len(set(place)) for place in zip(*numbers, strict=True)] == [32] * 12
