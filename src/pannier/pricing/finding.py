"""Finding the lines of a basket that a filter is about, without looking at every line for every filter."""

from __future__ import annotations

from pannier.pricing.goods import Filter, Goods


class Finder:
    """Lines by product and category. It is made anew when a line is added."""

    __slots__ = ("_by_category", "_by_product", "_goods", "_matches", "_unit")

    def __init__(self, goods: list[Goods], unit: list[int]) -> None:
        self._goods = goods
        self._unit = unit
        self._matches: dict[int, list[int]] = {}
        self._by_category: dict[str, list[int]] | None = None
        self._by_product: dict[str, list[int]] | None = None

    def matching(self, wanted: Filter) -> list[int]:
        """The places of the lines that match, in the basket's order."""
        found = self._matches.get(id(wanted))
        if found is None:
            found = self._matches[id(wanted)] = self._match(wanted)
        return found

    def _match(self, wanted: Filter) -> list[int]:
        if wanted.categories is not None:
            places = _joined(self._categories(), wanted.categories)
            if wanted.products is not None:
                named = set(_joined(self._products(), wanted.products))
                places = [place for place in places if place in named]
        elif wanted.products is not None:
            places = _joined(self._products(), wanted.products)
        else:
            places = list(range(len(self._goods)))
        low, high, unit = wanted.min_unit_minor, wanted.max_unit_minor, self._unit
        if low is not None:
            places = [place for place in places if unit[place] >= low]
        if high is not None:
            places = [place for place in places if unit[place] <= high]
        return places

    def _categories(self) -> dict[str, list[int]]:
        if self._by_category is None:
            self._by_category = {}
            for place, goods in enumerate(self._goods):
                for category in goods.categories:
                    self._by_category.setdefault(category, []).append(place)
        return self._by_category

    def _products(self) -> dict[str, list[int]]:
        if self._by_product is None:
            self._by_product = {}
            for place, goods in enumerate(self._goods):
                self._by_product.setdefault(goods.id, []).append(place)
                if goods.product_id is not None and goods.product_id != goods.id:
                    self._by_product.setdefault(goods.product_id, []).append(place)
        return self._by_product


def _joined(by_name: dict[str, list[int]], names: frozenset[str]) -> list[int]:
    if len(names) == 1:
        return by_name.get(next(iter(names)), [])
    # A filter may name a thousand products, and a basket may have a thousand lines: whichever is less is gone through.
    if len(by_name) < len(names):
        return sorted({place for name, places in by_name.items() if name in names for place in places})
    return sorted({place for name in names for place in by_name.get(name, ())})
