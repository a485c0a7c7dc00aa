"""Prices as the catalogue shows them: its lists, and the shop's price rules that it knows nothing of, meet here."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pannier.catalog import ListPrice
from pannier.pricebook import PriceHouse
from pannier.pricing import Goods, SalePrice, shelf_price
from pannier.promotions import book_revision

if TYPE_CHECKING:
    import asyncpg

    from pannier.platform.database import Connection, Database

# Of what a line shows of its variant: product, categories and the floor below which no rule takes it.
_GOODS = """
  select id, display->>0 as product_id, (display->10)::jsonb as categories,
         coalesce((display->>13)::bigint, 0) as floor_minor
    from variant where id = any($1)
"""


class CataloguePrices:
    """What one unit costs anybody today; see `catalog.ports.ShelfPrices`.

    Prices of customer groups and of larger quantities are the cart's: a list is the same for all who look at it.
    """

    def __init__(self, house: PriceHouse, db: Database) -> None:
        self._house = house
        self._db = db

    async def lowered(self, connection: Connection, listed: Mapping[uuid.UUID, ListPrice]) -> Mapping[uuid.UUID, int]:
        if not listed:
            return {}
        prices = await self._house.at(await book_revision(connection))
        book, on = prices.book, prices.day(self._db.clock.now())
        if not book.price_rules:
            return {}
        found = {}
        for row in await connection.fetch(_GOODS, list(listed)):
            goods = _goods(row, listed[row["id"]])
            is_best_only = book.policy.price_rule_selection == "best"
            price = shelf_price(goods, book.ordered_rules, is_best_only=is_best_only, on=on, groups=(), units=1)
            if price.unit_price_minor < listed[row["id"]][0]:
                found[row["id"]] = price.unit_price_minor
        return found


def _goods(row: asyncpg.Record, listed: ListPrice) -> Goods:
    """As a cart asks for their price: a former price is the list's, and the lower one a sale."""
    amount, compare_at = listed
    sale = None
    if compare_at is not None and compare_at > amount:
        amount, sale = compare_at, SalePrice(amount)
    return Goods(
        str(row["id"]),
        amount,
        frozenset(row["categories"] or ()),
        floor_minor=row["floor_minor"],
        sale=sale,
        product_id=row["product_id"],
    )
