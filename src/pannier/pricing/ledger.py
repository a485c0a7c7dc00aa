"""What every line and unit of a basket costs while discounts are taken off, and who took what.

A line whose units all cost the same is a few numbers; only where units differ are they kept as runs, and only when
somebody asks. Order discounts are booked on lines and reach the units later, in the order they were given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from fractions import Fraction
from operator import mul, sub

from pannier.pricing.bookings import Booking, Reach, ShortGift
from pannier.pricing.exact import rounded
from pannier.pricing.finding import Finder
from pannier.pricing.goods import EVERYTHING, Filter, Goods
from pannier.pricing.units import TOUCHED, USED, Run, Runs, merged, pick, take_all_evenly, take_evenly, take_floor_first

#: What a ledger has for each line or adds to while it is used.
_OF_LINES = (
    *("goods", "quantity", "unit", "reduced", "floor", "subtotal", "total", "room"),
    *("bookings", "gifts", "short", "_waiting"),
)


class Ledger:
    """Lines by place. `total` is what a line costs now.

    Whoever takes something off adds one booking right afterwards: what was taken off lines only reaches their units
    from there.
    """

    __slots__ = (
        "_finder",
        "_reached",
        "_runs",
        "_waiting",
        "bookings",
        "exact",
        "floor",
        "floors",
        "gifts",
        "goods",
        "is_consuming",
        "quantity",
        "reduced",
        "room",
        "short",
        "subtotal",
        "total",
        "unit",
    )

    def __init__(self, goods: list[Goods], quantity: list[int], unit: list[int], reduced: list[bool]) -> None:
        self.goods = goods
        self.quantity = quantity
        self.unit = unit
        self.reduced = reduced
        self.floor = [one.floor_minor for one in goods]
        #: Whether any line has a floor.
        self.floors = any(self.floor)
        self.subtotal = [price * count for price, count in zip(unit, quantity, strict=True)]
        self.total = self.subtotal.copy()
        #: Any unit can give at least so much before it is at its floor.
        self.room = list(map(sub, unit, self.floor)) if self.floors else unit.copy()
        self.bookings: list[Booking] = []
        #: The exact unit price as numerator and denominator, where a unit price was rounded from one.
        self.exact: dict[int, tuple[int, int]] = {}
        self.gifts: list[int] = []
        #: Gifts of which there is too little.
        self.short: list[ShortGift] = []
        #: Whether a unit takes part in one promotion only.
        self.is_consuming = False
        self._runs: dict[int, Runs] = {}
        self._reached: dict[int, int] = {}
        #: Shares of order discounts on all lines that `room` does not know of yet.
        self._waiting: list[Sequence[int]] = []
        self._finder = Finder(goods, unit)

    def keep_exact(self, prices: Mapping[int, Fraction], *, is_per_order: bool) -> None:
        """Let lines cost their exact unit price times their quantity; the units of a line then differ by at most 1.

        Each line is rounded, or `is_per_order` their sum, whose odd units go to the largest remainders.
        """
        exact = {line: price * self.quantity[line] for line, price in prices.items()}
        whole = {line: rounded(amount) for line, amount in exact.items()}
        if is_per_order:
            whole = {line: amount.numerator // amount.denominator for line, amount in exact.items()}
            left = rounded(sum(exact.values(), Fraction(0))) - sum(whole.values())
            for line in sorted(exact, key=lambda line: whole[line] - exact[line])[:left]:
                whole[line] += 1
        for line, price in prices.items():
            self.exact[line] = (price.numerator, price.denominator)
            self.subtotal[line] = self.total[line] = whole[line]
            self.runs(line)

    def copy(self) -> Ledger:
        """The same figures, to try something on."""
        other = copy(self)
        for name in _OF_LINES:
            setattr(other, name, getattr(self, name).copy())
        # What finds lines is shared: it is replaced, never changed, when a line is added.
        other.restore({line: [run.copy() for run in runs] for line, runs in self._runs.items()}, self._reached.copy())
        return other

    def restore(self, runs: dict[int, Runs], reached: dict[int, int]) -> None:
        """Have these units, up to these bookings."""
        self._runs, self._reached = runs, reached

    def add(self, goods: Goods, quantity: int, unit: int, *, is_reduced: bool) -> int:
        """Put a gift's line at the end; answers its place."""
        self._know_rooms()
        place = len(self.goods)
        self.goods.append(goods)
        self.quantity.append(quantity)
        self.unit.append(unit)
        self.reduced.append(is_reduced)
        self.floor.append(goods.floor_minor)
        self.floors = self.floors or bool(goods.floor_minor)
        self.subtotal.append(unit * quantity)
        self.total.append(unit * quantity)
        self.room.append(unit - goods.floor_minor)
        self.gifts.append(place)
        self._reached[place] = len(self.bookings)
        self._finder = Finder(self.goods, self.unit)
        return place

    # Which lines

    def matching(self, wanted: Filter) -> list[int]:
        """The places of the lines that match, in the basket's order."""
        return self._finder.matching(wanted)

    # How much

    def units(self, wanted: Filter) -> int:
        """Units that match, those not used yet where a unit is used once."""
        if self.is_consuming:
            return sum([run.count for line in self.matching(wanted) for run in self.runs(line) if run.mark != USED])
        quantity = self.quantity
        return sum([quantity[line] for line in self.matching(wanted)])

    def amount(self, wanted: Filter, *, is_original: bool = False) -> int:
        """What matching lines cost now, or cost before any discount."""
        if self.is_consuming:
            return sum([self.amount_of(line, is_original=is_original) for line in self.matching(wanted)])
        amounts = self.subtotal if is_original else self.total
        if wanted is EVERYTHING:
            return sum(amounts)
        return sum([amounts[line] for line in self.matching(wanted)])

    def amount_of(self, line: int, *, is_original: bool = False) -> int:
        """What the unused units of a line cost."""
        runs = self.runs(line)
        return sum([run.count * (run.price if is_original else run.now) for run in runs if run.mark != USED])

    # Units

    def runs(self, line: int) -> Runs:
        """The units of a line as they are now; whoever changes them hands them back to `settle`."""
        runs = self._runs.get(line)
        if runs is None:
            runs = self._runs[line] = self._first_runs(line)
        reached = self._reached.get(line, 0)
        if reached < len(self.bookings) and not self.is_consuming:
            runs = self._runs[line] = self._replayed(line, runs, reached)
            self._reached[line] = len(self.bookings)
        self._know_rooms()
        self.room[line] = min([run.price - run.off for run in runs], default=0) - self.floor[line]
        return runs

    def _replayed(self, line: int, runs: Runs, reached: int) -> Runs:
        """The units of a line with everything taken off them that was booked since."""
        shares: list[int] = []
        for booking in self.bookings[reached:]:
            amount = booking.off(line)
            if not amount:
                continue
            if booking.reach is Reach.evenly:
                shares.append(amount)
                continue
            if shares:
                runs, shares = take_all_evenly(runs, shares), []
            if booking.reach is Reach.alike:
                each = amount // self.quantity[line]
                for run in runs:
                    run.off += each
            elif booking.reach is Reach.by_price:
                take_floor_first(runs, runs.copy(), amount, 0)
        return merged(take_all_evenly(runs, shares) if shares else runs)

    def _know_rooms(self) -> None:
        """Let `room` know of the order discounts so far, by what they take off a unit at most."""
        waiting = self._waiting
        if waiting:
            shares = waiting[0] if len(waiting) == 1 else list(map(sum, zip(*waiting, strict=True)))
            more = len(waiting) - 1
            self.room = [
                room - share if quantity == 1 else room + (-share // quantity) - more
                for room, share, quantity in zip(self.room, shares, self.quantity, strict=True)
            ]
            self._waiting = []

    def _first_runs(self, line: int) -> Runs:
        quantity, unit = self.quantity[line], self.unit[line]
        each, odd = divmod(self.subtotal[line], quantity) if quantity else (unit, 0)
        return merged([Run(odd, each + 1), Run(quantity - odd, each)])

    def settle(self, line: int, taken: int) -> None:
        """Book that the runs of this line were changed and so much was taken off it."""
        runs = self._runs[line] = merged(self._runs[line])
        self.room[line] = min([run.price - run.off for run in runs]) - self.floor[line]
        self.total[line] -= taken
        self._reached[line] = len(self.bookings) + 1

    def take_off_units(
        self, line: int, units: int | None, worth: Callable[[int], int], may: Callable[[Run], bool]
    ) -> int:
        """Take `worth(price now)` off each of the first so many units (None: all); answers what was taken."""
        if self.is_exhausted(line):
            return 0
        runs, floor, taken = self.runs(line), self.floor[line], 0
        for run in pick(runs, units, may):
            off = max(0, min(worth(run.now), run.now - floor))
            run.off += off
            taken += off * run.count
            run.mark = run.mark or TOUCHED if off else run.mark
        self.settle(line, taken)
        return taken

    def is_exhausted(self, line: int) -> bool:
        """Whether nothing more can be taken off a line."""
        return self.total[line] <= self.floor[line] * self.quantity[line]

    def take_alike(self, lines: Sequence[int], each: list[int]) -> list[int]:
        """Take the same off all units of a line, for several lines; answers what was taken off each line."""
        self._know_rooms()
        if type(lines) is range and not self.is_consuming:
            room = list(map(sub, self.room, each))
            if not room or min(room) >= 0:
                self.room = room
                taken = list(map(mul, each, self.quantity))
                self.total = list(map(sub, self.total, taken))
                return taken
        room, total, quantity = self.room, self.total, self.quantity
        taken = []
        for line, off in zip(lines, each, strict=True):
            if room[line] < off or self.is_consuming:
                taken.append(self._take_short(line, off) if off else 0)
                continue
            room[line] -= off
            whole = off * quantity[line]
            total[line] -= whole
            taken.append(whole)
        return taken

    def _take_short(self, line: int, off: int) -> int:
        """Take the same off all units of a line of which some cannot give so much."""
        if self.is_exhausted(line):
            return 0
        floor, taken, least = self.floor[line], 0, self.unit[line]
        for run in self.runs(line):
            room = run.price - run.off - floor
            if room > 0 and run.mark != USED:
                given = min(off, room)
                run.off += given
                run.mark = run.mark or TOUCHED
                taken += given * run.count
                room -= given
            least = min(least, room)
        self.room[line] = least
        self.total[line] -= taken
        self._reached[line] = len(self.bookings) + 1
        return taken

    def take_off_lines(self, lines: Sequence[int], amounts: Sequence[int]) -> list[int]:
        """Take an amount off each of several lines, by what their units cost then; answers what was taken."""
        self._know_rooms()
        taken = []
        for line, amount in zip(lines, amounts, strict=True):
            if self.floor[line] or self.is_consuming:
                runs = self.runs(line)
                taken.append(self.take_off_runs(line, amount, [run for run in runs if run.mark != USED]))
                continue
            total = self.total[line]
            off = min(amount, total)
            if off:
                # No unit gives more than its part, rounded up.
                if self.quantity[line] == 1:
                    self.room[line] -= off
                else:
                    self.room[line] = self.room[line] * (total - off) // total - 1
                self.total[line] = total - off
            taken.append(off)
        return taken

    def take_off_runs(self, line: int, amount: int, chosen: Runs) -> int:
        """Take an amount off chosen units of a line by what they cost now; answers what was taken."""
        if self.is_exhausted(line) or not amount:
            return 0
        taken = take_floor_first(self._runs[line], chosen, amount, self.floor[line])
        self.settle(line, taken)
        return taken

    def take_shares(self, lines: Sequence[int] | None, shares: Sequence[int]) -> None:
        """Take an order discount's shares off lines (None: all). They count evenly for the units."""
        if lines is None and not self.is_consuming:
            self.total = list(map(sub, self.total, shares))
            self._waiting.append(shares)
            return
        self._know_rooms()
        for line, share in zip(range(len(self.total)) if lines is None else lines, shares, strict=True):
            if not share:
                continue
            if self.is_consuming:
                runs = self.runs(line)
                take_evenly(runs, [run for run in runs if run.mark != USED], share)
                self.settle(line, share)
            else:
                self.total[line] -= share
                self.room[line] += -share // self.quantity[line]

    def order_off(self) -> list[int]:
        """What order discounts have taken off each line."""
        off = [0] * len(self.total)
        whole = [one.amounts for one in self.bookings if one.is_order_level and one.lines is None]
        for line, amount in enumerate(map(sum, zip(*whole, strict=True)) if _are_even(whole) else ()):
            off[line] = amount
        for booking in self.bookings:
            if booking.is_order_level and (booking.lines is not None or not _are_even(whole)):
                for line, amount in booking.entries():
                    off[line] += amount
        return off

    def use_touched(self) -> None:
        """Where a unit takes part in one promotion only: from here on the units just touched are used."""
        for runs in self._runs.values():
            for run in runs:
                if run.mark == TOUCHED:
                    run.mark = USED

    def adopt(self, line: int, other: Ledger, of: int) -> None:
        """Take over what another ledger took off one of its lines; the bookings are for the caller to copy."""
        self._runs[line] = [run.copy() for run in other.runs(of)]
        self.total[line], self.room[line] = other.total[of], other.room[of]

    def are_units_known(self, lines: Iterable[int]) -> None:
        """Say that the runs of these lines hold everything booked so far."""
        for line in lines:
            self._reached[line] = len(self.bookings)

    def unit_discounts(self, line: int) -> list[int]:
        """What is off each unit, in the order they are counted."""
        return [run.off for run in self.runs(line) for _ in range(run.count)]


def _are_even(lists: Sequence[Sequence[int]]) -> bool:
    """Whether they are equally long; a gift makes the later ones longer."""
    return len({len(each) for each in lists}) <= 1


def unused(run: Run) -> bool:
    """A unit that no promotion has used."""
    return run.mark != USED
