"""A session token has one text: what differs from it by a bit is none of ours."""

from __future__ import annotations

import string
import uuid

import pytest

from pannier.platform.tokens.own import OwnTokens

ALPHABET = string.ascii_letters + string.digits + "-_"


@pytest.fixture
def tokens() -> OwnTokens:
    return OwnTokens(b"k" * 32, audience="shop", access_ttl_s=60.0)


def test_a_token_says_its_session_and_generation(tokens: OwnTokens) -> None:
    session_id = uuid.uuid4()
    text, digest = tokens.make_session(session_id, 7)
    told = tokens.read_session(text)
    assert told is not None
    assert (told.session_id, told.generation, told.digest) == (session_id, 7, digest)


def test_another_character_anywhere_makes_it_none_of_ours(tokens: OwnTokens) -> None:
    text, _ = tokens.make_session(uuid.uuid4(), 0)
    for place in range(len(text)):
        for character in ALPHABET:
            if character != text[place]:
                assert tokens.read_session(text[:place] + character + text[place + 1 :]) is None


@pytest.mark.parametrize("text", ["", "rt_", "x", "rt_" + "ü" * 90, "rt_" + " " * 90, "rt_" + "=" * 90])
def test_garbage_is_none_of_ours(tokens: OwnTokens, text: str) -> None:
    assert tokens.read_session(text) is None
    own, _ = tokens.make_session(uuid.uuid4(), 0)
    assert tokens.read_session(own + text) is None or not text
