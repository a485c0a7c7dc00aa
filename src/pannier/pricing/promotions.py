"""A promotion and its coupons, and the reasons for which they are refused."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Literal

from pannier.pricing.actions.base import Action, ShippingAction
from pannier.pricing.conditions import Condition, Surroundings, Unmet
from pannier.pricing.goods import ALWAYS, Period
from pannier.pricing.shopper import Shopper

#: Why a promotion does not apply or a code is refused, in the order in which they are looked at.
Reason = Literal[
    "unknown",
    "already_applied",
    "inactive",
    "not_started",
    "expired",
    "usage_limit",
    "customer_limit",
    "no_code",
    "not_applicable",
]


@dataclass(frozen=True, slots=True)
class Coupon:
    """A code. `limit` and `used` count all shoppers, the others this one; None is no limit."""

    code: str
    limit: int | None = None
    used: int = 0
    per_customer: int | None = None
    used_by_customer: int = 0
    period: Period = ALWAYS
    rejects_reduced_lines: bool = False

    def refusal(self, on: date | None, shopper: Shopper | None) -> Reason | None:
        """Why the code cannot be used, apart from what is in the basket."""
        if self.period.is_before(on):
            return "not_started"
        if self.period.is_over(on):
            return "expired"
        if self.limit is not None and self.used >= self.limit:
            return "usage_limit"
        if self.per_customer is not None and self.uses_of(shopper) >= self.per_customer:
            return "customer_limit"
        return None

    def uses_of(self, shopper: Shopper | None) -> int:
        """How often this shopper has used the code."""
        known = 0 if shopper is None else shopper.coupon_uses.get(self.code, 0)
        return max(self.used_by_customer, known)


@dataclass(frozen=True, slots=True)
class Promotion:
    """What is given and when. `coupons` None needs no code; of the promotions of one `lane` one applies at most."""

    id: str
    actions: tuple[Action, ...] = ()
    conditions: tuple[Condition, ...] = ()
    priority: int = 0
    coupons: tuple[Coupon, ...] | None = None
    is_active: bool = True
    period: Period = ALWAYS
    limit: int | None = None
    used: int = 0
    is_exclusive: bool = False
    is_stop: bool = False
    skips_reduced: bool = False
    name: str = ""
    lane: str | None = None

    @property
    def title(self) -> str:
        """What a person calls it."""
        return self.name or self.id

    @property
    def ships(self) -> bool:
        """Whether it lowers the cost of shipping."""
        return any(isinstance(action, ShippingAction) for action in self.actions)

    def refusal(self, on: date | None) -> Reason | None:
        """Why it applies to nobody today."""
        if not self.is_active:
            return "inactive"
        if self.period.is_before(on):
            return "not_started"
        if self.period.is_over(on):
            return "expired"
        if self.limit is not None and self.used >= self.limit:
            return "usage_limit"
        return None

    def unmet(self, around: Surroundings) -> Unmet | None:
        """The first condition that does not hold."""
        for condition in self.conditions:
            found = condition.unmet(around)
            if found is not None:
                return found
        return None

    def code_refusal(
        self, codes: Collection[str], on: date | None, shopper: Shopper | None, *, has_reduced_line: bool
    ) -> Reason | None:
        """Why none of the codes on the basket lets it apply; None where one does or none is needed."""
        if self.coupons is None:
            return None
        reason: Reason = "no_code"
        for coupon in self.coupons:
            if coupon.code not in codes:
                continue
            found = coupon.refusal(on, shopper)
            if found is None and coupon.rejects_reduced_lines and has_reduced_line:
                found = "not_applicable"
            if found is None:
                return None
            reason = found
        return reason
