"""The tables of the shops name what there is, and say why of what there is not."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from pannier.app import create_app
from pannier.platform.problems import error_entries
from pannier.platform.settings import Settings
from tests.journeys.shop_pages import PAGES, Row, rows, variables

KINDS = ("route", "field", "setting", "error")


@cache
def document() -> dict[str, Any]:
    return create_app(Settings(database_url="postgresql://nobody@nowhere/none")).openapi()


def unknown(row: Row) -> list[str]:
    """What a row names of ours that is not there."""
    return [name for name in row.ours if not is_there(row.kind, name)]


def is_there(kind: str, name: str) -> bool:
    if kind == "route":
        method, _, path = name.partition(" ")
        return method.lower() in document()["paths"].get(path, {})
    if kind == "field":
        schema, _, field = name.partition(".")
        return field in document()["components"]["schemas"].get(schema, {}).get("properties", {})
    if kind == "setting":
        return name.removeprefix("PANNIER_").lower() in Settings.model_fields and name.startswith("PANNIER_")
    return name in {entry.error for entry in error_entries()}


def test_there_is_a_page_for_each_shop() -> None:
    assert [page.stem for page in PAGES] == [
        "shop-cart-microservice",
        "shop-external-identity-and-documents",
        "shop-guest-and-user-carts",
        "shop-inside-your-fastapi-app",
        "shop-stock-in-the-cart",
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_is_ours_is_there(page: Path) -> None:
    table = rows(page)

    assert {row.kind for row in table} == set(KINDS)
    assert [(row.yours, missing) for row in table if (missing := unknown(row))] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_has_no_name_here_has_a_reason_and_what_comes_later_is_not_there(page: Path) -> None:
    table = rows(page)
    paths = "\n".join(document()["paths"])

    assert [row.yours for row in table if not row.ours and not row.remark] == []
    arrived = [
        prefix
        for row in table
        for prefix in re.findall(r"comes later: `(/[^`]+)`", row.remark)
        if f"/api/v1{prefix}" in paths
    ]
    assert arrived == [], "it is there by now: name it"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_nothing_is_named_twice(page: Path) -> None:
    named = [(row.kind, row.yours) for row in rows(page)]

    assert sorted(named) == sorted(set(named))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_settings_are_settings(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in variables(page).items():
        assert is_there("setting", variable), variable
        monkeypatch.setenv(variable, value)

    Settings()


@pytest.mark.parametrize(
    "row",
    [
        Row("route", "x", ("GET /api/v1/carts",), ""),
        Row("route", "x", ("PUT /api/v1/cart",), ""),
        Row("field", "x", ("Cart.cartCount",), ""),
        Row("setting", "x", ("PANNIER_CART_TTL",), ""),
        Row("setting", "x", ("CART_MAX_ITEMS",), ""),
        Row("error", "x", ("OUT_OF_STOCK",), ""),
    ],
    ids=lambda row: row.ours[0],
)
def test_a_name_that_is_none_would_be_found(row: Row) -> None:
    assert unknown(row) == list(row.ours)


def test_shop_b_finds_every_setting_it_has() -> None:
    (page,) = [page for page in PAGES if "fastapi" in page.stem]
    named = {row.yours for row in rows(page) if row.kind == "setting"}

    assert named >= {
        "CART_SESSION_TTL_DAYS",
        "CART_MAX_ITEMS",
        "CART_MAX_QUANTITY_PER_ITEM",
        "CART_CLEANUP_INTERVAL_HOURS",
        "CART_COOKIE_NAME",
        "CART_COOKIE_SECURE",
        "ENABLE_GUEST_CARTS",
        "ENABLE_CART_MERGE",
        "ENABLE_CART_VALIDATION",
        "ENABLE_CART_ANALYTICS",
    }


def test_every_flag_is_told_with_what_answers_when_it_is_off() -> None:
    (page,) = [page for page in PAGES if "fastapi" in page.stem]
    told = re.findall(r"(?m)^\| `(PANNIER_ENABLE_\w+)` \|", page.read_text(encoding="utf-8"))
    flags = {f"PANNIER_{name.upper()}" for name in Settings.model_fields if name.startswith("enable_")}

    assert set(told) == flags
