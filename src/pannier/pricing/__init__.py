"""From a basket and the shop's rules to a quote: pure, the same for cart, checkout, order and simulation.

book = PriceBook("USD", promotions=(...), tax_rates=(...), shipping_methods=(...))     # once
quote = pricing.quote(BasketRequest(book, (BasketLine(line_id, goods, 2),)))           # often
quote.totals.total_minor, quote.steps, quote.messages

A shop with one tax and one charge for shipping needs no book:
quote = pricing.quote(QuoteRequest("USD", (LineRequest(line_id, 1999, 2),), PricingRules.from_settings(settings)))
"""

from pannier.pricing.actions import ACTIONS, Gift
from pannier.pricing.asked import AskedPrice, asked_prices, unit_nets
from pannier.pricing.book import BasketLine, BasketRequest, PriceBook
from pannier.pricing.bookings import ShortGift
from pannier.pricing.conditions import CONDITIONS
from pannier.pricing.coupons import COUPON_TEXTS, CouponAnswer, asks_for_nth_order, codes_used_up, enter_coupon
from pannier.pricing.definitions import DefinitionKind, read_definition
from pannier.pricing.errors import AmountTooLargeError, ScenarioError, ShippingNotAvailableError
from pannier.pricing.exchanging import PlacedExchange, exchanged
from pannier.pricing.explaining import short_gift
from pannier.pricing.gifting import gifts_left
from pannier.pricing.goods import Filter, Goods, ListedPrice, Period, SalePrice
from pannier.pricing.methods import CHARGES, ShippingMethod
from pannier.pricing.models import (
    UNTAXED,
    Applied,
    Discount,
    LineQuote,
    LineRequest,
    PricingRules,
    Quote,
    QuoteMessage,
    QuoteRequest,
    ShippingQuote,
    Step,
    TaxTotal,
    Tender,
    Totals,
)
from pannier.pricing.options import ShippingChoice, shipping_choices
from pannier.pricing.policy import Policy, policy_of
from pannier.pricing.prices import (
    STANDARD_SHIPPING,
    Around,
    CouponOn,
    Destination,
    GiftDisplay,
    Prices,
    arrives,
    shipping_of,
    tax_of,
)
from pannier.pricing.promotions import Coupon, Promotion
from pannier.pricing.rules import explain, quote
from pannier.pricing.scenario import Priced, figures_of, read_scenarios, run_scenario
from pannier.pricing.shelf import PriceRule, shelf_price
from pannier.pricing.shopper import Location, Shopper
from pannier.pricing.taxes import TaxPart, TaxRate
from pannier.pricing.tender import LoyaltyRules, Purse, tenders

__all__ = [
    "ACTIONS",
    "CHARGES",
    "CONDITIONS",
    "COUPON_TEXTS",
    "STANDARD_SHIPPING",
    "UNTAXED",
    "AmountTooLargeError",
    "Applied",
    "Around",
    "AskedPrice",
    "BasketLine",
    "BasketRequest",
    "Coupon",
    "CouponAnswer",
    "CouponOn",
    "DefinitionKind",
    "Destination",
    "Discount",
    "Filter",
    "Gift",
    "GiftDisplay",
    "Goods",
    "LineQuote",
    "LineRequest",
    "ListedPrice",
    "Location",
    "LoyaltyRules",
    "Period",
    "PlacedExchange",
    "Policy",
    "PriceBook",
    "PriceRule",
    "Priced",
    "Prices",
    "PricingRules",
    "Promotion",
    "Purse",
    "Quote",
    "QuoteMessage",
    "QuoteRequest",
    "SalePrice",
    "ScenarioError",
    "ShippingChoice",
    "ShippingMethod",
    "ShippingNotAvailableError",
    "ShippingQuote",
    "Shopper",
    "ShortGift",
    "Step",
    "TaxPart",
    "TaxRate",
    "TaxTotal",
    "Tender",
    "Totals",
    "arrives",
    "asked_prices",
    "asks_for_nth_order",
    "codes_used_up",
    "enter_coupon",
    "exchanged",
    "explain",
    "figures_of",
    "gifts_left",
    "policy_of",
    "quote",
    "read_definition",
    "read_scenarios",
    "run_scenario",
    "shelf_price",
    "shipping_choices",
    "shipping_of",
    "short_gift",
    "tax_of",
    "tenders",
    "unit_nets",
]
