"""Which lines a cart gets when a merge is undone, or when an earlier state of it is brought back: pure.

Both ask for quantities that may be gone meanwhile: what limits or stock do not allow is told, and stays or becomes
saved for later.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pannier.cart.merging import MergeLine, Reason, Room, RoomLeft, at_price_of

Identity = tuple[uuid.UUID, str]


@dataclass(frozen=True, slots=True)
class MergedLine:
    """What a merge did to one line of the user's cart: as it was, and as it then was; None is not there.

    `line` is either, or what was set aside. `set_aside` counts the units that went to saved for later, of either cart.
    """

    line: MergeLine
    before: MergeLine | None
    after: MergeLine | None
    set_aside: int = 0

    @property
    def identity(self) -> Identity:
        """Which line it is."""
        return self.line.identity


@dataclass(frozen=True, slots=True)
class WantedLine:
    """One line as it is to be written: `quantity` 0 takes it out. `missing` units of those wanted could not be had."""

    line: MergeLine
    quantity_before: int
    quantity: int
    missing: int = 0
    reason: Reason | None = None
    #: Units that saved for later gets, or gives when negative.
    saved: int = 0

    @property
    def is_changed(self) -> bool:
        """Whether there is anything to do or to tell."""
        return self.quantity != self.quantity_before or bool(self.missing) or bool(self.saved)


def plan_undo(
    merged: Sequence[MergedLine], now: Sequence[MergeLine], saved: Mapping[Identity, int], room: Room
) -> list[WantedLine]:
    """What the user's lines become. What the shopper did since the merge stays: only its own effect is taken back.

    `saved` has the units that are saved for later now.
    """
    present = {line.identity: line for line in now}
    wanted = {m.identity: _wanted(m, present.get(m.identity), saved.get(m.identity, 0)) for m in merged}
    had = {line.identity: line.quantity for line in now}
    left = RoomLeft(room, {i: min(quantity, wanted.get(i, quantity)) for i, quantity in had.items()})
    lines = []
    for m in merged:
        quantity, reason = _take(left, m.identity, had.get(m.identity, 0), wanted[m.identity])
        missing = wanted[m.identity] - quantity
        # What is saved of both goes, but for what the user should have had again and could not.
        aside = max(-saved.get(m.identity, 0), missing - m.set_aside)
        line = _taken_back(m, present.get(m.identity))
        lines.append(WantedLine(line, had.get(m.identity, 0), quantity, missing, reason, aside))
    return lines


def _quantity(line: MergeLine | None) -> int:
    return 0 if line is None else line.quantity


def _wanted(merged: MergedLine, now: MergeLine | None, saved: int) -> int:
    before, after, present = _quantity(merged.before), _quantity(merged.after), _quantity(now)
    if after < before:
        # The user's own units that were set aside, if they still are.
        return present + min(before - after, saved)
    # Of fewer than the merge left, the guest's go first.
    return present - (after - before) if present >= after else min(present, before)


def _taken_back(merged: MergedLine, now: MergeLine | None) -> MergeLine:
    """The line with note, price and selection as before the merge, unless they were changed since."""
    before, after = merged.before, merged.after
    if now is None or before is None or after is None:
        return now or before or merged.line
    priced = before if at_price_of(now, after) == now else now
    return replace(
        at_price_of(now, priced),
        extra=before.extra if now.extra == after.extra else now.extra,
        is_selected=before.is_selected if now.is_selected == after.is_selected else now.is_selected,
    )


def plan_restore(now: Sequence[MergeLine], then: Sequence[MergeLine], room: Room) -> list[WantedLine]:
    """What the lines become so that the cart is again what it was; lines that came later go.

    A line keeps the id it has now. What cannot be had of it is to be saved for later.
    """
    present = {line.identity: line for line in now}
    earlier = {line.identity: line for line in then}
    base = {i: min(_quantity(present.get(i)), line.quantity) for i, line in earlier.items()}
    left = RoomLeft(room, base)
    lines = []
    for identity in dict.fromkeys([*earlier, *present]):
        line, current = earlier.get(identity), present.get(identity)
        if line is None:
            assert current is not None
            lines.append(WantedLine(current, current.quantity, 0))
            continue
        quantity, reason = _take(left, identity, base[identity], line.quantity)
        missing = line.quantity - quantity
        written = line if current is None else replace(line, id=current.id)
        lines.append(WantedLine(written, _quantity(current), quantity, missing, reason, missing))
    return lines


def _take(left: RoomLeft, identity: Identity, has: int, wanted: int) -> tuple[int, Reason | None]:
    return left.take(identity[0], has, wanted) if wanted > has else (wanted, None)
