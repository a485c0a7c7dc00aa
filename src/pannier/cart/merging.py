"""What becomes of a user's cart and a guest's that are to be one: decided here, before anything is touched.

    plan(user_lines, guest_lines, room, rules) -> MergePlan

Nothing is lost. What was wished for of a line is, with strategy `sum`, what both had together; with every other one
it is the larger of the two, because equal lines are then one wish told twice. What is wished for and does not come
into the cart is set aside: it stays as saved for later. So for every line `quantity + set_aside` is that wish.

A line is a variant and its `merge_key` (attributes, customisation, fixed price). Quantities are units, prices minor
units. The user's own units are lowered by a strategy only, never by a limit or by stock.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

Strategy = Literal["sum", "maximum", "keep_user", "take_guest", "guest_quantity", "guest_if_user_empty"]
PricePolicy = Literal["user", "guest", "lowest", "latest"]
CurrencyPolicy = Literal["refuse", "set_aside"]
Action = Literal["insert", "change", "keep", "remove", "set_aside"]
#: Why a line is not what both carts had together: what the strategy says, or what there was no room for.
Reason = Literal["strategy", "currency", "unavailable", "line_count", "line_quantity", "cart_quantity", "stock"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeLine:
    """One line of either cart."""

    id: uuid.UUID
    variant_id: uuid.UUID
    quantity: int
    merge_key: str = ""
    unit_price_minor: int = 0
    is_price_fixed: bool = False
    is_selected: bool = True
    extra: Mapping[str, Any] | None = None
    #: What it was shown to cost when it was added, as `cart_line` has it.
    shelf_minor: int | None = None
    shown_minor: int | None = None

    @property
    def identity(self) -> tuple[uuid.UUID, str]:
        """What two lines must have in common to be one."""
        return self.variant_id, self.merge_key


@dataclass(frozen=True, slots=True)
class VariantRoom:
    """How much of a variant one cart may have; None is without bound.

    `available` is what is for sale to anybody and what either of the two carts is promised. `price_minor` is
    today's price in the user's currency.
    """

    quantity_max: int | None = None
    available: int | None = None
    is_sellable: bool = True
    price_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Room:
    """How much the user's cart may hold; 0 is no limit, as in the settings."""

    variants: Mapping[uuid.UUID, VariantRoom]
    cart_quantity_max: int = 0
    line_count_max: int = 0


@dataclass(frozen=True, slots=True)
class MergeRules:
    """The shop's rules. `note_chars_max` bounds a note that is put together from two."""

    strategy: Strategy = "sum"
    price: PricePolicy = "user"
    currency: CurrencyPolicy = "refuse"
    note_chars_max: int = 500

    def settled(self, is_user_empty: bool) -> MergeRules:
        """The rules with a strategy that needs no look at the user's cart."""
        if self.strategy != "guest_if_user_empty":
            return self
        return replace(self, strategy="take_guest" if is_user_empty else "keep_user")

    @property
    def guest_wins(self) -> bool:
        """Whose note, metadata and selection count where both have one."""
        return self.strategy in {"take_guest", "guest_quantity"}


@dataclass(frozen=True, slots=True)
class LineOutcome:
    """What becomes of one line: `line` is as it will be in the user's cart, or was in the one it comes from."""

    action: Action
    line: MergeLine
    user_quantity: int
    guest_quantity: int
    quantity: int
    set_aside: int
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class MergePlan:
    """Every line of both carts, once: the user's in their order, then the guest's others."""

    strategy: Strategy
    lines: tuple[LineOutcome, ...] = ()
    is_refused: bool = False

    @property
    def quantity(self) -> int:
        """Units in the user's cart afterwards."""
        return sum(line.quantity for line in self.lines)

    @property
    def set_aside(self) -> int:
        """Units that go to saved for later."""
        return sum(line.set_aside for line in self.lines)


class RoomLeft:
    """What there is still room for, as lines take their share; `base` is what they have before, by identity."""

    def __init__(self, room: Room, base: Mapping[tuple[uuid.UUID, str], int]) -> None:
        self._room = room
        self._of_variant: dict[uuid.UUID, int] = {}
        for (variant_id, _), quantity in base.items():
            self._of_variant[variant_id] = self._of_variant.get(variant_id, 0) + quantity
        self._total = sum(base.values())
        self._lines = sum(quantity > 0 for quantity in base.values())

    def take(self, variant_id: uuid.UUID, has: int, wanted: int) -> tuple[int, Reason | None]:
        """The quantity a line with `has` units may rise to, at most `wanted`, and what stood in the way."""
        quantity, reason = wanted, None
        for maximum, why in self._bounds(variant_id, is_new=has == 0):
            if has + max(0, maximum) < quantity:
                quantity, reason = has + max(0, maximum), why
        self._of_variant[variant_id] = self._of_variant.get(variant_id, 0) + quantity - has
        self._total += quantity - has
        self._lines += has == 0 < quantity
        return quantity, reason

    def _bounds(self, variant_id: uuid.UUID, *, is_new: bool) -> list[tuple[int, Reason]]:
        of = self._room.variants.get(variant_id) or VariantRoom(is_sellable=False)
        used = self._of_variant.get(variant_id, 0)
        bounds: list[tuple[int, Reason]] = []
        if not of.is_sellable:
            bounds.append((0, "unavailable"))
        if is_new and self._room.line_count_max and self._lines >= self._room.line_count_max:
            bounds.append((0, "line_count"))
        if of.quantity_max is not None:
            bounds.append((of.quantity_max - used, "line_quantity"))
        if self._room.cart_quantity_max:
            bounds.append((self._room.cart_quantity_max - self._total, "cart_quantity"))
        if of.available is not None:
            bounds.append((of.available - used, "stock"))
        return bounds


def plan(
    user: Sequence[MergeLine],
    guest: Sequence[MergeLine],
    room: Room,
    rules: MergeRules,
    *,
    is_same_currency: bool = True,
) -> MergePlan:
    """What becomes of every line. The lines of a cart have different identities; both come in their own order.

    A guest's cart in another currency is refused, or its lines are all set aside, as `rules.currency` says.
    """
    if not is_same_currency:
        return _of_another_currency(user, guest, rules)
    rules = rules.settled(not user)
    mine = {line.identity: line for line in user}
    theirs = {line.identity: line for line in guest}
    identities = list(dict.fromkeys([*mine, *theirs]))
    had = {identity: mine[identity].quantity if identity in mine else 0 for identity in identities}
    brought = {identity: theirs[identity].quantity if identity in theirs else 0 for identity in identities}
    wanted = {i: _wanted(rules.strategy, had[i], brought[i]) for i in identities}
    left = RoomLeft(room, {i: min(had[i], wanted[i]) for i in identities})
    outcomes = []
    for i in identities:
        base = min(had[i], wanted[i])
        quantity, limited = left.take(i[0], base, wanted[i]) if wanted[i] > base else (base, None)
        whole = had[i] + brought[i] if rules.strategy == "sum" else max(had[i], brought[i])
        reasons: tuple[Reason, ...] = (*(("strategy",) if whole > wanted[i] else ()), *((limited,) if limited else ()))
        line = _line(mine.get(i), theirs.get(i), room.variants.get(i[0]), rules)
        outcomes.append(
            LineOutcome(
                _action(mine.get(i), line, had[i], quantity),
                replace(line, quantity=quantity or whole),
                had[i],
                brought[i],
                quantity,
                whole - quantity,
                reasons,
            )
        )
    return MergePlan(rules.strategy, tuple(outcomes))


def _wanted(strategy: Strategy, had: int, brought: int) -> int:
    match strategy:
        case "sum":
            return had + brought
        case "maximum":
            return max(had, brought)
        case "guest_quantity":
            return brought or had
        case "take_guest":
            return brought
        case _:
            return had


def _action(mine: MergeLine | None, line: MergeLine, had: int, quantity: int) -> Action:
    if quantity == 0:
        return "remove" if had else "set_aside"
    if mine is None:
        return "insert"
    return "keep" if replace(line, quantity=quantity) == mine else "change"


def _line(mine: MergeLine | None, theirs: MergeLine | None, room: VariantRoom | None, rules: MergeRules) -> MergeLine:
    """One line out of two: its id is the user's where there is one."""
    if mine is None or theirs is None:
        found = mine or theirs
        assert found is not None
        return found
    first, second = (theirs, mine) if rules.guest_wins else (mine, theirs)
    priced = mine if mine.is_price_fixed else _priced(mine, theirs, room, rules)
    return replace(
        at_price_of(mine, priced),
        is_selected=mine.is_selected or theirs.is_selected,
        extra=_extra(first.extra, second.extra, rules.note_chars_max),
    )


def _priced(mine: MergeLine, theirs: MergeLine, room: VariantRoom | None, rules: MergeRules) -> MergeLine:
    """A line at the price that both have together."""
    match rules.price:
        case "guest":
            return theirs
        case "lowest":
            return min(mine, theirs, key=lambda line: line.unit_price_minor)
        case "latest":
            today = None if room is None else room.price_minor
            same = next((line for line in (mine, theirs) if today in {None, line.unit_price_minor}), None)
            # What the shopper is asked where the list asks this, nobody has seen.
            return same or replace(mine, unit_price_minor=today or 0, shelf_minor=None, shown_minor=None)
        case _:
            return mine


def at_price_of(line: MergeLine, other: MergeLine) -> MergeLine:
    """The line at the price of another one, and as that was shown."""
    return replace(
        line,
        unit_price_minor=other.unit_price_minor,
        shelf_minor=other.shelf_minor,
        shown_minor=other.shown_minor,
    )


def _extra(
    first: Mapping[str, Any] | None, second: Mapping[str, Any] | None, note_chars_max: int
) -> Mapping[str, Any] | None:
    """Attributes and customisation are equal in one identity; two notes become one as long as there is room."""
    extra = {**(second or {}), **(first or {})}
    notes = list(dict.fromkeys(side["note"] for side in (first, second) if side and side.get("note")))
    if len(notes) == 2 and len("\n".join(notes)) <= note_chars_max:
        extra["note"] = "\n".join(notes)
    return extra or None


def _of_another_currency(user: Sequence[MergeLine], guest: Sequence[MergeLine], rules: MergeRules) -> MergePlan:
    if rules.currency == "refuse":
        return MergePlan(rules.strategy, is_refused=True)
    kept = [LineOutcome("keep", line, line.quantity, 0, line.quantity, 0) for line in user]
    aside = [LineOutcome("set_aside", line, 0, line.quantity, 0, line.quantity, ("currency",)) for line in guest]
    return MergePlan(rules.strategy, (*kept, *aside))


def merged_metadata(user: Mapping[str, Any], guest: Mapping[str, Any], rules: MergeRules) -> dict[str, Any]:
    """Both carts' keys; where both have one, whose note counts has its value count."""
    return {**user, **guest} if rules.guest_wins else {**guest, **user}


def merged_coupons(user: Sequence[str], guest: Sequence[str]) -> list[str]:
    """The codes of both, each once, the user's first."""
    return list(dict.fromkeys([*user, *guest]))
