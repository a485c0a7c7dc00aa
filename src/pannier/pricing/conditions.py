"""When a promotion holds. One class per condition, found by its `kind`; a new one needs only its class.

A condition answers None where it holds, and otherwise how far it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple, Protocol

from pannier.kernel.money import format_amount
from pannier.pricing.goods import EVERYTHING, Filter
from pannier.pricing.ledger import Ledger
from pannier.pricing.policy import Policy
from pannier.pricing.registry import by_kind
from pannier.pricing.shopper import Shopper

Basis = Literal["running", "original", "gross"]


class Surroundings(Protocol):
    """What a condition may look at."""

    @property
    def ledger(self) -> Ledger: ...
    @property
    def policy(self) -> Policy: ...
    @property
    def shopper(self) -> Shopper | None: ...
    @property
    def channel(self) -> str | None: ...
    @property
    def shipping_method(self) -> str | None: ...

    def gross(self, wanted: Filter) -> int:
        """What matching lines cost now with the tax that is added to them."""
        ...


class Unmet(NamedTuple):
    """A condition that does not hold, and the figure that it looked at."""

    condition: Condition
    have: int


class Condition:
    """Something that must hold for a promotion."""

    __slots__ = ()
    kind: ClassVar[str]

    def unmet(self, around: Surroundings) -> Unmet | None:
        """None where it holds."""
        raise NotImplementedError

    def hint(self, have: int, currency: str) -> str:
        """What is missing, to be put before "for …"; have is the figure that `unmet` found."""
        raise NotImplementedError


def subtotal(around: Surroundings, wanted: Filter, basis: Basis | None) -> int:
    """The goods on matching lines: running, original or gross; None is the house rule."""
    chosen = basis or around.policy.threshold_basis
    if chosen == "gross":
        return around.gross(wanted)
    return around.ledger.amount(wanted, is_original=chosen == "original")


@dataclass(frozen=True, slots=True)
class MinSubtotal(Condition):
    """The goods reach an amount, or with `gt` exceed it."""

    kind: ClassVar[str] = "min_subtotal"
    amount_minor: int
    op: Literal["gte", "gt"] = "gte"
    filter: Filter = EVERYTHING
    basis: Basis | None = None

    def unmet(self, around: Surroundings) -> Unmet | None:
        have = subtotal(around, self.filter, self.basis)
        is_met = have >= self.amount_minor if self.op == "gte" else have > self.amount_minor
        return None if is_met else Unmet(self, have)

    def hint(self, have: int, currency: str) -> str:
        missing = self.amount_minor - have + (self.op == "gt")
        of = "" if self.filter == EVERYTHING else f" of {self.filter}"
        return f"add {format_amount(missing, currency)}{of}"


@dataclass(frozen=True, slots=True)
class MaxSubtotal(Condition):
    """The goods do not exceed an amount, or with `lt` stay below it."""

    kind: ClassVar[str] = "max_subtotal"
    amount_minor: int
    op: Literal["lte", "lt"] = "lte"
    filter: Filter = EVERYTHING
    basis: Basis | None = None

    def unmet(self, around: Surroundings) -> Unmet | None:
        have = subtotal(around, self.filter, self.basis)
        is_met = have <= self.amount_minor if self.op == "lte" else have < self.amount_minor
        return None if is_met else Unmet(self, have)

    def hint(self, have: int, currency: str) -> str:
        del have
        word = "at most" if self.op == "lte" else "less than"
        return f"the goods may cost {word} {format_amount(self.amount_minor, currency)}"


@dataclass(frozen=True, slots=True)
class SubtotalEquals(Condition):
    """The goods cost exactly an amount."""

    kind: ClassVar[str] = "subtotal_equals"
    amount_minor: int
    filter: Filter = EVERYTHING
    basis: Basis | None = None

    def unmet(self, around: Surroundings) -> Unmet | None:
        have = subtotal(around, self.filter, self.basis)
        return None if have == self.amount_minor else Unmet(self, have)

    def hint(self, have: int, currency: str) -> str:
        del have
        return f"the goods must cost exactly {format_amount(self.amount_minor, currency)}"


@dataclass(frozen=True, slots=True)
class MinQuantity(Condition):
    """At least so many matching units."""

    kind: ClassVar[str] = "min_quantity"
    qty: int
    filter: Filter = EVERYTHING

    def unmet(self, around: Surroundings) -> Unmet | None:
        have = around.ledger.units(self.filter)
        return None if have >= self.qty else Unmet(self, have)

    def hint(self, have: int, currency: str) -> str:
        del currency
        of = "" if self.filter == EVERYTHING else f" of {self.filter}"
        return f"add {self.qty - have} more{of}"


@dataclass(frozen=True, slots=True)
class Contains(Condition):
    """Some of these goods are in the basket."""

    kind: ClassVar[str] = "contains"
    filter: Filter = EVERYTHING
    qty: int = 1

    def unmet(self, around: Surroundings) -> Unmet | None:
        have = around.ledger.units(self.filter)
        return None if have >= self.qty else Unmet(self, have)

    def hint(self, have: int, currency: str) -> str:
        del currency
        return f"add {self.qty - have} of {self.filter}"


@dataclass(frozen=True, slots=True)
class CustomerGroup(Condition):
    """The customer is known and in a group."""

    kind: ClassVar[str] = "customer_group"
    group: str

    def unmet(self, around: Surroundings) -> Unmet | None:
        who = around.shopper
        return None if who is not None and self.group in who.groups else Unmet(self, 0)

    def hint(self, have: int, currency: str) -> str:
        del have, currency
        return f"only customers of the group {self.group}"


@dataclass(frozen=True, slots=True)
class NthOrder(Condition):
    """The customer is known, and this would be her nth completed order."""

    kind: ClassVar[str] = "nth_order"
    n: int

    def unmet(self, around: Surroundings) -> Unmet | None:
        who = around.shopper
        if who is None:
            return Unmet(self, 0)
        return None if who.completed_orders + 1 == self.n else Unmet(self, who.completed_orders + 1)

    def hint(self, have: int, currency: str) -> str:
        del have, currency
        return f"only with order number {self.n} of a known customer"


@dataclass(frozen=True, slots=True)
class FirstOrder(Condition):
    """The customer is known and has not completed an order."""

    kind: ClassVar[str] = "first_order"

    def unmet(self, around: Surroundings) -> Unmet | None:
        who = around.shopper
        return None if who is not None and who.completed_orders == 0 else Unmet(self, 0)

    def hint(self, have: int, currency: str) -> str:
        del have, currency
        return "only with the first order of a known customer"


@dataclass(frozen=True, slots=True)
class NamedCustomer(Condition):
    """One of these customers."""

    kind: ClassVar[str] = "customer"
    ids: frozenset[str]

    def unmet(self, around: Surroundings) -> Unmet | None:
        who = around.shopper
        return None if who is not None and who.id in self.ids else Unmet(self, 0)

    def hint(self, have: int, currency: str) -> str:
        del have, currency
        return "only for the customer it was made for"


@dataclass(frozen=True, slots=True)
class InChannel(Condition):
    """The basket is in one of these sales channels."""

    kind: ClassVar[str] = "channel"
    channels: frozenset[str]

    def unmet(self, around: Surroundings) -> Unmet | None:
        return None if around.channel in self.channels else Unmet(self, 0)

    def hint(self, have: int, currency: str) -> str:
        del have, currency
        return f"only in {' or '.join(sorted(self.channels))}"


@dataclass(frozen=True, slots=True)
class ShippingMethodChosen(Condition):
    """This shipping method is chosen."""

    kind: ClassVar[str] = "shipping_method"
    method: str

    def unmet(self, around: Surroundings) -> Unmet | None:
        return None if around.shipping_method == self.method else Unmet(self, 0)

    def hint(self, have: int, currency: str) -> str:
        del have, currency
        return f"choose shipping with {self.method}"


#: Every condition there is, by the name that promotions call it by.
CONDITIONS: Mapping[str, type[Condition]] = by_kind(Condition, globals())
