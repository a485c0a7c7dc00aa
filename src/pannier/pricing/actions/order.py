"""Discounts on the order: one amount, rounded once, spread over lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import ClassVar

from pannier.kernel.money import format_amount
from pannier.pricing.actions.base import Bench, OrderAction, costs_of, off_by, places
from pannier.pricing.exact import Ratio, percent_ratio, plain
from pannier.pricing.goods import EVERYTHING, Filter
from pannier.pricing.registry import by_kind


@dataclass(frozen=True, slots=True)
class OrderPercent(OrderAction):
    """Percent of what the lines cost, at most `cap`. With percent_stack parallel, before other order discounts."""

    kind: ClassVar[str] = "order_percent"
    percent: Decimal
    cap_minor: int | None = None
    filter: Filter = EVERYTHING
    ratio: Ratio = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ratio", percent_ratio(self.percent))

    def amount(self, bench: Bench, lines: Sequence[int] | None) -> int:
        ledger = bench.ledger
        base = sum(costs_of(ledger, lines))
        if bench.policy.percent_stack == "parallel":
            off = ledger.order_off()
            base += sum(off if lines is None else [off[line] for line in lines])
        amount = self._of_exact(bench, lines, base) if ledger.exact else off_by(self.ratio, bench.rounding, base)
        return amount if self.cap_minor is None else min(amount, self.cap_minor)

    def _of_exact(self, bench: Bench, lines: Sequence[int] | None, base: int) -> int:
        """Where lines were rounded from exact net prices, the percent is of those."""
        ledger = bench.ledger
        exact = Fraction(base)
        for line in places(ledger, lines):
            if line in ledger.exact:
                exact += Fraction(*ledger.exact[line]) * ledger.quantity[line] - ledger.subtotal[line]
        part = exact * Fraction(*self.ratio)
        return bench.rounding(part.numerator, part.denominator)

    def describe(self, currency: str) -> str:
        cap = "" if self.cap_minor is None else f", at most {format_amount(self.cap_minor, currency)}"
        return f"{plain(self.percent)} % off {self.filter}{cap}"


@dataclass(frozen=True, slots=True)
class OrderFixed(OrderAction):
    """An amount off."""

    kind: ClassVar[str] = "order_fixed"
    amount_minor: int
    filter: Filter = EVERYTHING

    def amount(self, bench: Bench, lines: Sequence[int] | None) -> int:
        del bench, lines
        return self.amount_minor

    def describe(self, currency: str) -> str:
        return f"{format_amount(self.amount_minor, currency)} off {self.filter}"


@dataclass(frozen=True, slots=True)
class OrderSetTotal(OrderAction):
    """The goods cost an amount, if they cost more."""

    kind: ClassVar[str] = "order_set_total"
    amount_minor: int
    filter: Filter = EVERYTHING

    def amount(self, bench: Bench, lines: Sequence[int] | None) -> int:
        whole = None if self.filter is EVERYTHING else lines
        return sum(costs_of(bench.ledger, whole)) - self.amount_minor

    def describe(self, currency: str) -> str:
        return f"{self.filter} for {format_amount(self.amount_minor, currency)}"


KINDS: Mapping[str, type[OrderAction]] = by_kind(OrderAction, globals())
