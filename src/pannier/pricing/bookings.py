"""Who took what off which lines."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple


class Reach(enum.IntEnum):
    """How what was taken off a line reaches its units, once somebody asks for them."""

    units = 0  #: It was taken off the units at once.
    alike = 1  #: The same off each unit.
    by_price = 2  #: By what each unit costs then, odd ones off the first.
    evenly = 3  #: An order discount's share: the same off each unit, odd ones off the first.


class ShortGift(NamedTuple):
    """A gift of which there is less than the promotion would give; goods are told by their id."""

    promotion_id: str
    goods_id: str
    name: str
    wanted: int
    given: int


class Booking:
    """What one promotion took off several lines, and by which action; `lines` None is all of them."""

    __slots__ = ("_by_line", "amounts", "describe", "is_order_level", "lines", "reach", "source")

    def __init__(
        self,
        source: str,
        describe: Callable[[str], str],
        lines: Sequence[int] | None,
        amounts: Sequence[int],
        reach: Reach,
    ) -> None:
        self.source = source
        #: The action in words, given the currency.
        self.describe = describe
        self.lines = lines
        self.amounts = amounts
        self.reach = reach
        #: Whether it is a discount on the order and not on items.
        self.is_order_level = reach is Reach.evenly
        self._by_line: dict[int, int] | None = None

    def off(self, line: int) -> int:
        """What it took off one line."""
        if self.lines is None:
            return self.amounts[line] if line < len(self.amounts) else 0
        if self._by_line is None:
            self._by_line = dict(zip(self.lines, self.amounts, strict=True))
        return self._by_line.get(line, 0)

    def entries(self) -> Iterable[tuple[int, int]]:
        """(line, amount) of every line that it was about."""
        return enumerate(self.amounts) if self.lines is None else zip(self.lines, self.amounts, strict=True)
