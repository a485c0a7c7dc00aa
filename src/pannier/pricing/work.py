"""A basket on the workbench: its ledger, the house rules, and the tax that is on what."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from typing import Literal

from pannier.pricing.book import BasketLine, BasketRequest, PriceBook
from pannier.pricing.exact import Rounding, half_up, rounded
from pannier.pricing.goods import Filter, Goods
from pannier.pricing.ledger import Ledger
from pannier.pricing.policy import Policy
from pannier.pricing.shelf import ShelfPrice, shelf_price
from pannier.pricing.shopper import Location, Shopper
from pannier.pricing.spreading import Spread
from pannier.pricing.taxes import TaxPlan, TaxRate

_GIFTS = uuid.UUID("6a1f0c52-7f0b-5d53-9d0c-3b1a5f1c7e40")
NO_GROUPS: frozenset[str] = frozenset()


class Work:
    """What conditions and actions look at and change while one basket is priced."""

    __slots__ = (
        "_is_rebasing",
        "_plans",
        "_units",
        "book",
        "channel",
        "groups",
        "ledger",
        "on",
        "policy",
        "request",
        "rounding",
        "shipping_method",
        "shopper",
        "spread",
        "tax_ground",
        "zone",
    )

    def __init__(self, request: BasketRequest) -> None:
        book = request.book
        self.request = request
        self.book: PriceBook = book
        self.policy: Policy = book.policy
        self.rounding: Rounding = book.rounding
        self.spread: Spread = book.spread
        self.shopper: Shopper | None = request.shopper
        self.groups = NO_GROUPS if request.shopper is None else request.shopper.groups
        self.channel: str | None = request.channel
        self.zone: str | None = request.zone
        self.on: date | None = request.on
        self.shipping_method: str | None = request.shipping_method
        self.tax_ground = tax_ground(self.policy, request.shopper, request.location)
        self._is_rebasing = self.policy.included_across_zones == "net_constant"
        self._plans: dict[str, TaxPlan] = {}
        self._units: dict[str, int] | None = None
        self.ledger = self._ledger(request.lines)

    def _ledger(self, lines: Sequence[BasketLine]) -> Ledger:
        goods = [line.goods for line in lines]
        quantity = [line.quantity for line in lines]
        exact: dict[int, Fraction] = {}
        unit = [self._first_price(place, line, exact) for place, line in enumerate(lines)]
        reduced = [price < one.list_price_minor for price, one in zip(unit, goods, strict=True)]
        if self._is_rebasing:
            for place, one in enumerate(goods):
                if (net := self.rebased_net(one, exact.pop(place, unit[place]))) is not None:
                    price = net * (1 + self.plan(one.tax_category).contained_rate)
                    unit[place] = rounded(price, half_up)
                    if self.policy.net_rounding == "end":
                        exact[place] = price
        ledger = Ledger(goods, quantity, unit, reduced)
        if exact:
            ledger.keep_exact(exact, is_per_order=self.policy.subtotal_level == "order")
        return ledger

    def _first_price(self, place: int, line: BasketLine, exact: dict[int, Fraction]) -> int:
        """What a unit of a line costs before any change of zone; put into `exact` where it is finer than that."""
        fixed = line.fixed_price_minor
        if fixed is None:
            return self.unit_price(line.goods)
        if isinstance(fixed, Fraction):
            exact[place] = fixed
            return rounded(fixed, half_up)
        return fixed

    # Prices

    def shelf(self, goods: Goods) -> ShelfPrice:
        """The shelf price of goods and how it came about, before any change of zone."""
        if self._units is None:
            self._units = {}
            for line in self.request.lines:
                self._units[line.goods.id] = self._units.get(line.goods.id, 0) + line.quantity
        return shelf_price(
            goods,
            self.book.ordered_rules,
            is_best_only=self.policy.price_rule_selection == "best",
            on=self.on,
            groups=self.groups,
            units=self._units.get(goods.id, 1),
        )

    def unit_price(self, goods: Goods) -> int:
        """The shelf price of goods."""
        if not self.book.ordered_rules and goods.sale is None and not goods.listed:
            return goods.list_price_minor
        return self.shelf(goods).unit_price_minor

    def gift(self, product: str) -> tuple[Goods, int] | None:
        """A product given away, and its shelf price; None where there is none to give."""
        goods = self.book.gifts.get(product)
        if goods is None:
            return None
        unit = self.unit_price(goods)
        net = self.rebased_net(goods, unit) if self._is_rebasing else None
        if net is not None:
            unit = rounded(net * (1 + self.plan(goods.tax_category).contained_rate), half_up)
        return goods, unit

    def gift_room(self, goods: Goods) -> int | None:
        """How many units of goods can still be given away, after those that are given; None is without bound."""
        bounds = self.request.gift_units
        left = None if bounds is None else bounds.get(goods.id)
        if left is None:
            return None
        ledger = self.ledger
        given = sum([ledger.quantity[place] for place in ledger.gifts if ledger.goods[place].id == goods.id])
        return max(0, left - given)

    def gift_id(self, place: int) -> uuid.UUID:
        """The id of a gift's line: made from its place and goods, so that the same basket has the same."""
        return uuid.uuid5(_GIFTS, f"{place} {self.ledger.goods[place].id}")

    # Tax

    def rates(self, category: str) -> tuple[TaxRate, ...]:
        """The rates on a category in the shopper's zone today."""
        if self.tax_ground != "home_rate":
            return ()
        zone, on = self.zone, self.on
        return tuple(
            rate
            for rate in self.book.rates_by_category.get(category, ())
            if (rate.zone is None or rate.zone == zone) and rate.period.holds(on)
        )

    def plan(self, category: str) -> TaxPlan:
        """How the tax of a category is worked out here."""
        found = self._plans.get(category)
        if found is None:
            is_on_net = self._is_rebasing and self.home_rates(category) is not None
            found = self._plans[category] = self.book.plan(self.rates(category), is_on_net=is_on_net)
        return found

    def home_rates(self, category: str) -> tuple[TaxRate, ...] | None:
        """The rates that entered prices of a category contain, where the shopper is in another zone.

        Home is the zone of the first contained rate. A rate without a zone is at home everywhere.
        """
        contained = [
            rate
            for rate in self.book.rates_by_category.get(category, ())
            if rate.is_included and rate.period.holds(self.on)
        ]
        home = contained[0].zone if contained else None
        if home is None or home == self.zone:
            return None
        return tuple(rate for rate in contained if rate.zone == home)

    def rebased_net(self, goods: Goods, unit: int | Fraction) -> Fraction | None:
        """The net price that a unit keeps in another zone; None where the entered price holds."""
        rates = self.home_rates(goods.tax_category)
        if rates is None:
            return None
        net = Fraction(unit) / (1 + sum([rate.rate for rate in rates], Fraction(0)))
        return Fraction(rounded(net, half_up)) if self.policy.net_rounding == "unit" else net

    def unit_net(self, line: int) -> int | None:
        """The net price of one unit, rounded, where net prices are kept across zones."""
        if not self._is_rebasing:
            return None
        goods, unit = self.ledger.goods[line], self.ledger.unit[line]
        shelf = self.request.lines[line].fixed_price_minor if line < len(self.request.lines) else None
        net = self.rebased_net(goods, self.unit_price(goods) if shelf is None else shelf)
        if net is None:
            net = Fraction(unit) / (1 + self.plan(goods.tax_category).contained_rate)
        return rounded(net, half_up)

    def gross(self, wanted: Filter) -> int:
        """What matching lines cost now with the tax that is added to them, line by line."""
        ledger = self.ledger
        if ledger.is_consuming:
            cost = {line: ledger.amount_of(line) for line in ledger.matching(wanted)}
        else:
            cost = {line: ledger.total[line] for line in ledger.matching(wanted)}
        return sum([self.with_added(line, amount) for line, amount in cost.items()])

    def with_added(self, line: int, amount: int) -> int:
        """An amount of a line with its added tax."""
        return amount + self.plan(self.ledger.goods[line].tax_category).of(amount).added_minor

    def weights(self, lines: Sequence[int] | None) -> Sequence[int]:
        """What an order discount is spread by, by the rule distribution_weight (None: all lines)."""
        total = self.ledger.total
        chosen = range(len(total)) if lines is None else lines
        if self.policy.distribution_weight == "gross":
            return [self.with_added(line, total[line]) for line in chosen]
        return [total[line] for line in chosen]


TaxGround = Literal["home_rate", "reverse_charge", "export", "exempt"]


def tax_ground(policy: Policy, shopper: Shopper | None, location: Location | None = None) -> TaxGround:
    """Why the shopper pays tax, or pays none."""
    if shopper is not None and shopper.is_tax_exempt:
        return "exempt"
    if policy.reverse_charge == "off":
        return "home_rate"
    location = location or ("home" if shopper is None else shopper.location)
    if location == "third_country":
        return "export"
    is_business = shopper is not None and shopper.kind == "business" and shopper.is_tax_id_valid
    return "reverse_charge" if is_business and location == "other_eu" else "home_rate"
