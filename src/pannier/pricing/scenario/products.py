"""A product of a scenario: its price by channel, its stock, and the goods that the engine prices."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pannier.pricing.goods import Goods, ListedPrice, SalePrice
from pannier.pricing.names import UNTAXED
from pannier.pricing.scenario.source import Source
from pannier.pricing.scenario.vocabulary import period_of


@dataclass(frozen=True)
class Product:
    """What a scenario says of a product. `values` are its fields as they stand in the file."""

    id: str
    values: dict[str, Any]
    price_minor: int | None
    is_enabled: bool
    currency: str | None
    channels: frozenset[str] | None
    channel_prices: dict[str, dict[str, int]]
    max_qty: int | None
    is_tracked: bool
    on_hand: int
    held: int
    threshold: int
    is_backordered: bool
    sample: Goods

    @classmethod
    def read(cls, source: Source) -> Product:
        prices = {channel: inner.object(channel) for channel, inner in source.items("channel_prices")}
        made = cls(
            id=source.text("id"),
            values=dict(source.fields),
            price_minor=source.amount_or_none("price"),
            is_enabled=source.flag("enabled", default=True),
            currency=source.text_or_none("currency"),
            channels=source.texts_or_none("channels"),
            channel_prices={
                channel: {currency: inner.amount(currency) for currency in inner.fields}
                for channel, inner in prices.items()
                if inner is not None
            },
            max_qty=source.whole_or_none("max_qty"),
            is_tracked=source.flag("track", default=False),
            on_hand=source.whole("on_hand", 0),
            held=source.whole("held", 0),
            threshold=source.whole("threshold", 0),
            is_backordered=source.flag("backorder", default=False),
            sample=_goods(source),
        )
        source.raw("locations")
        source.done()
        return made

    def changed(self, path: str, **values: Any) -> Product:
        """The product with other values for some of its fields."""
        return Product.read(Source(self.values | values, path))

    def goods(self, price_minor: int) -> Goods:
        """The goods at a price."""
        one = self.sample
        return Goods(
            one.id,
            price_minor,
            one.categories,
            one.tax_category,
            one.weight,
            one.shipping_category,
            one.floor_minor,
            one.requires_shipping,
            one.sale,
            one.listed,
            one.name,
        )

    def is_sold_in(self, channel: str | None) -> bool:
        return self.is_enabled and (self.channels is None or channel in self.channels)

    def saleable(self, reserved: int) -> int | None:
        """Units that can be sold; None is any number."""
        if not self.is_tracked or self.is_backordered:
            return None
        return max(0, self.on_hand - self.held - self.threshold - reserved)


def _goods(source: Source) -> Goods:
    sale = source.object("sale")
    listed = []
    for name in ("tiers", "group_prices"):
        for one in source.objects(name):
            group = one.text("group") if name == "group_prices" else None
            listed.append(ListedPrice(one.amount("price"), one.units("from", 1), group))
            one.done()
    goods = Goods(
        id=source.text("id"),
        list_price_minor=source.amount("price", 0),
        categories=frozenset(source.texts("categories")),
        tax_category=source.text("tax", UNTAXED),
        weight=source.number("weight", Decimal(0)),
        shipping_category=source.text_or_none("shipping_category"),
        floor_minor=source.amount("floor", 0),
        requires_shipping=source.flag("ship", default=True),
        sale=None if sale is None else SalePrice(sale.amount("price"), period_of(sale)),
        listed=tuple(listed),
        name=source.text("name", ""),
    )
    if sale is not None:
        sale.done()
    return goods
