"""Figures of a cart in a currency that the shop does not sell in, to look at. What is charged stays in the shop's.

Every figure is converted by itself and rounded once, half up, so converted figures need not add up to the cent.
"""

from __future__ import annotations

import uuid
from typing import Any

import msgspec

from pannier.cart.errors import ExchangeRateMissingError
from pannier.cart.models import CartOwner
from pannier.cart.read_model import Money
from pannier.cart.service import CartService
from pannier.currencies import Exchange, convert, exchange
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from pannier.pricing import BasketRequest, LineQuote, Quote, quote


class DisplayedLine(msgspec.Struct, frozen=True):
    """A line, each figure by itself."""

    item_id: uuid.UUID
    variant_id: str
    quantity: int
    unit_price: Money
    subtotal: Money
    item_discount: Money
    order_discount: Money
    total_price: Money
    tax: Money


class DisplayedTotals(msgspec.Struct, frozen=True):
    """As those of the cart, each figure by itself."""

    subtotal: Money
    discount: Money
    shipping: Money
    tax: Money
    tax_added: Money
    total: Money


class DisplayedCart(msgspec.Struct, frozen=True):
    """`rate`: one unit of the shop's currency is so many of this one, by the newest rate there is, of `rate_on`."""

    currency: str
    shop_currency: str
    rate: str
    rate_on: str
    totals: DisplayedTotals
    items: list[DisplayedLine]


class CartDisplays:
    """Shows figures in other currencies, by the shop's exchange rates."""

    def __init__(self, db: Database, settings: Settings, carts: CartService) -> None:
        self._db = db
        self._settings = settings
        self._carts = carts

    async def cart(self, owner: CartOwner, channel: str | None, currency: str) -> DisplayedCart:
        """The owner's open cart; an empty one has no lines. Raises ExchangeRateMissingError."""
        return await self.basket(await self._carts.basket(owner, channel), currency)

    async def basket(self, request: BasketRequest, currency: str) -> DisplayedCart:
        """Any basket that pricing can be asked for, such as a checkout's. Raises ExchangeRateMissingError."""
        source, on = request.book.currency, self._carts.rules.prices.day(self._db.clock.now())
        async with self._db.read() as connection:
            found = await exchange(connection, source, currency, on, self._settings.conversion_age_days_max)
        if found is None:
            raise ExchangeRateMissingError(
                f"There is no exchange rate from {source} to {currency} that is new enough.",
                field="currency",
                details={"shop_currency": source, "currency": currency},
            )
        return displayed(quote(request), found)


def displayed(quoted: Quote, by: Exchange) -> DisplayedCart:
    """A quote in another currency."""

    def money(amount: int) -> Money:
        return Money(convert(amount, by), by.target)

    totals = quoted.totals
    return DisplayedCart(
        by.target,
        by.source,
        _decimals(by),
        by.on.isoformat(),
        DisplayedTotals(
            money(totals.subtotal_minor),
            money(totals.discount_minor),
            money(totals.shipping_minor),
            money(totals.tax_minor),
            money(totals.tax_added_minor),
            money(totals.total_minor),
        ),
        [_line(line, money) for line in quoted.lines],
    )


def _line(line: LineQuote, money: Any) -> DisplayedLine:
    return DisplayedLine(
        line.line_id,
        line.product_id,
        line.quantity,
        money(line.unit_price_minor),
        money(line.subtotal_minor),
        money(line.item_discount_minor),
        money(line.order_discount_minor),
        money(line.total_minor),
        money(line.tax_minor),
    )


def _decimals(by: Exchange) -> str:
    """The rate with six decimals, cut off."""
    millionths = by.rate.numerator * 1_000_000 // by.rate.denominator
    return f"{millionths // 1_000_000}.{millionths % 1_000_000:06d}"
