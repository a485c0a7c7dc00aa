"""What a unit costs on the shelf, before the basket is looked at.

list price → sale price in its period → catalogue rules → price from so many units → price of the customer's group.
Each stage that lowers the price is told; the last two are prices of their own, so the lowest counts.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Literal, NamedTuple

from pannier.pricing.exact import ROUNDINGS, Ratio, percent_ratio
from pannier.pricing.goods import ALWAYS, EVERYTHING, Filter, Goods, Period
from pannier.pricing.names import Stage


@dataclass(frozen=True, slots=True)
class PriceRule:
    """Percent or amount off the shelf price of matching goods; exactly one of the two is given."""

    id: str
    percent: Decimal | None = None
    amount_minor: int | None = None
    filter: Filter = EVERYTHING
    priority: int = 0
    is_exclusive: bool = False
    rounding: Literal["half_up", "half_even", "half_down", "down"] = "half_up"
    period: Period = ALWAYS
    ratio: Ratio = field(init=False)

    def __post_init__(self) -> None:
        if (self.percent is None) == (self.amount_minor is None):
            raise ValueError("a price rule takes a percent or an amount, and not both")
        object.__setattr__(self, "ratio", percent_ratio(self.percent or 0))

    def off(self, price: int) -> int:
        """What it takes off a price, before any floor."""
        if self.amount_minor is not None:
            return self.amount_minor
        return ROUNDINGS[self.rounding](self.ratio[0] * price, self.ratio[1])


class PriceStage(NamedTuple):
    """A price and what made it; `source` is the rule or group, empty where there is only one."""

    stage: Stage
    price_minor: int
    source: str = ""


class ShelfPrice(NamedTuple):
    """A unit price and the stages that led to it."""

    unit_price_minor: int
    stages: tuple[PriceStage, ...]


def shelf_price(
    goods: Goods,
    rules: Sequence[PriceRule],
    *,
    is_best_only: bool,
    on: date | None,
    groups: Collection[str],
    units: int,
) -> ShelfPrice:
    """The unit price of goods today for a customer of these groups who takes so many units.

    `rules` are in the order in which they are applied.
    """
    price = goods.list_price_minor
    stages = [PriceStage("list price", price)]
    if goods.sale is not None and goods.sale.price_minor < price and goods.sale.period.holds(on):
        price = goods.sale.price_minor
        stages.append(PriceStage("sale price", price))
    for rule in applied_rules(goods, price, rules, on, is_best_only=is_best_only):
        reached = _lowered(price, rule, goods.floor_minor)
        if reached != price:
            price = reached
            stages.append(PriceStage("catalogue rule", price, rule.id))
    for listed in sorted(goods.listed, key=lambda one: one.group is not None):
        is_hers = listed.group is None or listed.group in groups
        if is_hers and units >= listed.from_quantity and listed.price_minor < price:
            price = max(listed.price_minor, min(goods.floor_minor, price))
            stage: Stage = "tier price" if listed.group is None else "group price"
            stages = [one for one in stages if one.stage != stage]
            stages.append(PriceStage(stage, price, listed.group or ""))
    return ShelfPrice(price, tuple(stages))


def applied_rules(
    goods: Goods, price: int, rules: Sequence[PriceRule], on: date | None, *, is_best_only: bool
) -> Sequence[PriceRule]:
    """The rules that are applied to goods at a price on a day, in their order."""
    matching = [rule for rule in rules if rule.period.holds(on) and rule.filter.matches(goods, price)]
    if is_best_only:
        # min answers the first of several that are equally good.
        return [min(matching, key=lambda rule: _lowered(price, rule, goods.floor_minor))] if matching else []
    exclusive = next((rule for rule in matching if rule.is_exclusive), None)
    return matching if exclusive is None else [exclusive]


def _lowered(price: int, rule: PriceRule, floor: int) -> int:
    """A price after a rule: not below the floor or 0, and never higher than it was."""
    return min(price, max(price - rule.off(price), floor, 0))
