"""What a shopper has been promised: the state that the shop's answers add up to.

It is kept apart from everything the shop keeps, by the arithmetic of whoever writes things down on paper.
"""

from __future__ import annotations

import copy
from collections import Counter
from dataclasses import dataclass, field

SHIPPING_MINOR = 1599
SHIPPING_FREE_ABOVE_MINOR = 20_000
TAX_PERCENT = 8
#: 8 % of a multiple of this is a whole number of cents, so that no rule of rounding has to be believed.
PRICE_STEP_MINOR = 25


@dataclass(frozen=True)
class Order:
    """An order as it was agreed: `units` by variant. `number` is None while nobody has told it."""

    number: str | None
    checkout: str
    total_minor: int
    units: frozenset[tuple[str, int]]
    is_canceled: bool = False


@dataclass
class Journal:
    """One shopper's cart and orders. `lines` has the units and the item's id by variant."""

    lines: dict[str, tuple[int, str]] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)

    @property
    def units(self) -> dict[str, int]:
        """Units in the cart, by variant."""
        return {variant: units for variant, (units, _) in self.lines.items()}

    def copy(self) -> Journal:
        """A copy that may go its own way."""
        return copy.deepcopy(self)

    def sold(self) -> Counter[str]:
        """Units in orders that stand."""
        sold: Counter[str] = Counter()
        for order in self.orders.values():
            if not order.is_canceled:
                sold.update(dict(order.units))
        return sold


def total_of(units: dict[str, int], prices: dict[str, int]) -> int:
    """What these units cost, with tax and shipping, in minor units."""
    goods = sum(prices[variant] * count for variant, count in units.items())
    shipping = 0 if goods > SHIPPING_FREE_ABOVE_MINOR else SHIPPING_MINOR
    return goods + goods * TAX_PERCENT // 100 + shipping
