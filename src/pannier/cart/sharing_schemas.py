"""Shared carts on the wire."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Literal

import msgspec

from pannier.cart.read_model import LineDiscount, Money, Totals
from pannier.cart.schemas import BULK_MAX, ItemResult, SetItem, WireQuantity

Mode = Literal["read", "collaborate"]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=60, description="Who adds it, for the others to see.")]


class ShareCart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A link to your cart: to look at, or to fill together. Without hours it lasts as the shop has it.

    What you noted on its lines is yours, unless `show_notes` lets those with the link read it.
    """

    mode: Mode = "read"
    show_notes: bool = False
    expires_in_hours: Annotated[float, msgspec.Meta(gt=0, le=8784)] | None = None


class Share(msgspec.Struct, frozen=True):
    """A link. `token` is told once, when it is made; `expires_at` null is never."""

    id: uuid.UUID
    mode: Mode
    show_notes: bool
    created_at: str
    expires_at: str | None
    token: str | None = None


class Shares(msgspec.Struct, frozen=True):
    """The links to your cart that are good."""

    shares: list[Share]


class SharedItem(msgspec.Struct, frozen=True):
    """A line as those with the link see it; `added_by` is null for the owner's own.

    The `note` of the owner's own lines is null, unless the link was made to show it.
    """

    id: uuid.UUID
    variant_id: str
    product_id: str
    name: str
    slug: str
    image: str | None
    options: dict[str, str]
    attributes: dict[str, Any]
    note: str | None
    quantity: int
    unit_price: Money
    total_price: Money
    discounts: list[LineDiscount]
    added_by: str | None


class SharedCart(msgspec.Struct, frozen=True):
    """Somebody's cart, without who that is."""

    mode: Mode
    expires_at: str | None
    version: int
    currency: str
    items: list[SharedItem]
    totals: Totals
    total_items: int
    total_quantity: int


class AddShared(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Add units of a variant to somebody's cart, on a line of your own."""

    variant_id: uuid.UUID
    quantity: WireQuantity = 1
    attributes: dict[str, Any] | None = None
    note: str | None = None
    name: Name = "Guest"


class SetShared(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Set quantities of lines, all or none; 0 removes one."""

    items: Annotated[list[SetItem], msgspec.Meta(min_length=1, max_length=BULK_MAX)]


class CopyAnswer(msgspec.Struct, frozen=True):
    """What became of each line of the shared cart in your own, in its order."""

    results: list[ItemResult]
    total_items: int
    total_quantity: int
