"""Words that several files of pricing need."""

from __future__ import annotations

from typing import Literal

#: The tax category of goods that no rate applies to.
UNTAXED = ""

#: The stages of a price, in their order; the last four words of the plain rules (`PricingRules`) are coarser.
Stage = Literal[
    "list price",
    "sale price",
    "catalogue rule",
    "tier price",
    "group price",
    "line discount",
    "order discount",
    "shipping",
    "shipping discount",
    "tax",
    "total",
    "tender",
    "price",
    "discount",
]
