"""What the shop believes about quantities of stock."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterable, Mapping, Sequence

from pannier.inventory.errors import StockQuantityError
from pannier.inventory.models import UNITS_MAX, LevelRow, Place, Wanted

#: Most different variants that one reservation or check may name.
ITEMS_MAX = 1000
_EXACT_PLACES = 12


def together(items: Iterable[Wanted]) -> list[Wanted]:
    """The items sorted by variant, each variant once, with the sum of its quantities.

    Raises StockQuantityError for no items, too many, or a quantity that is not 1 or more.
    """
    sums: dict[object, Wanted] = {}
    for item in items:
        if not 1 <= item.quantity <= UNITS_MAX:
            raise StockQuantityError(
                f"A quantity is a whole number from 1 to {UNITS_MAX:,}, not {item.quantity}.",
                field="items",
                details={"requested": item.quantity, "minimum": 1, "maximum": UNITS_MAX},
            )
        before = sums.get(item.variant_id)
        sums[item.variant_id] = Wanted(item.variant_id, item.quantity + (before.quantity if before else 0))
    if not 1 <= len(sums) <= ITEMS_MAX:
        raise StockQuantityError(f"Name from 1 to {ITEMS_MAX} different variants, not {len(sums)}.", field="items")
    return sorted(sums.values(), key=lambda item: item.variant_id)


def check_movement(op: str, quantity: int) -> None:
    """Raise StockQuantityError for a quantity that this movement cannot have: receive needs 1 or more,
    adjust anything but 0. How far below nothing a count may be depends on the variant."""
    is_good = {"receive": quantity >= 1, "adjust": quantity != 0, "count": True}[op]
    if not is_good or abs(quantity) > UNITS_MAX:
        wanted = {"receive": "1 or more", "adjust": "not 0", "count": "whole"}[op]
        raise StockQuantityError(
            f"To {op}, give a quantity that is {wanted} and at most {UNITS_MAX:,}, not {quantity}.",
            field="quantity",
            details={"requested": quantity},
        )


def sorted_levels(rows: Iterable[LevelRow]) -> Sequence[LevelRow]:
    """The rows in the order in which stock is locked. Raises StockQuantityError for a variant named twice, or a
    figure out of range."""
    ordered = sorted(rows, key=lambda row: row.variant_id)
    for before, row in itertools.pairwise(ordered):
        if before.variant_id == row.variant_id:
            raise StockQuantityError(f"Variant {row.variant_id} is named twice; its figure can be only one.")
    for row in ordered:
        if abs(row.on_hand) > UNITS_MAX or not 0 <= (row.backorder_max or 0) <= UNITS_MAX:
            raise StockQuantityError(
                f"The figures of variant {row.variant_id} are out of range: at most {UNITS_MAX:,} units.",
                details={"variant_id": str(row.variant_id), "on_hand": row.on_hand},
            )
    return ordered


def packages(wanted: Iterable[Wanted], places: Iterable[Place]) -> int | None:
    """The least number of places that together have what is wanted; None where all together have too little.

    What lies nowhere that is known is asked of no place. Up to 12 places are looked at exactly, by trying sets of one,
    of two and so on; above that the fullest is taken as long as something is missing, which may be one too many.
    """
    stock: dict[str, dict[uuid.UUID, int]] = {}
    for place in places:
        stock.setdefault(place.location, {})[place.variant_id] = place.units
    known = {variant for units in stock.values() for variant in units}
    missing = {item.variant_id: item.quantity for item in wanted if item.variant_id in known}
    if not missing:
        return 0
    if not _is_enough(missing, stock.values()):
        return None
    if len(stock) > _EXACT_PLACES:
        return _greedy(missing, list(stock.values()))
    sizes = range(1, len(stock) + 1)
    return next(
        n for n in sizes if any(_is_enough(missing, some) for some in itertools.combinations(stock.values(), n))
    )


def _is_enough(wanted: Mapping[uuid.UUID, int], places: Iterable[Mapping[uuid.UUID, int]]) -> bool:
    there = list(places)
    return all(sum(units.get(variant, 0) for units in there) >= need for variant, need in wanted.items())


def _greedy(wanted: Mapping[uuid.UUID, int], places: list[Mapping[uuid.UUID, int]]) -> int:
    missing, count = dict(wanted), 0
    while any(need > 0 for need in missing.values()):
        best = max(places, key=lambda units: sum(min(need, units.get(v, 0)) for v, need in missing.items() if need > 0))
        places.remove(best)
        missing = {variant: need - best.get(variant, 0) for variant, need in missing.items()}
        count += 1
    return count
