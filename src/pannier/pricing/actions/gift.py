"""A product put into the basket by a promotion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import ClassVar

from pannier.pricing.actions.base import Bench, Giver, ItemAction, book
from pannier.pricing.bookings import ShortGift
from pannier.pricing.conditions import Contains
from pannier.pricing.exact import Ratio, percent_ratio, plain
from pannier.pricing.ledger import unused
from pannier.pricing.registry import by_kind


@dataclass(frozen=True, slots=True)
class Gift(ItemAction):
    """So many for each unit that the promotion's `contains` asks for, at percent off. Without one: once.

    What is not there is not given.
    """

    kind: ClassVar[str] = "gift"
    product: str
    qty_per_trigger: int = 1
    percent: Decimal = Decimal(100)
    ratio: Ratio = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ratio", percent_ratio(self.percent))

    def give(self, bench: Bench, giver: Giver) -> None:
        ledger = bench.ledger
        triggers = [condition for condition in giver.conditions if isinstance(condition, Contains)]
        units = self.qty_per_trigger * (ledger.units(triggers[0].filter) if triggers else 1)
        found = bench.gift(self.product)
        if found is None or units <= 0:
            return
        goods, unit = found
        room = bench.gift_room(goods)
        if room is not None and units > room:
            ledger.short.append(ShortGift(giver.id, goods.id, goods.title, units, room))
            units = room
        if not units:
            return
        line = ledger.add(goods, units, unit, is_reduced=unit < goods.list_price_minor)
        part, whole = self.ratio
        taken = ledger.take_off_units(line, None, lambda now: bench.rounding(part * now, whole), unused)
        book(bench, giver, self, [line], [taken])

    def describe(self, currency: str) -> str:
        del currency
        return f"{self.product} as a gift" if self.percent == 100 else f"{self.product} at {plain(self.percent)} % off"


KINDS: Mapping[str, type[ItemAction]] = by_kind(ItemAction, globals())
