"""Discounts on several units together: groups, buy X get Y, bundles at a price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import ClassVar

from pannier.kernel.money import format_amount
from pannier.pricing.actions.base import Bench, Giver, ItemAction, book, lines_of, places
from pannier.pricing.actions.picking import Pick, Picked, in_order, units_of
from pannier.pricing.exact import Ratio, percent_ratio, plain
from pannier.pricing.goods import EVERYTHING, Filter
from pannier.pricing.ledger import Ledger, unused
from pannier.pricing.registry import by_kind
from pannier.pricing.spreading import spread_within
from pannier.pricing.units import TOUCHED, USED, Runs, pick, pick_spans, taken_apart


class _Group(ItemAction):
    """Full groups of matching units; the cheapest of the target give something."""

    __slots__ = ()
    group: int
    take: int | None
    max_groups: int | None
    filter: Filter
    target: Filter | None

    def _worth(self, bench: Bench, now: int) -> int:
        raise NotImplementedError

    def give(self, bench: Bench, giver: Giver) -> None:
        ledger = bench.ledger
        lines = places(ledger, lines_of(bench, giver, self.filter))
        groups = sum([units_of(ledger, line, unused) for line in lines]) // self.group
        if self.max_groups is not None:
            groups = min(groups, self.max_groups)
        target = lines if self.target is None else places(ledger, lines_of(bench, giver, self.target))
        units = groups * (self.group if self.take is None else self.take)
        picked = _cheapest(ledger, target, units)
        if ledger.is_consuming:
            _touch(ledger, _cheapest(ledger, lines, groups * self.group))
        taken = [
            ledger.take_off_units(one.line, one.units, lambda now: self._worth(bench, now), unused) for one in picked
        ]
        book(bench, giver, self, [one.line for one in picked], taken)


@dataclass(frozen=True, slots=True)
class GroupPercent(_Group):
    """Percent of what these units cost now."""

    kind: ClassVar[str] = "group_percent"
    group: int
    percent: Decimal
    take: int | None = None
    max_groups: int | None = None
    filter: Filter = EVERYTHING
    target: Filter | None = None
    ratio: Ratio = field(init=False)

    def __post_init__(self) -> None:
        _at_least_one(self.group)
        object.__setattr__(self, "ratio", percent_ratio(self.percent))

    def _worth(self, bench: Bench, now: int) -> int:
        return bench.rounding(self.ratio[0] * now, self.ratio[1])

    def describe(self, currency: str) -> str:
        del currency
        units = self.group if self.take is None else self.take
        return f"{plain(self.percent)} % off {units} of every {self.group} of {self.filter}"


@dataclass(frozen=True, slots=True)
class GroupFixed(_Group):
    """An amount off each of these units."""

    kind: ClassVar[str] = "group_fixed"
    group: int
    amount_minor: int
    take: int | None = None
    max_groups: int | None = None
    filter: Filter = EVERYTHING
    target: Filter | None = None

    def __post_init__(self) -> None:
        _at_least_one(self.group)

    def _worth(self, bench: Bench, now: int) -> int:
        del bench, now
        return self.amount_minor

    def describe(self, currency: str) -> str:
        units = self.group if self.take is None else self.take
        return f"{format_amount(self.amount_minor, currency)} off {units} of every {self.group} of {self.filter}"


@dataclass(frozen=True, slots=True)
class Side:
    """So many units of some goods."""

    qty: int = 1
    filter: Filter = EVERYTHING

    def __post_init__(self) -> None:
        _at_least_one(self.qty)


@dataclass(frozen=True, slots=True)
class BuyXGetY(ItemAction):
    """Whoever buys so many gets so many others for less, again and again."""

    kind: ClassVar[str] = "buy_x_get_y"
    buy: Side
    get: Side
    percent: Decimal = Decimal(100)
    pick: Pick = "dearest"
    max_times: int | None = None
    ratio: Ratio = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ratio", percent_ratio(self.percent))

    def give(self, bench: Bench, giver: Giver) -> None:
        ledger = bench.ledger
        bought = _Queue(in_order(ledger, places(ledger, lines_of(bench, giver, self.buy.filter)), "dearest"))
        given = _Queue(in_order(ledger, places(ledger, lines_of(bench, giver, self.get.filter)), self.pick))
        pool = {line: units_of(ledger, line, unused) for line in {*bought.lines, *given.lines}}
        next_unit = dict.fromkeys(pool, 0)
        spans: dict[int, list[tuple[int, int]]] = {}
        used: dict[int, list[tuple[int, int]]] = {}
        times = 0
        while self.max_times is None or times < self.max_times:
            buys = bought.take(self.buy.qty, pool, next_unit)
            gets = given.take(self.get.qty, pool, next_unit) if buys is not None else None
            if buys is None or gets is None or not (buys or gets):
                break
            for line, first, count in gets:
                spans.setdefault(line, []).append((first, count))
            for line, first, count in buys:
                used.setdefault(line, []).append((first, count))
            times += 1
        if ledger.is_consuming:
            for line, of_line in used.items():
                for run in pick_spans(ledger.runs(line), sorted(of_line), unused):
                    run.mark = TOUCHED
        book(bench, giver, self, list(spans), [self._take(bench, line, sorted(spans[line])) for line in spans])

    def _take(self, bench: Bench, line: int, spans: list[tuple[int, int]]) -> int:
        ledger, taken = bench.ledger, 0
        for run in pick_spans(ledger.runs(line), spans, unused):
            off = max(0, min(bench.rounding(self.ratio[0] * run.now, self.ratio[1]), run.now - ledger.floor[line]))
            run.off += off
            run.mark = TOUCHED
            taken += off * run.count
        ledger.settle(line, taken)
        return taken

    def describe(self, currency: str) -> str:
        del currency
        off = "free" if self.percent == 100 else f"at {plain(self.percent)} % off"
        return f"buy {self.buy.qty} of {self.buy.filter}, get {self.get.qty} of {self.get.filter} {off}"


class _Queue:
    """Lines in the order in which their units are taken."""

    __slots__ = ("_at", "lines")

    def __init__(self, lines: Sequence[int]) -> None:
        self.lines = lines
        self._at = 0

    def take(self, units: int, pool: dict[int, int], next_unit: dict[int, int]) -> list[tuple[int, int, int]] | None:
        """(line, first unit, count) of the next units; None, and nothing taken, where there are not so many."""
        while self._at < len(self.lines) and not pool[self.lines[self._at]]:
            self._at += 1
        taken: list[tuple[int, int, int]] = []
        at = self._at
        while units and at < len(self.lines):
            line = self.lines[at]
            count = min(units, pool[line])
            if count:
                taken.append((line, next_unit[line], count))
                units -= count
            at += 1
        if units:
            return None
        for line, _, count in taken:
            pool[line] -= count
            next_unit[line] += count
        return taken


@dataclass(frozen=True, slots=True)
class BundlePrice(ItemAction):
    """Full groups of units, dearest first, cost a price each; what they cost more is spread over their units."""

    kind: ClassVar[str] = "bundle_price"
    qty: int
    price_minor: int
    max_times: int | None = None
    filter: Filter = EVERYTHING

    def __post_init__(self) -> None:
        _at_least_one(self.qty)

    def give(self, bench: Bench, giver: Giver) -> None:
        ledger = bench.ledger
        lines = in_order(ledger, places(ledger, lines_of(bench, giver, self.filter)), "dearest")
        bundles = sum([units_of(ledger, line, unused) for line in lines]) // self.qty
        if self.max_times is not None:
            bundles = min(bundles, self.max_times)
        units: list[tuple[int, Runs]] = []
        left = bundles * self.qty
        for line in lines:
            singles = taken_apart(ledger.runs(line), pick(ledger.runs(line), left, unused)) if left else []
            units += [(line, [run]) for run in singles]
            left -= len(singles)
        taken = dict.fromkeys([line for line, _ in units], 0)
        for start in range(0, bundles * self.qty, self.qty):
            self._bundle(bench, units[start : start + self.qty], taken)
        for line, amount in taken.items():
            ledger.settle(line, amount)
        book(bench, giver, self, list(taken), list(taken.values()))

    def _bundle(self, bench: Bench, units: list[tuple[int, Runs]], taken: dict[int, int]) -> None:
        costs = [run.now for _, (run,) in units]
        rooms = [max(0, run.now - bench.ledger.floor[line]) for line, (run,) in units]
        amount = max(0, sum(costs) - self.price_minor)
        shares = spread_within(amount, costs, rooms, bench.spread)
        for (line, (run,)), share in zip(units, shares, strict=True):
            run.off += share
            run.mark = run.mark or TOUCHED
            taken[line] += share

    def describe(self, currency: str) -> str:
        return f"{self.qty} of {self.filter} for {format_amount(self.price_minor, currency)}"


def _at_least_one(units: int) -> None:
    if units < 1:
        raise ValueError(f"a group of {units} units is none")


def _cheapest(ledger: Ledger, lines: Sequence[int], units: int) -> list[Picked]:
    picked = []
    for line in in_order(ledger, lines, "cheapest"):
        count = min(units, units_of(ledger, line, unused))
        if count > 0:
            picked.append(Picked(line, count))
            units -= count
    return picked


def _touch(ledger: Ledger, picked: Sequence[Picked]) -> None:
    """Units of full groups take part, whether something is taken off them or not."""
    for line, units in picked:
        for run in pick(ledger.runs(line), units, lambda run: run.mark != USED):
            run.mark = TOUCHED


KINDS: Mapping[str, type[ItemAction]] = by_kind(ItemAction, globals())
