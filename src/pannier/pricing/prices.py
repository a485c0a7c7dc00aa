"""Everything a shop charges and gives as of one revision, and how a basket is asked of it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from pannier.pricing.book import BasketLine, BasketRequest, PriceBook
from pannier.pricing.exchanging import PlacedExchange
from pannier.pricing.methods import Flat, ShippingMethod
from pannier.pricing.models import PricingRules
from pannier.pricing.names import UNTAXED
from pannier.pricing.policy import DEFAULT_POLICY, Policy
from pannier.pricing.promotions import Coupon
from pannier.pricing.shopper import Location, Shopper
from pannier.pricing.taxes import TaxRate
from pannier.pricing.tender import Purse

#: The rate and the method that the settings stand for, where a shop has no others.
STANDARD_TAX: Final = "standard"
STANDARD_SHIPPING: Final = "standard"

Destination = Mapping[str, Any]


def _nowhere(_: Destination | None) -> str | None:
    return None


def _nowhere_known(_: Destination | None) -> Location | None:
    return None


def _same(amount: int) -> int:
    return amount


def _never_said(_: str, __: datetime) -> tuple[date, date] | None:
    return None


class CouponOn(NamedTuple):
    """A code that is on a basket, and the promotion that it is for."""

    promotion_id: str
    coupon: Coupon


class GiftDisplay(NamedTuple):
    """What a shopper sees of goods that a promotion gives away."""

    product_id: str = ""
    name: str = ""
    slug: str = ""
    image: str | None = None
    sku: str | None = None


@dataclass(frozen=True, slots=True)
class Around:
    """What a price depends on beside the goods: who, where to, when, and what was chosen."""

    at: datetime
    shopper: Shopper | None = None
    destination: Destination | None = None
    shipping_method: str | None = None
    coupons: tuple[CouponOn, ...] = ()
    channel: str | None = None
    purses: tuple[Purse, ...] = ()
    #: As `BasketRequest` has them.
    gift_units: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Prices:
    """A shop's prices. `rules` is what its settings say; `book` has that too, where the shop has nothing else.

    `is_plain`: there is nothing beside those settings, and a `QuoteRequest` comes to the same, faster.
    """

    revision: int
    rules: PricingRules
    book: PriceBook
    is_plain: bool = True
    #: Whether the one tax of the settings is on all goods that are taxed at all, whatever their category.
    is_taxed_alike: bool = True
    has_methods: bool = False
    #: Methods by which nothing is brought to the shopper.
    fetched_methods: frozenset[str] = frozenset()
    #: Counts how often a process has read them: goods that are given away have prices of their own.
    reading: int = 0
    #: When what is ordered at a moment is there, by method: the first day and the last.
    arrival_of: Callable[[str, datetime], tuple[date, date] | None] = _never_said
    gift_displays: Mapping[str, GiftDisplay] = field(default_factory=dict)
    zone_of: Callable[[Destination | None], str | None] = _nowhere
    #: Where a destination lies, for reverse charge and exports; None where the shop does not ask.
    location_of: Callable[[Destination | None], Location | None] = _nowhere_known
    time_zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    #: Of prices in another currency than the shop's: by what its amounts became these; None where nothing did.
    exchange: PlacedExchange | None = None
    convert: Callable[[int], int] = _same
    #: The same prices in the other currencies that the shop sells in.
    others: Mapping[str, Prices] = field(default_factory=dict)

    @classmethod
    def of_settings(
        cls,
        rules: PricingRules,
        currency: str,
        policy: Policy = DEFAULT_POLICY,
        time_zone: ZoneInfo | None = None,
    ) -> Prices:
        """The prices of a shop that has no promotions, rates or methods of its own."""
        book = PriceBook(currency, _with_method(policy), tax_rates=tax_of(rules), shipping_methods=shipping_of(rules))
        return cls(0, rules, book, policy == DEFAULT_POLICY, time_zone=time_zone or ZoneInfo("UTC"))

    def of(self, currency: str) -> Prices:
        """These prices in a currency; as they are, where the shop does not sell in it."""
        return self if currency == self.book.currency else self.others.get(currency, self)

    def day(self, at: datetime) -> date:
        """The shop's day of a moment."""
        return at.astimezone(self.time_zone).date()

    def floor(self, amount_minor: int) -> int:
        """The lowest price of goods, which is told in the shop's currency; without a rate there is none."""
        return self.convert(amount_minor) if amount_minor else 0

    def tax_category(self, category: str) -> str:
        """The tax category of goods, as the rates name it."""
        return STANDARD_TAX if self.is_taxed_alike and category != UNTAXED else category

    def request(self, lines: Sequence[BasketLine], around: Around) -> BasketRequest:
        """The question that the engine is asked."""
        book = self.book
        if around.coupons:
            book = _with_coupons(book, around.coupons)
        return BasketRequest(
            book,
            tuple(lines),
            around.shopper,
            self.zone_of(around.destination),
            self.day(around.at),
            around.shipping_method,
            frozenset([on.coupon.code for on in around.coupons]),
            around.channel,
            around.purses,
            self.location_of(around.destination),
            around.gift_units,
        )


def arrives(prices: Prices, method: str, at: datetime) -> list[str] | None:
    """The first and the last day on which what is ordered at a moment is there; None where nobody says."""
    days = prices.arrival_of(method, at)
    return None if days is None else [day.isoformat() for day in days]


def tax_of(rules: PricingRules) -> tuple[TaxRate, ...]:
    """The one tax of the settings, as a rate."""
    if not rules.tax_percent:
        return ()
    return (TaxRate(STANDARD_TAX, STANDARD_TAX, rules.tax_percent, is_included=rules.tax_included),)


def shipping_of(rules: PricingRules) -> tuple[ShippingMethod, ...]:
    """The one charge of the settings, as a method."""
    method = ShippingMethod(
        STANDARD_SHIPPING,
        Flat(rules.shipping_flat_minor),
        free_from_minor=rules.shipping_free_from_minor,
        free_op=rules.shipping_free_operator,
        name="Standard",
    )
    return (method,)


def _with_method(policy: Policy) -> Policy:
    """The one method of the settings is chosen by itself: there is nothing to choose between."""
    return replace(policy, default_shipping_method="lowest_position")


def _with_coupons(book: PriceBook, coupons: Sequence[CouponOn]) -> PriceBook:
    """The book with the codes that are on the basket; a promotion may have a million others."""
    by_promotion: dict[str, tuple[Coupon, ...]] = {}
    for on in coupons:
        by_promotion[on.promotion_id] = (*by_promotion.get(on.promotion_id, ()), on.coupon)
    return replace(
        book,
        promotions=tuple(
            [
                one if one.coupons is None else replace(one, coupons=by_promotion.get(one.id, ()))
                for one in book.promotions
            ]
        ),
    )


__all__ = ["Around", "CouponOn", "Destination", "GiftDisplay", "Prices", "arrives", "shipping_of", "tax_of"]
