"""The set of competing promotions that is best for the shopper.

Every set of eligible promotions is tried, of up to 12 exactly; of more, the 12 that alone give most are tried
exactly and the others are added one by one where they lower the total. That is never dearer than every promotion
in turn, nor than any single one. At most one promotion of a lane is in a set. Ties: the set found first, which is
the one with the promotions that are tried first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pannier.pricing.promotions import Promotion
from pannier.pricing.stacking import Outcome, stack
from pannier.pricing.work import Work

#: 4,096 sets.
EXACT_MAX = 12

#: The total that a basket comes to once the promotions are through with it.
Total = Callable[[Work, Outcome], int]


def best_combination(work: Work, found: Sequence[Promotion], outcome: Outcome, total: Total) -> Outcome:
    """Leave the basket as the best set of promotions leaves it."""
    search = _Search(work, total)
    exact, others = _split(search, found)
    chosen = search.best(exact)
    for promotion in others:
        more = _in_order(found, [*chosen, promotion])
        if search.total(more) < search.total(chosen):
            chosen = more
    if others and search.total(found) < search.total(chosen):
        chosen = list(found)
    stack(work, chosen, outcome)
    named = {promotion.id for promotion in chosen}
    outcome.missed += [(one, "better without", None) for one in found if one.id not in named]
    outcome.shipping = outcome.applied
    return outcome


def _split(search: _Search, found: Sequence[Promotion]) -> tuple[list[Promotion], list[Promotion]]:
    if len(found) <= EXACT_MAX:
        return list(found), []
    by_worth = sorted(found, key=lambda promotion: search.total([promotion]))
    exact = {promotion.id for promotion in by_worth[:EXACT_MAX]}
    return [one for one in found if one.id in exact], [one for one in found if one.id not in exact]


def _in_order(found: Sequence[Promotion], wanted: Sequence[Promotion]) -> list[Promotion]:
    named = {promotion.id for promotion in wanted}
    return [promotion for promotion in found if promotion.id in named]


class _Search:
    """Tries sets of promotions on copies of a basket."""

    __slots__ = ("_totals", "_untouched", "_work", "_worth")

    def __init__(self, work: Work, total: Total) -> None:
        self._work = work
        self._untouched = work.ledger
        self._worth = total
        self._totals: dict[tuple[str, ...], int] = {}

    def total(self, promotions: Sequence[Promotion]) -> int:
        """What the basket costs with these in turn."""
        key = tuple(promotion.id for promotion in promotions)
        found = self._totals.get(key)
        if found is None:
            self._work.ledger = self._untouched.copy()
            outcome = Outcome()
            stack(self._work, promotions, outcome)
            found = self._totals[key] = self._worth(self._work, outcome)
            self._work.ledger = self._untouched
        return found

    def best(self, promotions: Sequence[Promotion]) -> list[Promotion]:
        """The set with the lowest total. The first of equals, and sets with the first promotions come first."""
        sets: list[list[Promotion]] = [[]]
        for promotion in reversed(promotions):
            with_it = [
                [promotion, *one]
                for one in sets
                if promotion.lane is None or all(other.lane != promotion.lane for other in one)
            ]
            sets = [*with_it, *sets]
        return min(sets, key=self.total)
