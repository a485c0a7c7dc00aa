"""Looking through the catalogue as shoppers do: words, filters, and an order to see it in."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pannier.catalog import repository, search_repository, search_rules, view
from pannier.catalog.models import Browse, Category, Correction, Listing, ProductCard
from pannier.catalog.ports import ListPrices, ShelfPrices, Stock
from pannier.catalog.search_repository import Shop
from pannier.catalog.search_rules import Place, Term
from pannier.platform.database import Database
from pannier.platform.settings import Settings

if TYPE_CHECKING:
    import asyncpg

    from pannier.platform.database import Connection

_LIST = ListPrices()
#: A word that so many products have is as good as one that more have.
_COUNTED_MAX = 1_000


class ProductBrowser:
    """What is on show in one shop. The stock and the shelf's prices are the composition root's, as the catalogue's are.

    Filters and orders by price go by the list: what a rule takes off is worked out for what is shown only.
    """

    def __init__(self, db: Database, settings: Settings, stock: Stock, shelf: ShelfPrices = _LIST) -> None:
        self._db = db
        self._stock = stock
        self._shelf = shelf
        self._currency = settings.currency
        self._channel = settings.channel

    async def browse(self, wanted: Browse, *, cursor: str | None = None, limit: int = 24) -> Listing:
        """A page of cards in the wanted order. Raises InvalidCursorError for one that is of another list.

        Every product stands on one page and on no other, however many come and go while somebody turns the pages,
        unless it changes its own place by a new price, name or stock.
        """
        if not wanted.text and wanted.sort == "relevance":
            wanted = dataclasses.replace(wanted, sort="featured")
        place = search_rules.place_of(cursor, wanted) if cursor else None
        shop = Shop(self._currency, self._channel, self._db.clock.now())
        async with self._db.read() as connection:
            if not wanted.text:
                rows = await search_repository.hits(connection, shop, wanted, (), place, limit + 1)
                return await self._listing(connection, shop, wanted, rows, limit, Listing((), None))
            words = await search_repository.look_up(connection, wanted.text, is_strict=False)
            if not words:
                return Listing((), None, is_wordless=True)
            if place is not None and place.meant:
                terms = _terms_of_place(place, words)
            else:
                terms = await self._understood(connection, words)
            rows = await search_repository.hits(connection, shop, wanted, terms, place, limit + 1)
            if not rows and place is None and len(words) > 1:
                # Every word is somebody's, and nobody has them all: one of them may be meant otherwise.
                words = await search_repository.look_up(connection, wanted.text, is_strict=True)
                widened = await self._understood(connection, words)
                if widened != terms:
                    rows = await search_repository.hits(connection, shop, wanted, widened, None, limit + 1)
                    terms = widened if rows else terms
            told = _told([row["word"] for row in words], terms)
            return await self._listing(connection, shop, wanted, rows, limit, told, terms)

    async def categories(self) -> tuple[Category, ...]:
        """Those with a product on show, by name."""
        async with self._db.read() as connection:
            rows = await search_repository.categories(connection, self._channel)
        return tuple(Category(row["slug"], row["name"]) for row in rows)

    async def _understood(self, connection: Connection, words: Sequence[asyncpg.Record]) -> tuple[Term, ...]:
        """The terms of a query: words that nothing has are replaced by those they are most like."""
        terms = list(search_rules.terms_of([row["word"] for row in words]))
        for place, row in enumerate(words):
            near = search_rules.nearest(row["word"], row["candidates"])
            if not near:
                continue
            products = await search_repository.count_words(connection, near, _COUNTED_MAX) if len(near) > 1 else {}
            likeliest = search_rules.likeliest(row["word"], near, products)
            is_meant = row["is_known"]
            terms[place] = Term((row["word"], *likeliest), terms[place].is_prefix) if is_meant else Term(likeliest)
        return tuple(terms)

    async def _listing(
        self,
        connection: Connection,
        shop: Shop,
        wanted: Browse,
        rows: Sequence[asyncpg.Record],
        limit: int,
        told: Listing,
        terms: Sequence[Term] = (),
    ) -> Listing:
        shown = rows[:limit]
        cards = await self._cards(connection, shop, shown)
        next_cursor = None
        if len(rows) > limit:
            meant = [term.words for term in terms] if told.corrections else []
            next_cursor = search_repository.place_behind(wanted, shown[-1], meant).encode()
        return dataclasses.replace(told, products=cards, next_cursor=next_cursor)

    async def _cards(
        self, connection: Connection, shop: Shop, rows: Sequence[asyncpg.Record]
    ) -> tuple[ProductCard, ...]:
        if not rows:
            return ()
        ids = search_repository.product_ids(rows)
        found = await repository.cards_of(connection, ids, currency=shop.currency, channel=shop.channel, now=shop.now)
        levels = await self._stock.levels(connection, [id_ for row in found for id_ in view.variant_ids(row)])
        lowered = await self._shelf.lowered(connection, view.list_prices(found))
        return tuple(view.card(row, levels, lowered, self._currency) for row in found)


def _terms_of_place(place: Place, words: Sequence[asyncpg.Record]) -> tuple[Term, ...]:
    """What the first page has understood, which the place says."""
    plain = search_rules.terms_of([row["word"] for row in words])
    if len(plain) != len(place.meant):
        return tuple(Term(tuple(meant)) for meant in place.meant)
    return tuple(
        Term(tuple(meant), is_prefix=term.is_prefix and meant[0] == term.words[0])
        for term, meant in zip(plain, place.meant, strict=True)
    )


def _told(typed: Sequence[str], terms: Sequence[Term]) -> Listing:
    """A listing without products, that says what the words were taken for."""
    corrections = []
    for word, term in zip(typed, terms, strict=False):
        used = tuple(other for other in term.words if other != word)
        if used:
            corrections.append(Correction(word, used))
    return Listing((), None, tuple(term.words[0] for term in terms), tuple(corrections))
