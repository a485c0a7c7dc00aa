"""Addresses and passwords."""

from __future__ import annotations

import pytest

from pannier.accounts.rules import email_key, email_of, password_fault


@pytest.mark.parametrize(
    "text", ["jane@example.com", " Jane.Doe+shop@example.co.uk ", "ä@bücher.example", "a@localhost"]
)
def test_an_address_is_taken_as_it_is_written(text: str) -> None:
    assert email_of(text) == text.strip()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "jane",
        "jane@",
        "@example.com",
        "jane@example..com",
        "jane@-example.com",
        "a b@example.com",
        "<j@e.com>",
        "jane@example.com\r\nBcc: all@example.com",
        "j@e.com,k@e.com",
        f"{'x' * 65}@example.com",
        f"a@{'x' * 64}.com",
        f"a@{'x.' * 130}com",
        "j\0@example.com",
        ".jane@example.com",
        "jane@[127.0.0.1]",
    ],
)
def test_what_cannot_be_an_address_is_not(text: str) -> None:
    assert email_of(text) is None


def test_spellings_of_one_address_are_one() -> None:
    assert email_key("Jane@Example.COM") == email_key("jane@example.com")
    assert email_key("jane@example.com") != email_key("jane.doe@example.com")


@pytest.mark.parametrize(
    "password", ["three grey herons", "ünïcödé-wörter", "1 long sentence", "korrektpferdbatterie", "9f$kLp2!xQ"]
)
def test_a_long_password_will_do_whatever_it_is_made_of(password: str) -> None:
    assert password_fault(password, length_min=10) is None


@pytest.mark.parametrize(
    "password, why",
    [
        ("short", "at least 10"),
        ("x" * 129, "at most 128"),
        ("passwordpassword"[:8] + "12345", "tried first"),
        ("Password123", "tried first"),
        ("1234567890", "tried first"),
        ("qwertyuiop", "tried first"),
        ("aaaaaaaaaaaa", "tried first"),
        ("abababababab", "tried first"),
        ("jane@example.com1", "e-mail"),
        ("atelier nord 1", "e-mail"),
        ("poiuytrewq", "tried first"),
    ],
)
def test_a_password_that_is_tried_first_will_not(password: str, why: str) -> None:
    fault = password_fault(password, length_min=10, telling=["jane@example.com", "Atelier Nord"])
    assert fault is not None
    assert why in fault


def test_a_password_is_the_same_on_every_keyboard() -> None:
    assert password_fault("ﬁﬁﬁﬁﬁab", length_min=10) is None
