"""Paying with what is not money: gift cards, store credit, points; and the points that an order earns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from pannier.pricing.exact import down
from pannier.pricing.models import Tender


@dataclass(frozen=True, slots=True)
class Purse:
    """A balance to pay from: minor units, or points. `at_most` is what the shopper wants to use of it."""

    kind: Literal["gift_card", "store_credit", "points"]
    reference: str
    balance: int
    at_most: int | None = None


@dataclass(frozen=True, slots=True)
class LoyaltyRules:
    """Points for goods and what a point pays. Points are whole; what does not make a whole one earns none.

    `points_per_unit` points for each whole unit of the currency (1.00) of goods after discounts, multiplied by
    what the customer's groups earn; `point_minor` is what one pays. At most `burn_percent` of a total is paid so.
    """

    points_per_unit: Decimal | Fraction = Decimal(1)
    point_minor: int = 1
    burn_percent: Decimal = Decimal(100)
    group_factors: tuple[tuple[str, Decimal], ...] = ()

    def earned(self, goods_minor: int, minor_per_unit: int, groups: frozenset[str]) -> int:
        """Points for goods that cost so much."""
        factor = max([factor for group, factor in self.group_factors if group in groups], default=Decimal(1))
        points = Fraction(goods_minor, minor_per_unit) * Fraction(self.points_per_unit) * Fraction(factor)
        return down(points.numerator, points.denominator)


def tenders(total_minor: int, purses: Sequence[Purse], loyalty: LoyaltyRules | None) -> tuple[Tender, ...]:
    """What each purse pays, in the order given: never more than is due, nor than it holds.

    Points pay whole points only. A point that cannot be paid in full is not used.
    """
    due, found = total_minor, []
    for purse in purses:
        usable = max(0, purse.balance if purse.at_most is None else min(purse.balance, purse.at_most))
        if purse.kind == "points":
            if loyalty is None or loyalty.point_minor <= 0:
                continue
            most = Fraction(loyalty.burn_percent) * total_minor / 100
            limit = min(due, down(most.numerator, most.denominator))
            points = min(usable, limit // loyalty.point_minor)
            paid, left = points * loyalty.point_minor, purse.balance - points
        else:
            paid = min(due, usable)
            left = purse.balance - paid
        if paid > 0:
            found.append(Tender(purse.kind, purse.reference, paid, left))
            due -= paid
    return tuple(found)
