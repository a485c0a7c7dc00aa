"""Stock on the wire."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from pannier.inventory.models import UNITS_MAX
from pannier.inventory.rules import ITEMS_MAX

# Told here and judged by the service, whose INVALID_STOCK_QUANTITY says more.
Units = Annotated[
    int,
    Field(
        strict=True,
        description="Units of the variant.",
        json_schema_extra={"minimum": 1, "maximum": UNITS_MAX},
    ),
]
Difference = Annotated[
    int,
    Field(
        strict=True,
        description="Units of the variant, more or fewer.",
        json_schema_extra={"minimum": -UNITS_MAX, "maximum": UNITS_MAX, "not": {"const": 0}},
    ),
]
Counted = Annotated[
    int,
    Field(
        strict=True,
        description="Units of the variant; below nothing as far as may be ordered back.",
        json_schema_extra={"minimum": -UNITS_MAX, "maximum": UNITS_MAX},
    ),
]
Truth = Annotated[
    bool,
    Field(
        strict=True,
        description="Take the figure although carts are promised more (of a variant that may be ordered back: although "
        "anybody is); nothing is for sale then until there is enough again.",
    ),
]
Reason = Annotated[str, Field(max_length=500, description="Why, in your words; it is kept with the movement.")]
Ttl = Annotated[
    float, Field(strict=True, gt=0, le=31_536_000, description="Seconds; at most PANNIER_HOLD_CAP_S counts.")
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ItemWanted(_Strict):
    """Units of one variant."""

    variant_id: uuid.UUID
    quantity: Units = 1


Items = Annotated[list[ItemWanted], Field(min_length=1, max_length=ITEMS_MAX)]


class CheckRequest(_Strict):
    """What somebody would like to have; the same variant twice is added up."""

    items: Items


class ItemAvailability(_Strict):
    """`available` null is without bound: not counted, or sold beyond the stock."""

    variant_id: uuid.UUID
    requested: int
    available: int | None
    is_available: bool
    status: Literal["available", "insufficient", "not_found"]


class CheckAnswer(_Strict):
    """By variant id; `is_available` when every item is."""

    is_available: bool
    items: list[ItemAvailability]


class ReserveRequest(_Strict):
    """All of the items or none. With an `id` of your own the request may be sent again."""

    items: Items
    id: uuid.UUID | None = None
    ttl_s: Ttl | None = None
    reference: Annotated[str, Field(max_length=200)] | None = None


class ExtendRequest(_Strict):
    """Let it live `ttl_s` from now; never shorter than it was promised."""

    id: uuid.UUID
    ttl_s: Ttl | None = None


class SettleRequest(_Strict):
    """Which reservation."""

    id: uuid.UUID


class ReservationItem(_Strict):
    """Units of one variant that are promised."""

    variant_id: uuid.UUID
    quantity: int


class ReservationAnswer(_Strict):
    """`expires_at` is null once it is committed or released."""

    id: uuid.UUID
    status: Literal["held", "committed", "released"]
    expires_at: datetime | None
    reference: str | None
    items: list[ReservationItem]


class Receive(_Strict):
    """Units that came in; the first receipt makes the variant counted."""

    action: Literal["receive"]
    quantity: Units
    reason: Reason = ""


class Adjust(_Strict):
    """A difference that was found, plus or minus. `allow_negative` lets it take away more than is there."""

    action: Literal["adjust"]
    quantity: Difference
    allow_negative: Annotated[bool, Field(strict=True)] = False
    reason: Reason = ""


class Count(_Strict):
    """What was counted; the difference is booked."""

    action: Literal["count"]
    on_hand: Counted
    is_truth: Truth = False
    reason: Reason = ""


class Configure(_Strict):
    """How the variant is counted; what is left out stays. `backorder_max` null is without bound.

    `threshold` is the two others in one: units never sold, or, below nothing, how far sales may run ahead.
    """

    action: Literal["configure"]
    is_tracked: Annotated[bool, Field(strict=True)] | None = None
    backorder_max: Annotated[int, Field(strict=True, ge=0, le=1_000_000_000_000)] | None = None
    safety_quantity: Annotated[int, Field(strict=True, ge=0, le=1_000_000_000_000)] | None = None
    threshold: Annotated[int, Field(strict=True, ge=-UNITS_MAX, le=UNITS_MAX)] | None = None
    is_truth: Truth = False
    reason: Reason = ""


StockAction = Annotated[Receive | Adjust | Count | Configure, Field(discriminator="action")]


class LevelAnswer(_Strict):
    """`held_expired` is the part of `held` that ran out and is for sale; `available` null is without bound."""

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


class MovementAnswer(_Strict):
    """One row of the ledger."""

    version: int
    kind: Literal["receive", "return", "adjust", "hold", "extend", "release", "expire", "commit"]
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


class HeldForAnswer(_Strict):
    """To whom units are promised now: orders, carts with their checkouts, other systems."""

    for_orders: int
    for_carts: int
    for_others: int


class StockAnswer(_Strict):
    """A variant's figures and a page of its ledger, the newest first."""

    level: LevelAnswer
    held_for: HeldForAnswer
    movements: list[MovementAnswer]
    next_cursor: str | None
