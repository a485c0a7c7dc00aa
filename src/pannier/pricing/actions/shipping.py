"""Discounts on shipping, in the order of the promotions: each sees what the ones before have left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import ClassVar

from pannier.kernel.money import format_amount
from pannier.pricing.actions.base import ShippingAction, off_by
from pannier.pricing.exact import Ratio, Rounding, percent_ratio, plain
from pannier.pricing.registry import by_kind


@dataclass(frozen=True, slots=True)
class ShippingPercent(ShippingAction):
    """Percent of what shipping costs now."""

    kind: ClassVar[str] = "shipping_percent"
    percent: Decimal
    ratio: Ratio = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ratio", percent_ratio(self.percent))

    def off(self, cost: int, rounding: Rounding) -> int:
        return min(cost, off_by(self.ratio, rounding, cost))

    def describe(self, currency: str) -> str:
        del currency
        return "free delivery" if self.percent >= 100 else f"{plain(self.percent)} % off shipping"


@dataclass(frozen=True, slots=True)
class ShippingFixed(ShippingAction):
    """An amount off."""

    kind: ClassVar[str] = "shipping_fixed"
    amount_minor: int

    def off(self, cost: int, rounding: Rounding) -> int:
        del rounding
        return min(cost, self.amount_minor)

    def describe(self, currency: str) -> str:
        return f"{format_amount(self.amount_minor, currency)} off shipping"


@dataclass(frozen=True, slots=True)
class ShippingSet(ShippingAction):
    """Shipping costs an amount, if it costs more."""

    kind: ClassVar[str] = "shipping_set"
    amount_minor: int

    def off(self, cost: int, rounding: Rounding) -> int:
        del rounding
        return max(0, cost - self.amount_minor)

    def describe(self, currency: str) -> str:
        return f"shipping for {format_amount(self.amount_minor, currency)}"


KINDS: Mapping[str, type[ShippingAction]] = by_kind(ShippingAction, globals())
