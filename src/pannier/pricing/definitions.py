"""Definitions that the shop stores, read as a scenario's file is: what a promotion, a rate or a method may say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from pannier.pricing.scenario.source import Source
from pannier.pricing.scenario.vocabulary import (
    coupon_of,
    price_rule_of,
    promotion_of,
    shipping_method_of,
    tax_rate_of,
)

DefinitionKind = Literal["promotion", "coupon", "price_rule", "tax_rate", "shipping_method"]
READERS: Final[Mapping[DefinitionKind, Callable[[Source], Any]]] = {
    "promotion": promotion_of,
    "coupon": coupon_of,
    "price_rule": price_rule_of,
    "tax_rate": tax_rate_of,
    "shipping_method": shipping_method_of,
}


def read_definition(kind: DefinitionKind, definition: Mapping[str, Any]) -> Any:
    """What a book is made with, of a definition's plain values; fractions are Decimals. Raises ScenarioError."""
    return READERS[kind](Source(dict(definition), "$"))
