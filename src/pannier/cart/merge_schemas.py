"""What may be asked of a merge over HTTP, and what it answers."""

from __future__ import annotations

import uuid
from typing import Annotated, Literal

import msgspec

from pannier.cart.merging import Action, Reason, Strategy
from pannier.cart.read_model import Cart

CartToken = Annotated[str, msgspec.Meta(pattern=r"^ct_[A-Za-z0-9_-]{43}$", description="A guest's cart token.")]


class MergeCart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which guest's cart, where the request's cookie does not say it, and by which rule instead of the shop's."""

    cart_token: CartToken | None = None
    strategy: Strategy | None = None


class UndoMerge(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which merge; the newest one when it is left out."""

    merge_id: uuid.UUID | None = None


class MergedItem(msgspec.Struct, frozen=True):
    """What became of one line: `quantity` is in the cart now, `set_aside` of it is saved for later, and why."""

    action: Action
    variant_id: uuid.UUID
    item_id: uuid.UUID | None
    user_quantity: int
    guest_quantity: int
    quantity: int
    set_aside: int
    reasons: list[Reason]


class MergeAnswer(msgspec.Struct, frozen=True):
    """`nothing`: there was no guest's cart. A preview has no `merge_id`, and the cart as it is."""

    status: Literal["merged", "nothing", "preview"]
    merge_id: uuid.UUID | None
    strategy: Strategy
    items: list[MergedItem]
    undo_until: str | None
    cart: Cart


class UndoneItem(msgspec.Struct, frozen=True):
    """A line that could not be put back whole: into whose cart, and how many units are missing."""

    of: Literal["user", "guest"]
    variant_id: uuid.UUID
    missing: int
    reason: Reason


class UndoAnswer(msgspec.Struct, frozen=True):
    """Both carts after a merge was undone. `cart_token` is the guest's new one, told once: a replay has null."""

    merge_id: uuid.UUID
    cart: Cart
    guest_cart: Cart
    cart_token: str | None
    not_restored: list[UndoneItem]
