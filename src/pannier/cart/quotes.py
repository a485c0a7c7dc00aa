"""Quotes of carts that were worked out already: a cart is read far more often than anything of it changes.

What is looked up is everything that the figures depend on, so that an entry is never old, only unused: the prices'
revision, the day, the lines with what pricing knows of them, codes with their uses, customer, place and method.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from pannier.pricing import Quote


class QuoteCache:
    """The quotes used last, at most so many."""

    def __init__(self, size_max: int) -> None:
        self._size_max = size_max
        self._known: OrderedDict[tuple[Any, ...], Quote] = OrderedDict()
        self.hits = 0
        self.misses = 0

    def find(self, key: tuple[Any, ...], work_out: Callable[[], Quote]) -> Quote:
        """The quote under a key; worked out where it is not known."""
        found = self._known.get(key)
        if found is not None:
            self.hits += 1
            self._known.move_to_end(key)
            return found
        self.misses += 1
        found = self._known[key] = without_reasons(work_out())
        if len(self._known) > self._size_max:
            self._known.popitem(last=False)
        return found


def without_reasons(quoted: Quote) -> Quote:
    """The figures of a quote alone: what is worked out when looked at would keep everything it was made from."""
    lines = [
        line._replace(discounts=tuple(line.discounts), prices=(), unit_discounts=(), taxes=()) for line in quoted.lines
    ]
    return quoted._replace(lines=tuple(lines), messages=(), steps=(), taxes=())
