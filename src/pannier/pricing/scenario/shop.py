"""The shop of a scenario: what it sells, who is in it, and their carts. It changes from step to step."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from pannier.kernel.money import UnknownCurrencyError, minor_digits
from pannier.pricing.book import BasketLine, BasketRequest, PriceBook
from pannier.pricing.engine import price
from pannier.pricing.exact import half_up, rounded
from pannier.pricing.goods import Goods
from pannier.pricing.models import Quote
from pannier.pricing.scenario import vocabulary
from pannier.pricing.scenario.products import Product
from pannier.pricing.scenario.source import Source
from pannier.pricing.shopper import Shopper
from pannier.pricing.tender import LoyaltyRules, Purse

#: House rules of a cart, beside those of prices; the default stands first.
CART_CHOICES: Mapping[str, tuple[Any, ...]] = {
    "short_add": ("reject", "partial"),
    "on_short_set": ("reject", "clamp"),
    "over_limit_add": ("reject", "clamp"),
    "negative_add": ("reject", "clamp_to_zero"),
    "price_change": ("latest", "keep_original"),
    "unavailable_line": ("keep_priced", "keep_unpriced"),
    "display_conversion": ("per_figure",),
    "merge": ("sum", "max", "guest_quantity", "use_guest", "use_existing", "use_guest_if_existing_empty"),
    "merge_currency_mismatch": ("drop_lines", "fail"),
    "merge_coupons": ("union",),
}
#: House rules of stock and checkout, which change no price.
OTHER_RULES = ("hold_at", "commit_at", "skip_single_shipping", "skip_single_payment")


@dataclass
class CartLine:
    """A line of a scenario's cart. `first_*` are as at its first add; `fixed_minor` keeps that shelf price."""

    product: str
    options: dict[str, Any]
    quantity: int
    number: int
    first_unit_minor: int | None = None
    fixed_minor: int | None = None

    @property
    def key(self) -> tuple[str, str]:
        return self.product, options_key(self.options)

    @property
    def line_id(self) -> uuid.UUID:
        return uuid.UUID(int=self.number)


def options_key(options: Mapping[str, Any]) -> str:
    """Equal options as equal texts."""
    return json.dumps(options, sort_keys=True, default=str)


@dataclass
class Cart:
    """What one shopper has in one channel."""

    lines: list[CartLine] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    method: str | None = None

    def find(self, product: str, options: Mapping[str, Any]) -> CartLine | None:
        key = (product, options_key(options))
        return next((line for line in self.lines if line.key == key), None)

    def units_of(self, product: str) -> int:
        return sum([line.quantity for line in self.lines if line.product == product])

    @property
    def units(self) -> int:
        return sum([line.quantity for line in self.lines])


@dataclass
class Visitor:
    """Where a shopper is and who she is known to be."""

    zone: str | None
    shopper: Shopper | None = None


class ScenarioShop:
    """Everything a scenario is about, and the quotes of its carts."""

    def __init__(self, given: Source, policy: Source | None, when: list[Source]) -> None:
        self.currency = given.text("currency")
        self.base_currency = given.text_or_none("base_currency") or self.currency
        for name in ("currency", "base_currency"):
            try:
                minor_digits(given.text(name, self.currency))
            except UnknownCurrencyError as problem:
                raise given.fail(name, str(problem)) from None
        self.exchange = {pair: inner.number(pair) for pair, inner in given.items("exchange")}
        self.channel = given.text_or_none("channel")
        self.channels = given.texts("channels")
        self.home_zone = given.text_or_none("zone")
        self.now: date | None = given.day("now")
        self.minutes = 0
        self.max_line_qty = given.whole_or_none("max_line_qty")
        self.max_cart_qty = given.whole_or_none("max_cart_qty")
        self.products = {one.id: one for one in map(Product.read, given.objects("products"))}
        self.cart_rules = self._cart_rules(policy)
        self.book = self._book(given, policy)
        self.registered = {"jane"} | {
            one.text("by") for one in when if one.raw("op") in ("login", "logout") and one.has("by")
        }
        self.visitors: dict[str, Visitor] = {}
        self.carts: dict[tuple[str, str | None], Cart] = {}
        self.reservations = [
            (one.text("product"), one.units("qty"), one.whole("expires_in", 0)) for one in given.objects("reservations")
        ]
        inner = given.object("customer")
        self.visitor("me").shopper = None if inner is None else vocabulary.shopper_of(inner)
        self.first_method = given.text_or_none("shipping_method")
        self.purses = self._purses(given)
        self.lines_made = 0
        for ignored in ("payment_methods", "guest_checkout"):
            given.raw(ignored)
        given.done()

    @staticmethod
    def _cart_rules(policy: Source | None) -> dict[str, Any]:
        rules = {name: choices[0] for name, choices in CART_CHOICES.items()}
        if policy is not None:
            for name, choices in CART_CHOICES.items():
                rules[name] = policy.choice(name, choices, choices[0])
            for name in OTHER_RULES:
                policy.raw(name)
        return rules

    def _book(self, given: Source, policy: Source | None) -> PriceBook:
        selection = given.choice("price_rule_selection", ("stack", "best"), "stack")
        rules = vocabulary.policy_of(policy, selection)
        if policy is not None:
            policy.done()
        loyalty = given.object("loyalty")
        return PriceBook(
            self.base_currency,
            rules,
            tuple([vocabulary.price_rule_of(one) for one in given.objects("price_rules")]),
            tuple([vocabulary.promotion_of(one) for one in given.objects("promotions")]),
            tuple([vocabulary.tax_rate_of(one) for one in given.objects("tax_rates")]),
            tuple([vocabulary.shipping_method_of(one) for one in given.objects("shipping_methods")]),
            codes_ignore_case=not given.flag("coupon_case_sensitive", default=True),
            loyalty=None if loyalty is None else _loyalty(loyalty),
        )

    @staticmethod
    def _purses(given: Source) -> tuple[Purse, ...]:
        purses = []
        for one in given.objects("purses"):
            kind = one.choice("kind", ("gift_card", "store_credit", "points"))
            purses.append(Purse(kind, one.text("id", ""), one.amount("balance"), one.amount_or_none("at_most")))  # type: ignore[arg-type] # one of three
            one.done()
        return tuple(purses)

    # People and carts

    def visitor(self, who: str) -> Visitor:
        if who not in self.visitors:
            known = Shopper(who) if who in self.registered else None
            self.visitors[who] = Visitor(self.home_zone, known)
        return self.visitors[who]

    def cart(self, who: str, channel: str | None) -> Cart:
        if (who, channel) not in self.carts:
            self.carts[who, channel] = Cart(method=self.first_method)
        return self.carts[who, channel]

    def change_book(self, **changes: Any) -> None:
        """Let the shop's rules be others from now on."""
        self.book = replace(self.book, **changes)

    # Prices

    def price_of(self, product: Product, channel: str | None) -> int | None:
        """What a product costs in a channel, in the currency of prices; None where it has no price."""
        by_currency = product.channel_prices.get(channel) if channel is not None else None
        if not by_currency:
            return product.price_minor
        if self.base_currency in by_currency:
            return by_currency[self.base_currency]
        for currency, amount in by_currency.items():
            rate = self.rate(currency, self.base_currency)
            if rate is not None:
                return rounded(amount * rate, half_up)
        return None

    def rate(self, of: str, to: str) -> Fraction | None:
        """What one unit of a currency is in another; the reverse of the other direction where only that is known."""
        if of == to:
            return Fraction(1)
        digits = Fraction(10) ** (minor_digits(to) - minor_digits(of))
        if (rate := self.exchange.get(f"{of}>{to}")) is not None:
            return Fraction(rate) * digits
        if (rate := self.exchange.get(f"{to}>{of}")) is not None and rate:
            return digits / Fraction(rate)
        return None

    def goods(self, product: Product, channel: str | None) -> Goods:
        return product.goods(self.price_of(product, channel) or 0)

    def request(self, who: str, channel: str | None, lines: list[CartLine] | None = None) -> BasketRequest:
        """What is asked of the engine for a shopper's cart."""
        cart, visitor = self.cart(who, channel), self.visitor(who)
        goods = {one.id: self.goods(one, channel) for one in self.products.values()}
        basket = []
        for line in cart.lines if lines is None else lines:
            if self.cart_rules["unavailable_line"] == "keep_unpriced" and self.is_unavailable(line, channel):
                continue
            basket.append(BasketLine(line.line_id, goods[line.product], line.quantity, line.fixed_minor))
        gifts = {
            one.id: goods[one.id]
            for one in self.products.values()
            if one.is_sold_in(channel) and self.price_of(one, channel) is not None
        }
        return BasketRequest(
            replace(self.book, gifts=gifts),
            tuple(basket),
            visitor.shopper,
            visitor.zone,
            self.now,
            cart.method,
            frozenset(cart.codes),
            channel,
            self.purses,
        )

    def quote(self, who: str, channel: str | None) -> Quote:
        return price(self.request(who, channel))

    # Stock

    def saleable(self, product: Product) -> int | None:
        """Units that can be sold; None is any number."""
        reserved = sum([units for name, units, ends in self.reservations if name == product.id and ends > self.minutes])
        return product.saleable(reserved)

    def is_unavailable(self, line: CartLine, channel: str | None) -> bool:
        """Whether a line cannot be bought now."""
        product = self.products[line.product]
        return not product.is_sold_in(channel)


def _loyalty(source: Source) -> LoyaltyRules:
    rules = LoyaltyRules(
        source.number("points_per_unit", Decimal(1)),
        source.amount("point", 1),
        source.percent("burn_percent", Decimal(100)),
        tuple([(group, inner.number(group)) for group, inner in source.items("group_factors")]),
    )
    source.done()
    return rules
