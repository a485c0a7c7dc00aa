"""Ways to ship, what they cost and when they are available. One class per kind of charge, found by its name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import ClassVar, Literal, NamedTuple

from pannier.kernel.money import format_amount
from pannier.pricing.exact import ZERO, Ratio, half_up, percent_ratio, plain
from pannier.pricing.names import UNTAXED
from pannier.pricing.registry import by_kind


class Parcel(NamedTuple):
    """What of a basket the cost of shipping depends on. `units` are those that need shipping."""

    units: int
    lines: int
    goods_minor: int
    threshold_minor: int
    weight: Fraction
    categories: Collection[str | None]


class Charge:
    """How much a method costs. One whose cost depends on the weight says that it `weighs`."""

    __slots__ = ()
    kind: ClassVar[str]
    weighs: ClassVar[bool] = False

    def cost(self, parcel: Parcel) -> int | None:
        """Minor units; None where it cannot carry this."""
        raise NotImplementedError

    def describe(self, parcel: Parcel, currency: str) -> str:
        """How the cost comes about, in words."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Flat(Charge):
    """One amount."""

    kind: ClassVar[str] = "flat"
    amount_minor: int

    def cost(self, parcel: Parcel) -> int | None:
        del parcel
        return self.amount_minor

    def describe(self, parcel: Parcel, currency: str) -> str:
        del parcel, currency
        return "flat"


@dataclass(frozen=True, slots=True)
class PerUnit(Charge):
    """An amount for each unit."""

    kind: ClassVar[str] = "per_unit"
    amount_minor: int

    def cost(self, parcel: Parcel) -> int | None:
        return self.amount_minor * parcel.units

    def describe(self, parcel: Parcel, currency: str) -> str:
        return f"{parcel.units} × {format_amount(self.amount_minor, currency)}"


@dataclass(frozen=True, slots=True)
class OrderPlusUnit(Charge):
    """An amount for the order and one for each unit."""

    kind: ClassVar[str] = "order_plus_unit"
    per_order_minor: int = 0
    per_unit_minor: int = 0

    def cost(self, parcel: Parcel) -> int | None:
        return self.per_order_minor + self.per_unit_minor * parcel.units

    def describe(self, parcel: Parcel, currency: str) -> str:
        each = format_amount(self.per_unit_minor, currency)
        return f"{format_amount(self.per_order_minor, currency)} + {parcel.units} × {each}"


@dataclass(frozen=True, slots=True)
class FirstPlusAdditional(Charge):
    """The first unit one amount, each further one another; after every `max` units it begins again."""

    kind: ClassVar[str] = "first_plus_additional"
    first_minor: int
    additional_minor: int
    max_: int | None = None

    def _firsts(self, units: int) -> int:
        if not units:
            return 0
        return 1 if not self.max_ else -(-units // self.max_)

    def cost(self, parcel: Parcel) -> int | None:
        firsts = self._firsts(parcel.units)
        return firsts * self.first_minor + (parcel.units - firsts) * self.additional_minor

    def describe(self, parcel: Parcel, currency: str) -> str:
        firsts = self._firsts(parcel.units)
        first, further = format_amount(self.first_minor, currency), format_amount(self.additional_minor, currency)
        return f"{firsts} × {first} + {parcel.units - firsts} × {further}"


@dataclass(frozen=True, slots=True)
class PriceStep(Charge):
    """One amount for goods below a threshold, another from it on."""

    kind: ClassVar[str] = "price_step"
    threshold_minor: int
    below_minor: int
    from_minor: int

    def cost(self, parcel: Parcel) -> int | None:
        return self.below_minor if parcel.goods_minor < self.threshold_minor else self.from_minor

    def describe(self, parcel: Parcel, currency: str) -> str:
        word = "below" if parcel.goods_minor < self.threshold_minor else "from"
        return f"goods {word} {format_amount(self.threshold_minor, currency)}"


@dataclass(frozen=True, slots=True)
class PercentOfItems(Charge):
    """Percent of the goods, rounded half up."""

    kind: ClassVar[str] = "percent_of_items"
    percent: Decimal

    def cost(self, parcel: Parcel) -> int | None:
        above, below = self.ratio
        return half_up(parcel.goods_minor * above, below)

    @property
    def ratio(self) -> Ratio:
        return percent_ratio(self.percent) if self.percent else ZERO

    def describe(self, parcel: Parcel, currency: str) -> str:
        return f"{plain(self.percent)} % of {format_amount(parcel.goods_minor, currency)}"


@dataclass(frozen=True, slots=True, order=True)
class Band:
    """What a weight up to a bound costs."""

    up_to: Fraction
    charge_minor: int


@dataclass(frozen=True, slots=True)
class WeightBands(Charge):
    """The charge of the first band that holds the weight; above the top one nothing, or the top one repeated."""

    kind: ClassVar[str] = "weight_bands"
    weighs: ClassVar[bool] = True
    bands: tuple[Band, ...]
    overflow: Literal["repeat_top"] | None = None

    def cost(self, parcel: Parcel) -> int | None:
        bands = sorted(self.bands)
        if not bands:
            return 0
        top, charge = bands[-1].up_to, bands[-1].charge_minor
        if parcel.weight <= top:
            return self._band(bands, parcel.weight)
        if self.overflow is None or top <= 0:
            return None
        times, rest = divmod(parcel.weight, top)
        return times * charge + (self._band(bands, rest) if rest else 0)

    @staticmethod
    def _band(bands: list[Band], weight: Fraction) -> int:
        return next(band.charge_minor for band in bands if weight <= band.up_to)

    def describe(self, parcel: Parcel, currency: str) -> str:
        del currency
        return f"by weight, {plain(parcel.weight)}"


#: Every kind of charge there is, by the name that methods call it by.
CHARGES: Mapping[str, type[Charge]] = by_kind(Charge, globals())


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds, both ends included; None is none."""

    min_subtotal_minor: int | None = None
    max_subtotal_minor: int | None = None
    min_weight: Fraction | None = None
    max_weight: Fraction | None = None
    min_lines: int | None = None
    max_lines: int | None = None
    zones: frozenset[str] | None = None
    category: str | None = None
    category_match: Literal["all", "any", "none"] = "all"

    def refusal(self, parcel: Parcel, zone: str | None, currency: str) -> str | None:
        """Why a parcel is outside the bounds."""
        if self.zones is not None and zone not in self.zones:
            return "not to this zone"
        goods, lowest, highest = parcel.threshold_minor, self.min_subtotal_minor, self.max_subtotal_minor
        if lowest is not None and goods < lowest:
            return f"add {format_amount(lowest - goods, currency)}"
        if highest is not None and goods > highest:
            return f"only up to {format_amount(highest, currency)}"
        if self.min_weight is not None and parcel.weight < self.min_weight:
            return f"only from a weight of {plain(self.min_weight)}"
        if self.max_weight is not None and parcel.weight > self.max_weight:
            return f"only up to a weight of {plain(self.max_weight)}"
        if self.min_lines is not None and parcel.lines < self.min_lines:
            return f"only from {self.min_lines} lines"
        if self.max_lines is not None and parcel.lines > self.max_lines:
            return f"only up to {self.max_lines} lines"
        return self._category_refusal(parcel)

    def _category_refusal(self, parcel: Parcel) -> str | None:
        if self.category is None:
            return None
        are_of_it = [category == self.category for category in parcel.categories]
        holds = {"all": all(are_of_it), "any": any(are_of_it), "none": not any(are_of_it)}[self.category_match]
        return None if holds else f"only where {self.category_match} of the goods are {self.category}"


@dataclass(frozen=True, slots=True)
class ShippingMethod:
    """A way to ship. `free_from_minor`: from these goods on it costs nothing (`gt`: above)."""

    id: str
    charge: Charge
    tax_category: str = UNTAXED
    is_enabled: bool = True
    position: int = 0
    limits: Limits = Limits()
    free_from_minor: int | None = None
    free_op: Literal["gte", "gt"] = "gte"
    name: str = ""
    delivery_days: tuple[int, int] | None = None

    @property
    def title(self) -> str:
        """What a person calls it."""
        return self.name or self.id

    @property
    def weighs(self) -> bool:
        """Whether its cost or its limits depend on the weight."""
        limits = self.limits
        return self.charge.weighs or limits.min_weight is not None or limits.max_weight is not None

    def refusal(self, parcel: Parcel, zone: str | None, currency: str) -> str | None:
        """Why it is not available; None where it is."""
        if not self.is_enabled:
            return "switched off"
        refused = self.limits.refusal(parcel, zone, currency)
        if refused is None and self.charge.cost(parcel) is None:
            return "too heavy"
        return refused

    def is_free(self, parcel: Parcel) -> bool:
        """Whether the goods are enough for it to cost nothing."""
        if self.free_from_minor is None:
            return False
        return parcel.goods_minor >= self.free_from_minor + (self.free_op == "gt")

    def missing_for_free(self, parcel: Parcel) -> int | None:
        """How much more in goods would make it free; None where it never is or already is."""
        if self.free_from_minor is None or self.is_free(parcel):
            return None
        return self.free_from_minor + (self.free_op == "gt") - parcel.goods_minor

    def cost(self, parcel: Parcel) -> int:
        """What it costs. Kept though it cannot carry this any more, it costs what its top band does."""
        if self.is_free(parcel):
            return 0
        cost = self.charge.cost(parcel)
        if cost is None and isinstance(self.charge, WeightBands):
            return max(self.charge.bands).charge_minor
        return cost or 0
