"""`pannier price`: a basket told in a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import pannier

SCENARIO: dict[str, Any] = {
    "given": {
        "currency": "EUR",
        "products": [
            {"id": "lamp", "name": "Desk lamp", "price": 4990, "tax": "standard"},
            {"id": "bulb", "name": "Bulb", "price": 690, "tax": "standard"},
        ],
        "promotions": [
            {
                "id": "bulbs",
                "name": "Three bulbs for two",
                "actions": [
                    {
                        "type": "group_percent",
                        "group": 3,
                        "take": 1,
                        "percent": 100,
                        "filter": {"products": ["bulb"]},
                    }
                ],
            },
            {
                "id": "large",
                "name": "Large orders",
                "conditions": [{"type": "min_subtotal", "amount": 10_000}],
                "actions": [{"type": "order_percent", "percent": 5.5}],
            },
        ],
        "tax_rates": [{"id": "vat", "category": "standard", "percent": 19, "included": True}],
        "shipping_methods": [{"id": "parcel", "kind": "flat", "amount": 490, "free_from": 7500}],
    },
    "when": [
        {"op": "add", "product": "lamp"},
        {"op": "add", "product": "bulb", "qty": 3},
        {"op": "add", "product": "lamp", "qty": 0},
        {"op": "ship", "method": "parcel"},
    ],
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "basket.json"
    path.write_text(json.dumps(SCENARIO), encoding="utf-8")
    return path


def test_a_basket_is_shown_with_what_is_missing(file: Path) -> None:
    done = pannier("price", file)

    assert (done.code, done.stderr) == (0, "")
    assert "Desk lamp" in done.stdout
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["Bulb", "3", "6.90", "6.90", "13.80", "2.20"] in rows
    assert ["total", "68.60"] in rows
    assert "Applied: Three bulbs for two" in done.stdout
    assert "Add 36.30 for 5.5 % off all goods (Large orders)." in done.stdout
    assert "Add 11.30 for free delivery." in done.stdout
    assert "Step 2 was refused: invalid_quantity." in done.stdout


@pytest.mark.parametrize("is_json", [False, True])
def test_a_product_that_is_not_there_is_an_error_that_names_it(is_json: bool) -> None:
    scenario = SCENARIO | {"when": [{"op": "add", "product": "lamp"}, {"op": "add", "product": "lmap", "qty": 2}]}
    options = ["--json"] if is_json else []
    done = pannier("price", "-", *options, stdin=json.dumps([SCENARIO, scenario]).encode())

    assert done.code == 1
    said = done.stdout + done.stderr
    assert "PRC_002" in said
    assert "[1].when[1].product: 'lmap' is not among the products" in said
    assert "68.60" not in said


def test_explain_tells_every_figure(file: Path) -> None:
    said = pannier("price", file, "--explain").stdout

    assert "Three bulbs for two: 100 % off 1 of every 3 of bulb" in said
    assert "vat 19 % inside the price" in said
    assert "70.60 goods − 6.90 discounts + 4.90 shipping" in said


def test_json_is_one_value_with_the_figures_in_minor_units(file: Path) -> None:
    done = pannier("price", file, "--json", "--explain")

    assert done.json["totals"]["grand"] == 6860
    assert done.json["steps"][-1] == {
        "stage": "total",
        "for": "",
        "amount": 6860,
        "reason": "70.60 goods − 6.90 discounts + 4.90 shipping",
    }


def test_a_list_is_priced_one_by_one() -> None:
    empty = {"id": "empty", "given": {"currency": "JPY"}}
    done = pannier("price", "-", stdin=json.dumps([empty, SCENARIO]).encode())

    assert done.code == 0
    assert done.stdout.startswith("empty\nThe cart is empty.\n")
    assert "Desk lamp" in done.stdout


@pytest.mark.parametrize(
    "text, said",
    [
        ("{", "line 1: not JSON"),
        ("[1]", "[0]: an object is wanted, and this is 1"),
        ("{}", "given: what the shop looks like is missing"),
        ('{"given": {"currency": "XXY"}}', "given.currency: 'XXY' is not an active ISO 4217 currency code"),
        ('{"given": {"currency": "EUR", "nonsense": 1}}', "given.nonsense: no such field"),
        (
            '{"given": {"currency": "EUR", "products": [{"id": "A", "price": 1.5}]}}',
            "given.products[0].price: a whole number is wanted, and this is 1.5",
        ),
        (
            '{"given": {"currency": "EUR", "products": [{"id": "A", "price": -1}]}}',
            "given.products[0].price: -1 is less than 0",
        ),
        (
            '{"given": {"currency": "EUR", "promotions": [{"id": "a", "actions": [{"type": "order_percent"}]}]}}',
            "given.promotions[0].actions[0].percent: a number is missing",
        ),
        (
            '{"given": {"currency": "EUR", "promotions": [{"id": "a", "actions": [{"type": "free_beer"}]}]}}',
            "given.promotions[0].actions[0].type: 'free_beer' is none of order_percent",
        ),
        (
            '{"given": {"currency": "EUR", "tax_rates": [{"id": "a", "category": "b", "percent": 1e999999}]}}',
            "given.tax_rates[0].percent: the number is too large or too small",
        ),
        (
            '{"given": {"currency": "EUR"}, "policy": {"rounding": "sideways"}}',
            "policy.rounding: 'sideways' is none of half_up, half_even, half_down",
        ),
        ('{"given": {"currency": "EUR"}, "when": [{"op": "dance"}]}', "when[0].op: 'dance' is none of add"),
        ('{"given": {"currency": "EUR"}, "when": [{"op": "add", "product": "A", "colour": 1}]}', "'A' is not among"),
        ('{"given": {"currency": "EUR", "now": "yesterday"}}', "given.now: 'yesterday' is no day such as 2026-01-31"),
        ("NaN", "NaN is no number"),
        ("[" * 100_000, "not JSON that can be read"),
    ],
)
def test_what_is_wrong_is_told_by_its_path(text: str, said: str) -> None:
    done = pannier("price", "-", stdin=text.encode())

    assert done.code == 1
    assert "The scenario cannot be priced (PRC_002)" in done.stderr
    assert said in done.stderr
    assert done.stdout == ""


def test_a_file_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    assert "COMMAND_005" in pannier("price", tmp_path / "nothing.json").stderr
    (tmp_path / "picture.json").write_bytes(b"\xff\xfe\x00\x80")
    assert "no text in UTF-8" in pannier("price", tmp_path / "picture.json").stderr
