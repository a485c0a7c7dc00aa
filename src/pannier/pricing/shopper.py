"""Who a price is for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

#: Where goods go, as far as reverse charge and exports ask: the shop's country, another of the EU, or beyond.
Location = Literal["home", "other_eu", "third_country"]


@dataclass(frozen=True, slots=True)
class Shopper:
    """A known customer. `coupon_uses` counts her uses of each code; `kind` and what follows serve tax only."""

    id: str
    groups: frozenset[str] = frozenset()
    completed_orders: int = 0
    coupon_uses: Mapping[str, int] = field(default_factory=dict)
    kind: Literal["individual", "business"] = "individual"
    location: Location = "home"
    is_tax_id_valid: bool = False
    is_tax_exempt: bool = False
