"""Carts as the functions of sql/rewrite.sql show them, and as the rules of merging want them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from pannier.cart.merging import MergeLine, Room, VariantRoom
from pannier.platform.settings import Settings


class LineRow(msgspec.Struct, frozen=True):
    """A row of `cart_line` or `saved_line`, without its cart; `reason` is a saved one's."""

    id: uuid.UUID
    variant_id: uuid.UUID
    quantity: int
    merge_key: str = ""
    extra: dict[str, Any] | None = None
    unit_price_minor: int = 0
    is_price_fixed: bool = False
    is_selected: bool = True
    added_at: str | None = None
    reason: str = "shopper"
    shelf_minor: int | None = None
    shown_minor: int | None = None

    @property
    def line(self) -> MergeLine:
        """What the rules see of it."""
        return MergeLine(
            id=self.id,
            variant_id=self.variant_id,
            merge_key=self.merge_key,
            quantity=self.quantity,
            unit_price_minor=self.unit_price_minor,
            is_price_fixed=self.is_price_fixed,
            is_selected=self.is_selected,
            extra=self.extra,
            shelf_minor=self.shelf_minor,
            shown_minor=self.shown_minor,
        )

    @property
    def identity(self) -> tuple[uuid.UUID, str]:
        """What two lines must have in common to be one."""
        return self.variant_id, self.merge_key


class Side(msgspec.Struct, frozen=True):
    """One cart, under its lock or at a moment."""

    id: uuid.UUID
    version: int
    status: str
    currency: str
    channel: str
    metadata: dict[str, Any]
    coupons: list[str]
    lines: list[LineRow]
    saved: list[LineRow]

    @property
    def rules_lines(self) -> list[MergeLine]:
        """Its lines, in their order, as the rules see them."""
        return [row.line for row in self.lines]

    @property
    def variants(self) -> set[uuid.UUID]:
        """All variants on its lines and among the saved ones."""
        return {row.variant_id for row in (*self.lines, *self.saved)}


class RoomRow(msgspec.Struct, frozen=True):
    """What `cart_room` says of a variant."""

    id: uuid.UUID
    quantity_max: int | None
    available: int | None
    is_sellable: bool
    price_minor: int | None


def room_of(rows: Sequence[RoomRow], settings: Settings) -> Room:
    """How much a cart may hold, by the shop's settings and each variant's own bound."""
    most = settings.cart_max_quantity_per_item or None
    return Room(
        {
            row.id: VariantRoom(
                min((bound for bound in (most, row.quantity_max) if bound is not None), default=None),
                row.available,
                row.is_sellable,
                row.price_minor,
            )
            for row in rows
        },
        settings.cart_max_items,
        settings.cart_max_lines,
    )


def line_values(line: MergeLine, quantity: int, *, added_at: str | None = None) -> dict[str, Any]:
    """A line as `cart_put_lines` and `cart_put_saved` take it; without a time it is new."""
    values: dict[str, Any] = {
        "id": line.id,
        "variant_id": line.variant_id,
        "merge_key": line.merge_key,
        "quantity": quantity,
        "extra": line.extra,
        "unit_price_minor": line.unit_price_minor,
        "is_price_fixed": line.is_price_fixed,
        "is_selected": line.is_selected,
        "shelf_minor": line.shelf_minor,
        "shown_minor": line.shown_minor,
    }
    return values if added_at is None else {**values, "added_at": added_at}


def tell(event: str, who: Mapping[str, Any], variants: Sequence[uuid.UUID], op_id: uuid.UUID, **data: Any) -> Any:
    """What `cart_rewrite_commit` and `cart_end` make an event of."""
    return {"op_id": op_id, "event": event, "variants": list(variants), "data": data, **who}
