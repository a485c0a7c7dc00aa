"""What every action of a promotion is: something taken off units, off the goods as a whole, or off shipping."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol

from pannier.pricing.bookings import Booking, Reach
from pannier.pricing.exact import Ratio, Rounding, half_up
from pannier.pricing.goods import EVERYTHING, Filter, Goods
from pannier.pricing.ledger import Ledger
from pannier.pricing.policy import Policy
from pannier.pricing.spreading import Spread, spread_within
from pannier.pricing.units import USED

#: These never give a part more than its weight, so that only floors have to be looked at.
_WITHIN_WEIGHTS = ("largest_remainder", "floor_first")


class Bench(Protocol):
    """What an action works on: the ledger and the house rules it needs."""

    @property
    def ledger(self) -> Ledger: ...
    @property
    def policy(self) -> Policy: ...
    @property
    def rounding(self) -> Rounding: ...
    @property
    def spread(self) -> Spread: ...

    def weights(self, lines: Sequence[int] | None) -> Sequence[int]:
        """What an order discount is spread by (None: all lines)."""
        ...

    def gift(self, product: str) -> tuple[Goods, int] | None:
        """A product given away, and its shelf price; None where there is none to give."""
        ...

    def gift_room(self, goods: Goods) -> int | None:
        """How many units of goods can still be given away; None is without bound."""
        ...


class Giver(Protocol):
    """The promotion that an action belongs to."""

    @property
    def id(self) -> str: ...
    @property
    def conditions(self) -> tuple[object, ...]: ...
    @property
    def skips_reduced(self) -> bool: ...


class Action:
    """One thing a promotion gives."""

    __slots__ = ()
    kind: ClassVar[str]

    def describe(self, currency: str) -> str:
        """What it gives, in words."""
        raise NotImplementedError


class ItemAction(Action):
    """Takes something off units; counted as item discount."""

    __slots__ = ()

    def give(self, bench: Bench, giver: Giver) -> None:
        """Take it off, and book it."""
        raise NotImplementedError


class OrderAction(Action):
    """Takes one amount off the goods, spread over the matching lines."""

    __slots__ = ()
    filter: Filter

    def amount(self, bench: Bench, lines: Sequence[int] | None) -> int:
        """What is to be taken off these lines (None: all)."""
        raise NotImplementedError

    def give(self, bench: Bench, giver: Giver) -> None:
        """Take it off, and book it."""
        lines = lines_of(bench, giver, self.filter)
        amount = self.amount(bench, lines)
        if amount <= 0:
            return
        ledger = bench.ledger
        costs = costs_of(ledger, lines)
        amount = min(amount, sum(costs))
        if not amount:
            return
        weights = bench.weights(lines) if bench.policy.distribution_weight == "gross" else costs
        if ledger.floors or ledger.is_consuming or bench.policy.distribution not in _WITHIN_WEIGHTS or weights != costs:
            shares = spread_within(amount, weights, rooms_of(ledger, lines, costs), bench.spread)
        else:
            shares = bench.spread(amount, weights)
        ledger.take_shares(lines, shares)
        ledger.bookings.append(Booking(giver.id, self.describe, lines, shares, Reach.evenly))


class ShippingAction(Action):
    """Takes something off the cost of shipping."""

    __slots__ = ()

    def off(self, cost: int, rounding: Rounding) -> int:
        """What it takes off a cost that earlier actions have left; at most all of it."""
        raise NotImplementedError


def lines_of(bench: Bench, giver: Giver, wanted: Filter) -> Sequence[int] | None:
    """The lines an action is about; None is all of them."""
    ledger = bench.ledger
    if wanted is EVERYTHING and not (giver.skips_reduced and any(ledger.reduced)):
        return None
    lines = ledger.matching(wanted)
    if giver.skips_reduced:
        lines = [line for line in lines if not ledger.reduced[line]]
    return lines


def places(ledger: Ledger, lines: Sequence[int] | None) -> Sequence[int]:
    """The same lines by their places."""
    return range(len(ledger.total)) if lines is None else lines


def costs_of(ledger: Ledger, lines: Sequence[int] | None) -> Sequence[int]:
    """What each of the lines costs now; where a unit is used once, its unused units."""
    if ledger.is_consuming:
        return [
            sum([run.count * run.now for run in ledger.runs(line) if run.mark != USED])
            for line in places(ledger, lines)
        ]
    return ledger.total if lines is None else [ledger.total[line] for line in lines]


def rooms_of(ledger: Ledger, lines: Sequence[int] | None, costs: Sequence[int]) -> list[int]:
    """How much can be taken off each of the lines before it is at its floor."""
    floor, quantity = ledger.floor, ledger.quantity
    return [
        max(0, min(cost, ledger.total[line] - floor[line] * quantity[line]))
        for line, cost in zip(places(ledger, lines), costs, strict=True)
    ]


def book(
    bench: Bench,
    giver: Giver,
    action: Action,
    lines: Sequence[int],
    amounts: Sequence[int],
    reach: Reach = Reach.units,
) -> None:
    """Write down what an item action took off lines."""
    bench.ledger.bookings.append(Booking(giver.id, action.describe, lines, amounts, reach))


def off_by(ratio: Ratio, rounding: Rounding, amount: int) -> int:
    """A part of an amount, rounded once."""
    return rounding(ratio[0] * amount, ratio[1])


def parts_of(ratio: Ratio, rounding: Rounding, amounts: Sequence[int]) -> list[int]:
    """A part of each of the amounts, none below 0, each rounded once."""
    part, whole = ratio
    if rounding is half_up:
        # The house rule of most shops, without a call for each.
        twice, double = 2 * part, 2 * whole
        return [(twice * amount + whole) // double for amount in amounts]
    return [rounding(part * amount, whole) for amount in amounts]
