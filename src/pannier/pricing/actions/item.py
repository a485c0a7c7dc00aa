"""Discounts on units and lines: percent or amount off a unit, a price for it, an amount off a line, tiers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import ClassVar, Literal

from pannier.kernel.money import format_amount
from pannier.pricing.actions.base import (
    Bench,
    Giver,
    ItemAction,
    book,
    costs_of,
    lines_of,
    off_by,
    parts_of,
    places,
)
from pannier.pricing.actions.picking import Pick, Picked, Scope, may_be_picked, picked_lines
from pannier.pricing.bookings import Reach
from pannier.pricing.exact import Ratio, percent_ratio, plain
from pannier.pricing.goods import EVERYTHING, Filter
from pannier.pricing.registry import by_kind
from pannier.pricing.units import pick


@dataclass(frozen=True, slots=True)
class ItemPercent(ItemAction):
    """Percent of each picked unit, of its shelf price or of what it costs now (item_percent_base)."""

    kind: ClassVar[str] = "item_percent"
    percent: Decimal
    filter: Filter = EVERYTHING
    max_units: int | None = None
    scope: Scope = "promotion"
    pick: Pick = "cart"
    ratio: Ratio = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ratio", percent_ratio(self.percent))

    def give(self, bench: Bench, giver: Giver) -> None:
        policy, ledger = bench.policy, bench.ledger
        lines = places(ledger, lines_of(bench, giver, self.filter))
        is_plain = self.max_units is None and policy.item_percent_level == "unit" and not ledger.exact
        if is_plain and policy.item_percent_base == "original":
            prices = ledger.unit if type(lines) is range else [ledger.unit[line] for line in lines]
            taken = ledger.take_alike(lines, parts_of(self.ratio, bench.rounding, prices))
            book(bench, giver, self, lines, taken, Reach.alike)
            return
        picked = picked_lines(bench, lines, self.max_units, self.scope, self.pick)
        give = self._by_line if policy.item_percent_level == "line" else self._by_unit
        book(bench, giver, self, [one.line for one in picked], [give(bench, one) for one in picked])

    def _by_unit(self, bench: Bench, picked: Picked) -> int:
        ledger, line = bench.ledger, picked.line
        (part, whole), rounding = self.ratio, bench.rounding
        may = may_be_picked(bench, self.max_units)
        if bench.policy.item_percent_base == "original":
            above, below = ledger.exact.get(line, (ledger.unit[line], 1))
            off = rounding(part * above, whole * below)
            return ledger.take_off_units(line, picked.units, lambda _: off, may)
        return ledger.take_off_units(line, picked.units, lambda now: rounding(part * now, whole), may)

    def _by_line(self, bench: Bench, picked: Picked) -> int:
        ledger, line = bench.ledger, picked.line
        chosen = pick(ledger.runs(line), picked.units, may_be_picked(bench, self.max_units))
        above, below = sum([run.count * run.now for run in chosen]), 1
        if bench.policy.item_percent_base == "original":
            unit, below = ledger.exact.get(line, (ledger.unit[line], 1))
            above = unit * sum([run.count for run in chosen])
        amount = bench.rounding(self.ratio[0] * above, self.ratio[1] * below)
        return ledger.take_off_runs(line, amount, chosen)

    def describe(self, currency: str) -> str:
        del currency
        return f"{plain(self.percent)} % off {_units(self.max_units, self.scope, self.pick)}{self.filter}"


@dataclass(frozen=True, slots=True)
class ItemFixed(ItemAction):
    """An amount off each picked unit."""

    kind: ClassVar[str] = "item_fixed"
    amount_minor: int
    filter: Filter = EVERYTHING
    max_units: int | None = None
    scope: Scope = "promotion"
    pick: Pick = "cart"

    def give(self, bench: Bench, giver: Giver) -> None:
        ledger = bench.ledger
        lines = places(ledger, lines_of(bench, giver, self.filter))
        if self.max_units is None:
            taken = ledger.take_alike(lines, [self.amount_minor] * len(lines))
            book(bench, giver, self, lines, taken, Reach.alike)
            return
        may = may_be_picked(bench, self.max_units)
        picked = picked_lines(bench, lines, self.max_units, self.scope, self.pick)
        taken = [ledger.take_off_units(one.line, one.units, lambda _: self.amount_minor, may) for one in picked]
        book(bench, giver, self, [one.line for one in picked], taken)

    def describe(self, currency: str) -> str:
        each = _units(self.max_units, self.scope, self.pick) or "each of "
        return f"{format_amount(self.amount_minor, currency)} off {each}{self.filter}"


@dataclass(frozen=True, slots=True)
class ItemSetPrice(ItemAction):
    """Each matching unit costs an amount, if it costs more."""

    kind: ClassVar[str] = "item_set_price"
    amount_minor: int
    filter: Filter = EVERYTHING
    max_units: int | None = None
    scope: Scope = "promotion"
    pick: Pick = "cart"

    def give(self, bench: Bench, giver: Giver) -> None:
        ledger = bench.ledger
        lines = places(ledger, lines_of(bench, giver, self.filter))
        may = may_be_picked(bench, self.max_units)
        picked = picked_lines(bench, lines, self.max_units, self.scope, self.pick)
        taken = [ledger.take_off_units(one.line, one.units, lambda now: now - self.amount_minor, may) for one in picked]
        book(bench, giver, self, [one.line for one in picked], taken)

    def describe(self, currency: str) -> str:
        each = _units(self.max_units, self.scope, self.pick) or "each of "
        return f"{each}{self.filter} for {format_amount(self.amount_minor, currency)}"


@dataclass(frozen=True, slots=True)
class LineFixed(ItemAction):
    """An amount off each line, once."""

    kind: ClassVar[str] = "line_fixed"
    amount_minor: int
    filter: Filter = EVERYTHING

    def give(self, bench: Bench, giver: Giver) -> None:
        ledger = bench.ledger
        chosen = lines_of(bench, giver, self.filter)
        lines, costs = places(ledger, chosen), costs_of(ledger, chosen)
        amounts = [min(self.amount_minor, cost) for cost in costs]
        book(bench, giver, self, lines, ledger.take_off_lines(lines, amounts), Reach.by_price)

    def describe(self, currency: str) -> str:
        return f"{format_amount(self.amount_minor, currency)} off each line of {self.filter}"


@dataclass(frozen=True, slots=True, order=True)
class Tier:
    """A percent from so many units, or from goods of so much, on."""

    from_: int
    percent: Decimal


@dataclass(frozen=True, slots=True)
class TieredPercent(ItemAction):
    """Percent of each matching line, more the more is bought: by matching units, or by all goods before discounts."""

    kind: ClassVar[str] = "tiered_percent"
    basis: Literal["quantity", "subtotal"]
    tiers: tuple[Tier, ...]
    base_percent: Decimal = Decimal(0)
    filter: Filter = EVERYTHING

    def give(self, bench: Bench, giver: Giver) -> None:
        ledger = bench.ledger
        chosen = lines_of(bench, giver, self.filter)
        lines = places(ledger, chosen)
        ratio = percent_ratio(self.percent_at(self._reached(bench, lines)))
        amounts = [off_by(ratio, bench.rounding, cost) for cost in costs_of(ledger, chosen)]
        book(bench, giver, self, lines, ledger.take_off_lines(lines, amounts), Reach.by_price)

    def _reached(self, bench: Bench, lines: Sequence[int]) -> int:
        ledger = bench.ledger
        if self.basis == "subtotal":
            return ledger.amount(EVERYTHING, is_original=True)
        if ledger.is_consuming:
            return ledger.units(self.filter)
        return sum([ledger.quantity[line] for line in lines])

    def percent_at(self, reached: int) -> Decimal:
        """The percent of the last tier that is reached."""
        percent = self.base_percent
        for tier in sorted(self.tiers, key=lambda tier: tier.from_):
            if reached >= tier.from_:
                percent = tier.percent
        return percent

    def describe(self, currency: str) -> str:
        del currency
        steps = ", ".join(f"{plain(tier.percent)} % from {tier.from_}" for tier in sorted(self.tiers))
        return f"{plain(self.base_percent)} %, {steps} by {self.basis} off {self.filter}"


def _units(max_units: int | None, scope: Scope, order: Pick) -> str:
    if max_units is None:
        return ""
    which = {"cart": "", "cheapest": "cheapest ", "dearest": "dearest "}[order]
    of = "each line of " if scope == "line" else ""
    return f"the {'first ' if order == 'cart' else which}{max_units} of {of}"


KINDS: Mapping[str, type[ItemAction]] = by_kind(ItemAction, globals())
