"""What a quote is made from and what it is. Amounts are whole minor units of the quote's currency.

Named tuples, because every read of a cart makes a dozen of them, and a frozen dataclass takes three times as
long to make.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Final, Literal, NamedTuple, Protocol

from pannier.pricing.bookings import ShortGift
from pannier.pricing.names import UNTAXED, Stage
from pannier.pricing.shelf import PriceStage
from pannier.pricing.taxes import TaxPart, TaxRate

__all__ = [
    "NO_DETAILS",
    "UNTAXED",
    "Applied",
    "Discount",
    "LineQuote",
    "LineRequest",
    "PricingRules",
    "PricingSettings",
    "Quote",
    "QuoteMessage",
    "QuoteRequest",
    "ShippingQuote",
    "ShortGift",
    "Stage",
    "Step",
    "TaxTotal",
    "Tender",
    "Totals",
]


class PricingSettings(Protocol):
    """The settings that prices depend on; `platform.settings.Settings` has them."""

    @property
    def tax_percent(self) -> Decimal: ...
    @property
    def tax_included(self) -> bool: ...
    @property
    def shipping_flat_minor(self) -> int: ...
    @property
    def shipping_free_from_minor(self) -> int | None: ...
    @property
    def shipping_free_operator(self) -> Literal["gte", "gt"]: ...


@dataclass(frozen=True, slots=True)
class PricingRules:
    """What a shop charges beside its prices. Built once, used by every quote.

    `shipping_free_from_minor` None never ships free; with the operator `gt` exactly that total still pays.
    """

    tax_percent: Decimal = Decimal(0)
    tax_included: bool = False
    shipping_flat_minor: int = 0
    shipping_free_from_minor: int | None = None
    shipping_free_operator: Literal["gte", "gt"] = "gte"
    #: The part of a line's price that is tax, or is added as tax, as an exact fraction.
    tax_part: tuple[int, int] = field(init=False)
    #: The lowest goods total that ships free.
    ships_free_from_minor: int | None = field(init=False)

    def __post_init__(self) -> None:
        rate = Fraction(self.tax_percent) / 100
        part = Fraction(rate, 1 + rate) if self.tax_included else rate
        object.__setattr__(self, "tax_part", (part.numerator, part.denominator))
        threshold = self.shipping_free_from_minor
        if threshold is not None and self.shipping_free_operator == "gt":
            threshold += 1
        object.__setattr__(self, "ships_free_from_minor", threshold)

    @classmethod
    def from_settings(cls, settings: PricingSettings) -> PricingRules:
        return cls(
            settings.tax_percent,
            settings.tax_included,
            settings.shipping_flat_minor,
            settings.shipping_free_from_minor,
            settings.shipping_free_operator,
        )


class LineRequest(NamedTuple):
    """One line of a cart: what a unit costs on the shelf, and what tax and shipping need to know of it."""

    line_id: uuid.UUID
    unit_price_minor: int
    quantity: int
    tax_category: str = "standard"
    requires_shipping: bool = True


class QuoteRequest(NamedTuple):
    """Everything a quote depends on. `lines` keep their order in the quote."""

    currency: str
    lines: tuple[LineRequest, ...]
    rules: PricingRules


class Discount(NamedTuple):
    """What one promotion takes off a line."""

    source: str
    amount_minor: int


class LineQuote(NamedTuple):
    """One line priced: `total = subtotal − discounts`.

    `tax_minor` is all its tax; `tax_included_minor` of it lies inside the total, the rest is added to it.
    `unit_discounts` has what is off each unit, in the order they are counted.
    """

    line_id: uuid.UUID
    unit_price_minor: int
    quantity: int
    subtotal_minor: int
    discounts: Sequence[Discount]
    total_minor: int
    tax_minor: int
    tax_category: str
    tax_included_minor: int = 0
    item_discount_minor: int = 0
    order_discount_minor: int = 0
    product_id: str = ""
    #: Put into the basket by a promotion.
    is_gift: bool = False
    taxes: Sequence[TaxPart] = ()
    #: How the unit price came about, and what is off each unit; worked out when looked at.
    prices: Sequence[PriceStage] = ()
    unit_discounts: Sequence[int] = ()


#: The last fields of a line of which only price and tax are known.
NO_DETAILS: Final = tuple(LineQuote._field_defaults.values())[1:]


class Totals(NamedTuple):
    """`total = subtotal − discount + shipping + tax_added`; `tax_included` is inside the subtotal."""

    subtotal_minor: int
    discount_minor: int
    shipping_minor: int
    tax_added_minor: int
    tax_included_minor: int
    total_minor: int

    @property
    def tax_minor(self) -> int:
        """All tax, added and included."""
        return self.tax_added_minor + self.tax_included_minor


class QuoteMessage(NamedTuple):
    """Something the shopper should know of the figures; a business warning, no refusal."""

    code: str
    text: str


class Step(NamedTuple):
    """One figure and the reason for it; `line_id` None is about the whole basket."""

    stage: Stage
    line_id: uuid.UUID | None
    amount_minor: int
    reason: str


class Applied(NamedTuple):
    """A promotion that was eligible at its turn, and what it took off goods and shipping."""

    promotion_id: str
    title: str
    goods_minor: int
    shipping_minor: int


class ShippingQuote(NamedTuple):
    """What shipping costs and why. `cost = full − discount`; `method` None: none is chosen."""

    method: str | None
    full_minor: int
    discount_minor: int
    cost_minor: int
    tax_added_minor: int
    tax_included_minor: int
    available: tuple[str, ...]
    taxes: Sequence[TaxPart] = ()


class TaxTotal(NamedTuple):
    """What one rate makes of everything it is on, and how much that is without tax."""

    rate: TaxRate
    amount_minor: int
    base_minor: int = 0


class Tender(NamedTuple):
    """What a gift card, store credit or points pay of the total, and what is left on it."""

    kind: Literal["gift_card", "store_credit", "points"]
    reference: str
    amount_minor: int
    remaining: int


class Quote(NamedTuple):
    """The figures of a basket at one moment. Lines add up to the totals.

    Everything after `messages` is there where the quote was made from a `PriceBook`. `discount_minor` of the totals
    is goods only; what is to be paid is `due_minor`, after tenders.
    """

    currency: str
    lines: tuple[LineQuote, ...]
    totals: Totals
    needs_shipping: bool
    messages: Sequence[QuoteMessage] = ()
    shipping: ShippingQuote | None = None
    taxes: Sequence[TaxTotal] = ()
    applied: tuple[Applied, ...] = ()
    tax_ground: Literal["home_rate", "reverse_charge", "export", "exempt"] = "home_rate"
    tenders: tuple[Tender, ...] = ()
    points_earned: int = 0
    steps: Sequence[Step] = ()
    #: Gifts of which less is given than was promised, since there is no more.
    short_gifts: tuple[ShortGift, ...] = ()

    @property
    def due_minor(self) -> int:
        """What is left to pay after gift cards, credit and points."""
        return self.totals.total_minor - sum([tender.amount_minor for tender in self.tenders])
