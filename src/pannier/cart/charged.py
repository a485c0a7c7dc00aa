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


def is_for_sale(line: LineDocument) -> bool:
    """Whether it can be bought now, as far as the catalogue goes."""
    return line.is_sellable and (line.is_price_fixed or (line.price is not None and line.price[0] is not None))


def charged_price(line: LineDocument, keeping: PriceKeeping = LATEST, read_at: str = "") -> int:
    """Minor units: the fixed price, the one that is kept, the list's, or the last one known when the list has none."""
    if line.is_price_fixed or line.price is None or line.price[0] is None or keeping.keeps(line, read_at):
        return line.added_price_minor
    return line.price[0]


def is_price_changed(line: LineDocument, keeping: PriceKeeping, read_at: str) -> bool:
    """Whether a unit costs something else than the shopper was shown when it was added, or agreed to since."""
    return is_for_sale(line) and charged_price(line, keeping, read_at) != line.added_price_minor
