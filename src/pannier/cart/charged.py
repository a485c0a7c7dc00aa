"""What a unit of a cart's line is charged at, before promotions. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pannier.cart.document import LineDocument
from pannier.cart.quotes import QuoteCache
from pannier.platform.settings import Settings
from pannier.pricing import Prices


@dataclass(frozen=True, slots=True)
class PriceKeeping:
    """Whether a line keeps the price it was added at, and for how many minutes; 0 is as long as it lives."""

    is_kept: bool = False
    minutes: float = 0.0

    @classmethod
    def from_settings(cls, settings: Settings) -> PriceKeeping:
        """As the shop's settings say."""
        return cls(settings.cart_price_policy == "keep", settings.cart_price_keep_minutes)

    def keeps(self, line: LineDocument, read_at: str) -> bool:
        """Whether the line has its price still."""
        if not self.is_kept or not self.minutes:
            return self.is_kept
        age = datetime.fromisoformat(read_at) - datetime.fromisoformat(line.added_at)
        return age <= timedelta(minutes=self.minutes)


LATEST = PriceKeeping()


@dataclass(frozen=True, slots=True)
class ViewRules:
    """What a view depends on beside the cart: the shop's prices, and whether carts hold stock."""

    prices: Prices
    currency: str
    channel: str
    carts_hold: bool
    keeping: PriceKeeping = LATEST
    #: Whether a line that is no longer for sale counts in the totals.
    counts_unavailable: bool = True
    #: Quotes that are known; None works every one out.
    quotes: QuoteCache | None = None
    #: What is said of figures that are not known before the checkout asks for them.
    at_checkout: str | None = None

    @classmethod
    def from_settings(cls, settings: Settings, prices: Prices) -> ViewRules:
        """As the shop's settings say."""
        return cls(
            prices,
            settings.currency,
            settings.channel,
            settings.hold_at in {"add", "immediate"},
            PriceKeeping.from_settings(settings),
            settings.unavailable_line == "priced",
            QuoteCache(settings.quote_cache_size) if settings.quote_cache_size else None,
            told_at_checkout(settings),
        )


def told_at_checkout(settings: Settings) -> str | None:
    """That others name prices or taxes, whom a cart does not wait for; None in a shop that names its own."""
    names = {"Prices": settings.price_provider_url, "Taxes": settings.tax_provider_url}
    asked = [name for name, url in names.items() if url is not None]
    return f"{' and '.join(asked)} are those of the shop; the checkout asks its provider for them." if asked else None


def is_for_sale(line: LineDocument) -> bool:
    """Whether it can be bought now, as far as the catalogue goes."""
    return line.is_sellable and (line.is_price_fixed or (line.price is not None and line.price[0] is not None))


def charged_price(line: LineDocument, keeping: PriceKeeping = LATEST, read_at: str = "") -> int:
    """Minor units: the fixed price, the one that is kept, the list's, or the last one known when the list has none."""
    if line.is_price_fixed or line.price is None or line.price[0] is None or keeping.keeps(line, read_at):
        return line.added_price_minor
    return line.price[0]


def promised_price(line: LineDocument, keeping: PriceKeeping = LATEST, read_at: str = "") -> int | None:
    """Minor units: the unit price that counts whatever lists and price rules say; None where they do."""
    if line.is_price_fixed:
        return line.added_price_minor
    return line.shelf_minor if line.shelf_minor is not None and keeping.keeps(line, read_at) else None
