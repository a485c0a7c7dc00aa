"""Goods, books and baskets for the tests of prices, short to write."""

from __future__ import annotations

import uuid
from typing import Any

from pannier.pricing import BasketLine, BasketRequest, Goods, PriceBook, Promotion, Quote, quote


def goods(name: str, price: int, **more: Any) -> Goods:
    """Goods of a name at a price; `categories` may be one text."""
    categories = more.pop("categories", ())
    found = frozenset([categories] if isinstance(categories, str) else categories)
    return Goods(name, price, found, **more)


def basket(book: PriceBook, *lines: tuple[Goods, int], **more: Any) -> BasketRequest:
    """A basket with so many units of each of the goods."""
    numbered = [BasketLine(uuid.UUID(int=number), one, units) for number, (one, units) in enumerate(lines, 1)]
    return BasketRequest(book, tuple(numbered), **more)


def priced(book: PriceBook, *lines: tuple[Goods, int], **more: Any) -> Quote:
    """The quote of such a basket."""
    return quote(basket(book, *lines, **more))


def promotion(name: str, *actions: Any, **more: Any) -> Promotion:
    """A promotion that gives this."""
    return Promotion(name, tuple(actions), **more)


def missing(said: Any, found: Any) -> list[str]:
    """What is said of a scenario's `then` and is not so."""
    if isinstance(said, dict):
        return [
            f"{name}: {problem}"
            for name, value in said.items()
            for problem in missing(value, found.get(name) if isinstance(found, dict) else None)
        ]
    if isinstance(said, list) and said and isinstance(said[0], dict):
        return [f"[{place}] {problem}" for place, each in enumerate(said) for problem in missing(each, found[place])]
    return [] if said == found else [f"{said!r}, and it is {found!r}"]
