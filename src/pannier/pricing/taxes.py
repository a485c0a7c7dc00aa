"""Which tax is on what, and how much: contained in a price or added on top, by zone, category and day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from pannier.pricing.exact import Rounding, ratio_of
from pannier.pricing.goods import ALWAYS, Period
from pannier.pricing.spreading import largest_remainder


@dataclass(frozen=True, slots=True)
class TaxRate:
    """`percent` on goods or shipping of a category; `is_included`: the price contains it. No zone is every zone.

    Several: in ascending `order`; a compound one is also on the added taxes before it.
    """

    id: str
    category: str
    percent: Decimal
    is_included: bool = False
    zone: str | None = None
    order: int = 0
    is_compound: bool = False
    period: Period = ALWAYS
    name: str = ""
    rate: Fraction = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate", Fraction(self.percent) / 100)

    @property
    def title(self) -> str:
        """What a person calls it."""
        return self.name or self.id


class TaxPart(NamedTuple):
    """What one rate makes of one amount."""

    rate: TaxRate
    amount_minor: int


class Taxed(NamedTuple):
    """The tax of an amount: inside it and on top of it, and each rate's part."""

    included_minor: int
    added_minor: int
    parts: tuple[TaxPart, ...]


UNTAXED_AMOUNT = Taxed(0, 0, ())


class TaxPlan:
    """The rates on one category for one shopper, and how their figures are rounded."""

    __slots__ = (
        "_added",
        "_contained",
        "_is_each",
        "_is_net_target",
        "_is_on_net",
        "_simple",
        "added",
        "contained_rate",
        "included",
        "rounding",
    )

    def __init__(
        self,
        rates: Sequence[TaxRate],
        rounding: Rounding,
        *,
        is_net_target: bool = False,
        is_each: bool = True,
        is_on_net: bool = False,
    ) -> None:
        in_order = sorted(rates, key=lambda rate: rate.order)
        self.included = tuple(rate for rate in in_order if rate.is_included)
        self.added = tuple(rate for rate in in_order if not rate.is_included)
        self.rounding = rounding
        self.contained_rate = sum([rate.rate for rate in self.included], Fraction(0))
        self._contained = ratio_of(Fraction(self.contained_rate, 1 + self.contained_rate))
        self._is_net_target = is_net_target
        self._is_each = is_each
        #: Whether added tax is on the net of a price that was worked out for this zone.
        self._is_on_net = is_on_net
        one = self.added[0] if len(self.added) == 1 and not self.included else None
        self._simple = None if one is None else (one, one.rate.numerator, one.rate.denominator)

    @property
    def key(self) -> tuple[str, ...]:
        """Which rates these are, so that amounts with the same ones can be added up."""
        return tuple(rate.id for rate in (*self.included, *self.added))

    def of(self, amount: int) -> Taxed:
        """The tax of an amount as it is entered: what it contains, and what is added to it."""
        if self._simple is not None:
            rate, above, below = self._simple
            tax = self.rounding(amount * above, below)
            return Taxed(0, tax, (TaxPart(rate, tax),))
        if not self.included and not self.added:
            return UNTAXED_AMOUNT
        contained = self.contained(amount)
        added = self.added_parts(self.base(amount))
        inside = [*self._split(contained, [rate.rate for rate in self.included], self.included)]
        return Taxed(contained, sum([part.amount_minor for part in added]), (*inside, *added))

    def base(self, amount: int) -> Fraction:
        """What added tax is on: the amount as entered, or its net where that is kept across zones."""
        return Fraction(amount) / (1 + self.contained_rate) if self._is_on_net else Fraction(amount)

    def contained(self, amount: int) -> int:
        """The tax inside an amount."""
        if not self.included:
            return 0
        above, below = self._contained
        if self._is_net_target:
            return amount - self.rounding(amount * (below - above), below)
        return self.rounding(amount * above, below)

    def added_parts(self, base: Fraction) -> list[TaxPart]:
        """The tax added to an exact base, by rate."""
        exact: list[Fraction] = []
        parts: list[TaxPart] = []
        so_far = Fraction(0)
        for rate in self.added:
            tax = (base + so_far if rate.is_compound else base) * rate.rate
            if self._is_each:
                whole = self.rounding(tax.numerator, tax.denominator)
                parts.append(TaxPart(rate, whole))
                so_far += whole
            else:
                exact.append(tax)
                so_far += tax
        if self._is_each:
            return parts
        return self._split(self.rounding(so_far.numerator, so_far.denominator), exact, self.added)

    def exact_added(self, base: Fraction) -> Fraction:
        """All added tax, not rounded."""
        so_far = Fraction(0)
        for rate in self.added:
            so_far += (base + so_far if rate.is_compound else base) * rate.rate
        return so_far

    def exact_contained(self, amount: int) -> Fraction:
        """The tax inside an amount, not rounded."""
        return Fraction(amount * self._contained[0], self._contained[1])

    def _split(self, amount: int, weights: Sequence[Fraction], rates: Sequence[TaxRate]) -> list[TaxPart]:
        """A rounded tax by rate, so that the parts add up to it."""
        if len(rates) == 1:
            return [TaxPart(rates[0], amount)]
        below = 1
        for weight in weights:
            below *= weight.denominator
        shares = largest_remainder(amount, [int(weight * below) for weight in weights])
        return [TaxPart(rate, share) for rate, share in zip(rates, shares, strict=True)]
