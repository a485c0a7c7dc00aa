"""The history of a cart on the wire."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

import msgspec

from pannier.cart.merging import Reason
from pannier.cart.read_model import Cart, Money

Version = Annotated[int, msgspec.Meta(ge=0, le=10**18, description="A version of the cart.")]


class PastLine(msgspec.Struct, frozen=True):
    """A line as it was. `added_price` is that of one unit when it was added."""

    id: uuid.UUID
    variant_id: uuid.UUID
    sku: str | None
    name: str | None
    quantity: int
    added_price: Money
    attributes: dict[str, Any]
    note: str | None
    customisation: dict[str, Any]
    selected: bool
    added_at: str | None


class LineChange(msgspec.Struct, frozen=True):
    """One line before and after; null is not there. `is_saved`: among those saved for later."""

    item_id: uuid.UUID
    is_saved: bool
    before: PastLine | None
    after: PastLine | None


class HistoryEvent(msgspec.Struct, frozen=True):
    """What made a version: who did it, from which device, when, and what it changed."""

    version: int
    type: str
    at: str
    actor: str
    device: str | None
    request_id: str | None
    changes: list[LineChange]


class HistoryPage(msgspec.Struct, frozen=True):
    """Events, newest first; the cursor is null at their beginning."""

    cart_id: uuid.UUID
    events: list[HistoryEvent]
    next_cursor: str | None


class PastCart(msgspec.Struct, frozen=True):
    """A cart as it was at a version."""

    cart_id: uuid.UUID
    version: int
    status: str
    currency: str
    items: list[PastLine]
    saved_items: list[PastLine]
    metadata: dict[str, Any]
    coupons: list[str]


class RestoreCart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which version the cart is to be like again."""

    version: Version


class NotRestored(msgspec.Struct, frozen=True):
    """Units that could not be had again; they are saved for later."""

    variant_id: uuid.UUID
    missing: int
    reason: Reason


class RestoreAnswer(msgspec.Struct, frozen=True):
    """The cart as it is now, at a version of its own."""

    restored_version: int
    not_restored: list[NotRestored]
    cart: Cart
