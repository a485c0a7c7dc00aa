"""Scenarios worked out by hand: house rules, happenings and charges, each with what must come out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pannier.pricing import Quote, ScenarioError, read_scenarios, run_scenario
from tests.pricing.shops import missing

ADD = {"op": "add", "product": "A"}
VAT = {"id": "vat", "category": "g", "percent": 20}
HOME = {"id": "home", "category": "g", "percent": 20, "included": True, "zone": "HOME"}
STOCKED = {"id": "A", "price": 100, "track": True, "on_hand": 5, "held": 1, "threshold": 1}


def told(scenario: dict[str, Any]) -> tuple[dict[str, Any], Quote]:
    (source,) = read_scenarios(json.dumps(scenario))
    priced = run_scenario(source)
    return priced.then, priced.quote


def shop(price: int = 1000, **more: Any) -> dict[str, Any]:
    product = {"id": "A", "price": price, "tax": "g"} | more.pop("product", {})
    return {"currency": "EUR", "products": [product, {"id": "B", "price": 1000}]} | more


def half(kind: str = "order_percent", **more: Any) -> list[dict[str, Any]]:
    return [{"id": "half", "actions": [{"type": kind, "percent": 50} | more]}]


HOUSE_RULES: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ("the net stays exact until the end", shop(999, zone="X", tax_rates=[HOME], promotions=half()),
     {"included_across_zones": "net_constant", "net_rounding": "end"},
     # 832.5 net, and half of that is 416.25.
     {"totals": {"items_subtotal": 833, "order_discounts": 416, "grand": 417}}),
    ("the net is rounded first", shop(999, zone="X", tax_rates=[HOME], promotions=half()),
     {"included_across_zones": "net_constant"},
     {"totals": {"items_subtotal": 833, "order_discounts": 417, "grand": 416}}),
    ("at home the entered price holds", shop(999, zone="HOME", tax_rates=[HOME]),
     {"included_across_zones": "net_constant"}, {"totals": {"grand": 999, "tax_included": 167}}),
    ("shipping at the goods' rate, inside", shop(1200, tax_rates=[VAT | {"included": True}], shipping_method="s",
     shipping_methods=[{"id": "s", "kind": "flat", "amount": 500}]), {"shipping_tax_rate": "weighted_by_items"},
     {"totals": {"shipping_tax_included": 83, "tax_included": 283, "grand": 1700}}),
    ("compound tax, each part rounded", shop(105, tax_rates=[VAT | {"percent": 10, "order": 1},
     VAT | {"id": "two", "percent": 10, "order": 2, "compound": True}]), {}, {"totals": {"tax_added": 23}}),
    ("compound tax, the sum rounded", shop(105, tax_rates=[VAT | {"percent": 10, "order": 1},
     VAT | {"id": "two", "percent": 10, "order": 2, "compound": True}]), {"tax_components": "sum"},
     {"totals": {"tax_added": 22}}),
    ("halves to the even neighbour", shop(125, tax_rates=[VAT | {"percent": 10}]), {"rounding": "half_even"},
     {"totals": {"tax_added": 12}}),
    ("kept nets move the total", shop(999, tax_rates=[VAT | {"percent": 19, "included": True}]),
     {"tax_level": "order_net_kept"}, {"totals": {"net": 839, "tax_included": 159, "grand": 998}}),
    ("line percents are rounded once", shop(33, promotions=half("item_percent", percent=10)),
     {"item_percent_level": "line", "discount_rounding": "down"}, {"totals": {"item_discounts": 3}}),
]  # fmt: skip


@pytest.mark.parametrize(
    "given, policy, then", [case[1:] for case in HOUSE_RULES], ids=[case[0] for case in HOUSE_RULES]
)
def test_a_house_rule(given: dict[str, Any], policy: dict[str, Any], then: dict[str, Any]) -> None:
    assert missing(then, told({"given": given, "policy": policy, "when": [ADD]})[0]) == []


@pytest.mark.parametrize("weight, off", [("entered", {"A": 110, "B": 110}), ("gross", {"A": 120, "B": 100})])
def test_what_an_order_discount_is_spread_by(weight: str, off: dict[str, int]) -> None:
    fixed = [{"id": "f", "actions": [{"type": "order_fixed", "amount": 220}]}]
    when = [ADD, ADD | {"product": "B"}]
    then, _ = told(
        {"given": shop(tax_rates=[VAT], promotions=fixed), "when": when, "policy": {"distribution_weight": weight}}
    )

    assert {line["product"]: line["order_discount"] for line in then["lines"]} == off


HAPPENINGS: list[tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any], dict[str, Any]]] = [
    (shop(tax_rates=[VAT]), [ADD, {"op": "set_rate", "rate": "vat", "percent": 7.5}], {}, {"totals": {"grand": 1075}}),
    (shop(shipping_methods=[{"id": "s", "kind": "flat", "amount": 500}]),
     [ADD, {"op": "ship", "method": "s"}, {"op": "set_shipping_fee", "method": "s", "amount": 250}], {},
     {"totals": {"grand": 1250}}),
    (shop(base_currency="USD", exchange={"USD>EUR": 0.5}),
     [ADD, {"op": "set_exchange", "pair": "USD>EUR", "rate": 0.8}], {},
     {"totals": {"grand": 1000}, "display": {"totals": {"grand": 800}}}),
    (shop(promotions=half()), [ADD, {"op": "disable", "what": "promotion", "id": "half"}], {},
     {"totals": {"grand": 1000}, "applied": []}),
    (shop(price_rules=[{"id": "r", "amount": 100}]), [ADD, {"op": "disable", "what": "price_rule", "id": "r"}], {},
     {"totals": {"grand": 1000}, "lines": [{"price_change": 100}]}),
    (shop(promotions=[half()[0] | {"coupons": [{"code": "C", "limit": 1}]}]),
     [ADD, {"op": "other_uses", "code": "C"}, {"op": "coupon", "code": "C"}], {},
     {"errors": [{"step": 2, "kind": "coupon_rejected", "reason": "usage_limit"}], "coupon_usage": {"C": 1}}),
    (shop(promotions=[half()[0] | {"ends": "2026-01-31"}], now="2026-01-31"),
     [ADD, {"op": "clock", "at": "2026-02-01"}], {}, {"totals": {"grand": 1000}}),
    (shop(product=STOCKED), [ADD | {"qty": 4}], {},
     {"errors": [{"step": 0, "kind": "insufficient_stock", "available": 3}], "lines": []}),
    (shop(product=STOCKED), [ADD | {"qty": 4}], {"short_add": "partial"},
     {"errors": [{"step": 0, "kind": "insufficient_stock", "available": 3}], "lines": [{"qty": 3}]}),
    (shop(product=STOCKED), [ADD, {"op": "set_qty", "product": "A", "qty": 9}], {"on_short_set": "clamp"},
     {"errors": [{"step": 1, "kind": "insufficient_stock", "available": 3}], "lines": [{"qty": 3}]}),
    (shop(product=STOCKED, reservations=[{"cart": "x", "product": "A", "qty": 2, "expires_in": 10}]),
     [ADD | {"qty": 2}, {"op": "wait", "minutes": 10}, ADD | {"qty": 3},
      {"op": "other_buys", "product": "A", "qty": 2}],
     {}, {"errors": [{"step": 0, "available": 1}], "lines": [{"qty": 3}], "unavailable_lines": []}),
    (shop(), [ADD | {"by": "visitor"}, ADD | {"by": "jane"}, {"op": "login", "by": "jane"}], {},
     {"carts": {"jane": [{"product": "A", "qty": 2, "options": {}}]}}),
    (shop(), [ADD | {"by": "visitor"}, ADD | {"by": "jane", "qty": 3}, {"op": "login", "by": "jane"}],
     {"merge": "max"}, {"carts": {"jane": [{"product": "A", "qty": 3, "options": {}}]}}),
    (shop(), [ADD | {"by": "visitor"}, ADD | {"by": "jane", "product": "B"}, {"op": "login", "by": "jane"}],
     {"merge": "use_guest"}, {"carts": {"jane": [{"product": "A", "qty": 1, "options": {}}]}}),
    (shop(), [ADD, {"op": "set_qty", "product": "A", "qty": -1}, {"op": "set_qty", "product": "A", "qty": 0}], {},
     {"errors": [{"step": 1, "kind": "invalid_quantity"}], "line_count": 0}),
    (shop(product={"max_qty": 2}), [ADD, {"op": "set_qty", "product": "A", "qty": 3}], {},
     {"errors": [{"step": 1, "kind": "quantity_limit"}], "total_qty": 1}),
    (shop(), [ADD, {"op": "set_product", "product": "A", "fields": {"price": 700, "name": "Apple"}}], {},
     {"totals": {"grand": 700}, "lines": [{"price_change": -300}]}),
    (shop(promotions=[half()[0] | {"conditions": [{"type": "first_order"}]}]),
     [ADD, {"op": "customer", "customer": {"id": "ann"}}], {}, {"totals": {"grand": 500}}),
    (shop(channel="web", promotions=[half()[0] | {"conditions": [{"type": "channel", "channels": ["shop"]}]}]), [ADD],
     {}, {"totals": {"grand": 1000}}),
    (shop(customer={"id": "ann"}, promotions=[half()[0] | {"conditions": [{"type": "customer", "ids": ["ann"]}]}]),
     [ADD], {}, {"totals": {"grand": 500}}),
]  # fmt: skip


@pytest.mark.parametrize("given, when, policy, then", HAPPENINGS)
def test_what_happens(
    given: dict[str, Any], when: list[dict[str, Any]], policy: dict[str, Any], then: dict[str, Any]
) -> None:
    assert missing(then, told({"given": given, "when": when, "policy": policy})[0]) == []


@pytest.mark.parametrize(
    "charge, cost, reason",
    [
        ({"kind": "flat", "amount": 500}, 500, "flat"),
        ({"kind": "per_unit", "amount": 120}, 360, "3 × 1.20"),
        ({"kind": "order_plus_unit", "per_order": 300, "per_unit": 50}, 450, "3.00 + 3 × 0.50"),
        ({"kind": "first_plus_additional", "first": 400, "additional": 100, "max": 2}, 900, "2 × 4.00 + 1 × 1.00"),
        ({"kind": "first_plus_additional", "first": 400, "additional": 100}, 600, "1 × 4.00 + 2 × 1.00"),
        ({"kind": "price_step", "threshold": 3000, "below": 700, "from": 200}, 200, "goods from 30.00"),
        ({"kind": "percent_of_items", "percent": 7.55}, 227, "7.55 % of 30.00"),
        ({"kind": "weight_bands", "bands": [{"up_to": 5, "charge": 450}]}, 450, "by weight, 3"),
        (
            {"kind": "weight_bands", "bands": [{"up_to": 1, "charge": 450}], "overflow": "repeat_top"},
            1350,
            "by weight, 3",
        ),
        ({"kind": "weight_bands", "bands": []}, 0, "by weight, 3"),
        ({"kind": "flat", "amount": 500, "free_from": 3000}, 0, "free from 30.00"),
    ],
)
def test_what_a_method_charges_and_why(charge: dict[str, Any], cost: int, reason: str) -> None:
    given = shop(product={"weight": 1}, shipping_methods=[{"id": "s"} | charge], shipping_method="s")
    then, quoted = told({"given": given, "when": [ADD | {"qty": 3}]})
    (step,) = [step for step in quoted.steps if step.stage == "shipping"]

    assert then["totals"]["shipping"] == cost == step.amount_minor
    assert step.reason == f"s: {reason}"


@pytest.mark.parametrize(
    "limits, text",
    [
        ({"min_subtotal": 4000}, "s: add 10.00."),
        ({"max_subtotal": 2000}, "s: only up to 20.00."),
        ({"min_weight": 4.5}, "s: only from a weight of 4.5."),
        ({"max_weight": 2}, "s: only up to a weight of 2."),
        ({"min_lines": 2}, "s: only from 2 lines."),
        ({"max_lines": 0}, "s: only up to 0 lines."),
        ({"zones": ["X"]}, "s: not to this zone."),
        ({"enabled": False}, "s: switched off."),
        ({"shipping_category": {"category": "big", "match": "any"}}, "s: only where any of the goods are big."),
    ],
)
def test_why_a_method_is_not_available(limits: dict[str, Any], text: str) -> None:
    methods = [{"id": "s", "kind": "flat", "amount": 500} | limits]
    then, quoted = told({"given": shop(product={"weight": 1}, shipping_methods=methods), "when": [ADD | {"qty": 3}]})

    assert then["available_shipping"] == []
    assert [message.text for message in quoted.messages] == [text]


def test_what_needs_checkout_is_no_operation_here() -> None:
    with pytest.raises(ScenarioError, match=r"when\[0\].op: 'confirm' is none of add"):
        told({"given": shop(), "when": [{"op": "confirm"}]})


def test_a_rate_that_is_not_there_is_told() -> None:
    with pytest.raises(ScenarioError, match=r"when\[0\].rate: 'x' is not there"):
        told({"given": shop(), "when": [{"op": "set_rate", "rate": "x", "percent": 1}]})
