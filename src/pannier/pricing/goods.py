"""What is sold, as far as its price depends on it. Amounts are whole minor units; nothing here is per basket."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Final

from pannier.pricing.names import UNTAXED


@dataclass(frozen=True, slots=True)
class Period:
    """Days from `starts` to `ends`, both included; None is open. A quote without a day is in every period."""

    starts: date | None = None
    ends: date | None = None

    def holds(self, on: date | None) -> bool:
        return on is None or not (self.is_before(on) or self.is_over(on))

    def is_before(self, on: date | None) -> bool:
        """Whether the period has not begun."""
        return on is not None and self.starts is not None and on < self.starts

    def is_over(self, on: date | None) -> bool:
        return on is not None and self.ends is not None and on > self.ends


ALWAYS: Final = Period()


@dataclass(frozen=True, slots=True)
class SalePrice:
    """A lower price for a time."""

    price_minor: int
    period: Period = ALWAYS


@dataclass(frozen=True, slots=True)
class ListedPrice:
    """A price from so many units of the product in the basket; with a group, only for its customers."""

    price_minor: int
    from_quantity: int = 1
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Goods:
    """A product or variant. `floor_minor`: no promotion or price rule takes a unit below it.

    `product_id` is the product that a variant belongs to; a filter that names it means all its variants.
    """

    id: str
    list_price_minor: int
    categories: frozenset[str] = frozenset()
    tax_category: str = UNTAXED
    weight: Decimal | Fraction | int = 0
    shipping_category: str | None = None
    floor_minor: int = 0
    requires_shipping: bool = True
    sale: SalePrice | None = None
    listed: tuple[ListedPrice, ...] = ()
    name: str = ""
    product_id: str | None = None

    @property
    def title(self) -> str:
        """What a person calls it."""
        return self.name or self.id


@dataclass(frozen=True, slots=True)
class Filter:
    """Which lines something is about: all given parts match. Bounds are on the shelf price, both included."""

    products: frozenset[str] | None = None
    categories: frozenset[str] | None = None
    min_unit_minor: int | None = None
    max_unit_minor: int | None = None

    def matches(self, goods: Goods, unit_price_minor: int) -> bool:
        return (
            (self.products is None or goods.id in self.products or goods.product_id in self.products)
            and (self.categories is None or not self.categories.isdisjoint(goods.categories))
            and (self.min_unit_minor is None or unit_price_minor >= self.min_unit_minor)
            and (self.max_unit_minor is None or unit_price_minor <= self.max_unit_minor)
        )

    def __str__(self) -> str:
        parts = [
            ", ".join(sorted(self.products)) if self.products is not None else "",
            f"category {' or '.join(sorted(self.categories))}" if self.categories is not None else "",
        ]
        return " in ".join(part for part in parts if part) or "all goods"


EVERYTHING: Final = Filter()
