"""Everything a shop charges and gives, prepared once, and the question that is put to it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import NamedTuple

from pannier.kernel.money import minor_digits
from pannier.pricing.conditions import ShippingMethodChosen
from pannier.pricing.exact import ROUNDINGS, Rounding
from pannier.pricing.goods import Goods
from pannier.pricing.methods import ShippingMethod
from pannier.pricing.policy import DEFAULT_POLICY, Policy
from pannier.pricing.promotions import Promotion
from pannier.pricing.shelf import PriceRule
from pannier.pricing.shopper import Location, Shopper
from pannier.pricing.spreading import SPREADS, Spread
from pannier.pricing.taxes import TaxPlan, TaxRate
from pannier.pricing.tender import LoyaltyRules, Purse


@dataclass(frozen=True, slots=True)
class PriceBook:
    """A shop's prices beside those of its goods. Make it once and quote from it often; it never changes.

    `gifts` are the goods that promotions may give away, by id. Codes are matched as they are written unless
    `codes_ignore_case`. Raises ValueError for an unknown currency.
    """

    currency: str
    policy: Policy = DEFAULT_POLICY
    price_rules: tuple[PriceRule, ...] = ()
    promotions: tuple[Promotion, ...] = ()
    tax_rates: tuple[TaxRate, ...] = ()
    shipping_methods: tuple[ShippingMethod, ...] = ()
    gifts: Mapping[str, Goods] = field(default_factory=dict)
    codes_ignore_case: bool = False
    loyalty: LoyaltyRules | None = None
    #: Rules and promotions in the order in which they are tried.
    ordered_rules: tuple[PriceRule, ...] = field(init=False)
    ordered_promotions: tuple[Promotion, ...] = field(init=False)
    rates_by_category: Mapping[str, tuple[TaxRate, ...]] = field(init=False)
    methods_by_id: Mapping[str, ShippingMethod] = field(init=False)
    rounding: Rounding = field(init=False)
    spread: Spread = field(init=False)
    has_exclusive: bool = field(init=False)
    #: Whether what is given depends on how it is shipped.
    asks_for_method: bool = field(init=False)
    #: Whether any method asks for the weight.
    weighs: bool = field(init=False)
    _plans: dict[tuple[object, ...], TaxPlan] = field(init=False, default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        minor_digits(self.currency)
        sign = 1 if self.policy.priority_order == "low_first" else -1
        rates: dict[str, tuple[TaxRate, ...]] = {}
        for rate in self.tax_rates:
            rates[rate.category] = (*rates.get(rate.category, ()), rate)
        prepared = {
            "ordered_rules": tuple(sorted(self.price_rules, key=lambda rule: -rule.priority)),
            "ordered_promotions": tuple(sorted(self.promotions, key=lambda promotion: sign * promotion.priority)),
            "rates_by_category": rates,
            "methods_by_id": {method.id: method for method in self.shipping_methods},
            "rounding": ROUNDINGS[self.policy.discount_rounding],
            "spread": SPREADS[self.policy.distribution],
            "has_exclusive": any(promotion.is_exclusive for promotion in self.promotions),
            "asks_for_method": any(
                isinstance(condition, ShippingMethodChosen)
                for promotion in self.promotions
                for condition in promotion.conditions
            ),
        }
        prepared["weighs"] = any(method.weighs for method in self.shipping_methods)
        for name, value in prepared.items():
            object.__setattr__(self, name, value)

    def plan(self, rates: tuple[TaxRate, ...], *, is_on_net: bool) -> TaxPlan:
        """How these rates are worked out by the house rules; the same object every time."""
        key = (is_on_net, *[id(rate) for rate in rates])
        plan = self._plans.get(key)
        if plan is None:
            policy = self.policy
            plan = self._plans[key] = TaxPlan(
                rates,
                ROUNDINGS[policy.rounding],
                is_net_target=policy.tax_included_target == "net",
                is_each=policy.tax_components == "each",
                is_on_net=is_on_net,
            )
        return plan

    def code(self, text: str) -> str | None:
        """A code as the shop writes it; None where it has none like this."""
        folded = text.casefold() if self.codes_ignore_case else text
        for promotion in self.promotions:
            for coupon in promotion.coupons or ():
                if (coupon.code.casefold() if self.codes_ignore_case else coupon.code) == folded:
                    return coupon.code
        return None


class BasketLine(NamedTuple):
    """So many units of goods. `fixed_price_minor` is a unit price that was promised; None is today's.

    A Fraction is a price finer than the currency's minor unit, such as 0.0125 for a screw: the line costs it times
    the quantity, and only that is rounded (by the rule `subtotal_level`).
    """

    line_id: uuid.UUID
    goods: Goods
    quantity: int
    fixed_price_minor: int | Fraction | None = None


@dataclass(frozen=True, slots=True)
class BasketRequest:
    """Everything a quote depends on. Quantities are positive, prices not negative. `on` None is no day at all.

    `location` is where the goods go, where that is known better than from the shopper.
    """

    book: PriceBook
    lines: tuple[BasketLine, ...]
    shopper: Shopper | None = None
    zone: str | None = None
    on: date | None = None
    shipping_method: str | None = None
    codes: frozenset[str] = frozenset()
    channel: str | None = None
    purses: tuple[Purse, ...] = ()
    location: Location | None = None
    #: Units of goods, by their id, that can be given away beside what is bought; of others there is no bound.
    gift_units: Mapping[str, int] | None = None
