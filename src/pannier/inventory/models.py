"""Stock as values. Quantities are units of a variant; times are aware and in UTC."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

#: The one location a shop starts with.
DEFAULT_LOCATION = uuid.UUID("00000000-0000-7000-8000-000000000001")
#: More units than any shop has, and far from where sums of them would overflow.
UNITS_MAX = 1_000_000_000_000


@dataclass(frozen=True, slots=True)
class Cause:
    """Why figures move: who did it, from where, within which request, for whom, and in whose words."""

    actor: str
    reason: str = ""
    device: str | None = None
    correlation_id: str | None = None
    reference_kind: str | None = None
    reference_id: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class LevelRow:
    """What an import says of one variant. `backorder_max` None is without bound."""

    variant_id: uuid.UUID
    on_hand: int
    is_tracked: bool = True
    backorder_max: int | None = 0


@dataclass(frozen=True, slots=True)
class RefusedLevel:
    """A row whose figure would have fallen below what is promised; the figures are the ones that stand."""

    variant_id: uuid.UUID
    on_hand: int
    held: int


@dataclass(frozen=True, slots=True)
class LevelsSet:
    """What came of setting levels: rows made, rows changed, rows refused. The others were right already."""

    made: int
    changed: int
    refused: Sequence[RefusedLevel]


@dataclass(frozen=True, slots=True)
class StockLevel:
    """The figures of one variant at one location.

    `held_expired` is the part of `held` that has run out and is for sale again, whoever gets to book it.
    `available` None is without bound: not counted, or sold beyond the stock without bound.
    """

    variant_id: uuid.UUID
    location_id: uuid.UUID
    is_tracked: bool
    on_hand: int
    held: int
    held_expired: int
    available: int | None
    backorder_max: int | None
    safety_quantity: int
    version: int


@dataclass(frozen=True, slots=True)
class HeldFor:
    """To whom units are promised now: orders, carts with their checkouts, other systems. Dead holds are nobody's."""

    for_orders: int = 0
    for_carts: int = 0
    for_others: int = 0

    @property
    def for_good(self) -> int:
        """Units that are promised until somebody ends it: those of orders and of other systems."""
        return self.for_orders + self.for_others


@dataclass(frozen=True, slots=True)
class Location:
    """A place where stock lies. What lies at one that is not active is not for sale."""

    code: str
    name: str
    is_active: bool = True


@dataclass(frozen=True, slots=True)
class Place:
    """Units of a variant at a location."""

    variant_id: uuid.UUID
    location: str
    units: int


@dataclass(frozen=True, slots=True)
class Movement:
    """One row of the ledger; `version` counts them per variant and location."""

    version: int
    kind: str
    quantity: int
    on_hand_before: int
    on_hand_after: int
    held_before: int
    held_after: int
    reason: str
    actor: str
    device: str | None
    correlation_id: str | None
    reference_kind: str | None
    reference_id: uuid.UUID | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Wanted:
    """Units of a variant that somebody asks for."""

    variant_id: uuid.UUID
    quantity: int


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether the units asked for could be had now. `available` None is without bound."""

    variant_id: uuid.UUID
    requested: int
    available: int | None
    is_available: bool
    is_known: bool = True


@dataclass(frozen=True, slots=True)
class Reservation:
    """Units promised to an outside system. `status` is held, committed or released; only held ones expire."""

    id: uuid.UUID
    status: str
    expires_at: datetime | None
    reference: str | None
    items: Sequence[Wanted]


@dataclass(frozen=True, slots=True)
class StockSettings:
    """How a variant is counted. Fields left as None stay as they are; `backorder` is there when it is to change."""

    is_tracked: bool | None = None
    safety_quantity: int | None = None
    backorder: BackorderBound | None = None
    #: Instead of the two above: units never sold; less than nothing is how far sales may run ahead of the stock.
    threshold: int | None = None

    def as_changes(self) -> Mapping[str, Any]:
        """The fields that are to change."""
        changes: dict[str, Any] = {}
        if self.is_tracked is not None:
            changes["is_tracked"] = self.is_tracked
        if self.safety_quantity is not None:
            changes["safety_quantity"] = self.safety_quantity
        if self.backorder is not None:
            changes["backorder_max"] = self.backorder.units_max
        if self.threshold is not None:
            changes["safety_quantity"] = max(0, self.threshold)
            changes["backorder_max"] = max(0, -self.threshold)
        return changes


@dataclass(frozen=True, slots=True)
class BackorderBound:
    """How far sales may run ahead of what is on hand; None is without bound."""

    units_max: int | None


@dataclass(frozen=True, slots=True)
class SweepResult:
    """Holds let go and reservations cleared away. `was_alone` is false when another process was at it."""

    holds: int
    reservations: int
    was_alone: bool = True
