"""The address of a product list: what it asks for, and the addresses that ask for a little more or less."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from pannier.catalog import Browse, Sort
from pannier.kernel.money import parse_amount
from pannier.storefront.texts import money

_QUERY_CHARS_MAX = 100
_SLUG_CHARS_MAX = 255
_CATEGORIES_MAX = 20
_PRICE_CHARS_MAX = 20
SORT_NAMES: Mapping[Sort, str] = {
    "relevance": "Best match",
    "featured": "Featured",
    "newest": "Newest",
    "price": "Price: low to high",
    "price-desc": "Price: high to low",
    "name": "Name",
}


@dataclass(frozen=True, slots=True)
class ListAddress:
    """What the address of a list says, as it says it: prices are texts in the shop's currency, such as `12.50`."""

    text: str = ""
    categories: tuple[str, ...] = ()
    price_min: str = ""
    price_max: str = ""
    in_stock: bool = False
    on_sale: bool = False
    sort: Sort | None = None

    @classmethod
    def of(cls, asked: QueryParams) -> ListAddress:
        """From a request; what makes no sense is left out, but for prices, which `faults` tells of."""
        told = {name: _clean(asked.get(name, "")) for name in ("q", "price_min", "price_max")}
        slugs = dict.fromkeys(_clean(slug)[:_SLUG_CHARS_MAX] for slug in asked.getlist("category"))
        sort: Sort | None = next((name for name in get_args(Sort) if name == asked.get("sort")), None)
        text = told["q"][:_QUERY_CHARS_MAX].strip()
        return cls(
            text=text,
            categories=tuple(slug for slug in slugs if slug)[:_CATEGORIES_MAX],
            price_min=told["price_min"][:_PRICE_CHARS_MAX],
            price_max=told["price_max"][:_PRICE_CHARS_MAX],
            in_stock=asked.get("in_stock") == "1",
            on_sale=asked.get("on_sale") == "1",
            sort=None if sort == _usual(text) or (sort == "relevance" and not text) else sort,
        )

    def wanted(self, currency: str) -> Browse:
        """The same for the catalogue; a price that is none does not filter."""
        low, high = (_minor(price, currency) for price in (self.price_min, self.price_max))
        return Browse(
            text=self.text,
            categories=self.categories,
            price_min=low,
            price_max=high,
            in_stock=self.in_stock,
            on_sale=self.on_sale,
            sort=self.sort or _usual(self.text),
        )

    def faults(self, currency: str) -> list[str]:
        """A sentence for every price that is none."""
        prices = [price for price in (self.price_min, self.price_max) if price]
        faults = [f"“{price}” is no price: write it like 12.50." for price in prices if _minor(price, currency) is None]
        low, high = (_minor(price, currency) for price in (self.price_min, self.price_max))
        if low is not None and high is not None and low > high:
            faults.append("The lowest price is above the highest, so nothing can be found.")
        return faults

    def address(self, cursor: str | None = None, **changes: Any) -> str:
        """The path of the list with these changes."""
        pairs = [*dataclasses.replace(self, **changes).pairs(), *([("cursor", cursor)] if cursor else [])]
        return f"/?{urlencode(pairs)}" if pairs else "/"

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Names and values of the address."""
        if self.text:
            yield "q", self.text
        yield from (("category", slug) for slug in self.categories)
        for name, value in (("price_min", self.price_min), ("price_max", self.price_max)):
            if value:
                yield name, value
        for name, is_on in (("in_stock", self.in_stock), ("on_sale", self.on_sale)):
            if is_on:
                yield name, "1"
        if self.sort:
            yield "sort", self.sort

    def with_category(self, slug: str) -> str:
        """The address with a category more, or without it where it is chosen."""
        chosen = tuple(other for other in self.categories if other != slug)
        return self.address(categories=chosen if slug in self.categories else (*self.categories, slug))

    def active(self, names: Mapping[str, str], currency: str) -> list[tuple[str, str]]:
        """What is filtered by, each with the address of the list without it. `names` are those of categories."""
        found = [(f"“{self.text}”", self.address(text="", sort=None))] if self.text else []
        found += [(names.get(slug, slug), self.with_category(slug)) for slug in self.categories]
        for field, word, price in (("price_min", "From", self.price_min), ("price_max", "Up to", self.price_max)):
            minor = _minor(price, currency)
            if price:
                shown = price if minor is None else money(minor, currency)
                found.append((f"{word} {shown}", self.address(**{field: ""})))
        if self.in_stock:
            found.append(("In stock", self.address(in_stock=False)))
        if self.on_sale:
            found.append(("On sale", self.address(on_sale=False)))
        return found

    @property
    def sorts(self) -> list[tuple[str, str, bool]]:
        """The orders there are: name, label, whether it is this list's."""
        chosen = self.sort or _usual(self.text)
        names = [name for name in SORT_NAMES if name != "relevance" or self.text]
        return [(name, SORT_NAMES[name], name == chosen) for name in names]


def _usual(text: str) -> Sort:
    return "relevance" if text else "featured"


def _clean(text: str) -> str:
    return text.replace("\0", "").strip()


def _minor(text: str, currency: str) -> int | None:
    try:
        return parse_amount(text, currency) if text else None
    except ValueError:
        return None
