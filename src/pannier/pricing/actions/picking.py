"""Which units an action with a limit takes, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from pannier.pricing.actions.base import Bench
from pannier.pricing.ledger import Ledger, unused
from pannier.pricing.units import Run

Pick = Literal["cart", "cheapest", "dearest"]
Scope = Literal["promotion", "line"]


class Picked(NamedTuple):
    """The first so many units of a line that may be taken; None is all of them."""

    line: int
    units: int | None


def in_order(ledger: Ledger, lines: Sequence[int], pick: Pick) -> Sequence[int]:
    """Lines by unit price, ties in the basket's order."""
    if pick == "cart":
        return lines
    return sorted(lines, key=ledger.unit.__getitem__, reverse=pick == "dearest")


def may_be_picked(bench: Bench, max_units: int | None) -> Callable[[Run], bool]:
    """Which units a limited action may take, by the rule max_units_per_coupon."""
    if max_units is not None and bench.policy.max_units_per_coupon == "next_undiscounted_unit":
        return _untouched
    return unused


def _untouched(run: Run) -> bool:
    return run.off == 0 and unused(run)


def picked_lines(bench: Bench, lines: Sequence[int], max_units: int | None, scope: Scope, pick: Pick) -> list[Picked]:
    """How many units of each line are taken."""
    ledger = bench.ledger
    if max_units is None:
        return [Picked(line, None) for line in lines]
    if scope == "line":
        return [Picked(line, max_units) for line in lines]
    may = may_be_picked(bench, max_units)
    picked, left = [], max_units
    for line in in_order(ledger, lines, pick):
        if left <= 0:
            break
        units = min(left, units_of(ledger, line, may))
        if units:
            picked.append(Picked(line, units))
            left -= units
    return picked


def units_of(ledger: Ledger, line: int, may: Callable[[Run], bool]) -> int:
    """Units of a line that may be taken."""
    if may is unused and not ledger.is_consuming:
        return ledger.quantity[line]
    return sum([run.count for run in ledger.runs(line) if may(run)])
