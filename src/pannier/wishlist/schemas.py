"""Wishlists on the wire: what may be asked, checked here, and what is answered, made by `view`."""

from __future__ import annotations

import json
import uuid
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Path
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from pannier.platform.fields import Request, Text, printable
from pannier.wishlist.models import QUANTITY_MAX
from pannier.wishlist.rules import NAME_CHARS_MAX

_LINE_PATTERN = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
ListName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=NAME_CHARS_MAX),
    Field(json_schema_extra={"pattern": _LINE_PATTERN}),
    AfterValidator(printable),
]
Identity = Annotated[uuid.UUID, Field(strict=False)]
Identities = Annotated[list[Identity], Field(max_length=1000)]
Quantity = Annotated[int, Field(ge=1, le=QUANTITY_MAX, description="Units.")]
#: In a path: the id of one of one's own lists, or `default` for the one that hearts fill.
ListId = Annotated[
    str, Path(pattern="^(default|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$", examples=["default"])
]


def _storable(value: dict[str, Any]) -> dict[str, Any]:
    try:
        encoded = json.dumps(value, allow_nan=False)
    except ValueError:
        raise ValueError("must not contain a number that is none") from None
    if "\\u0000" in encoded:
        raise ValueError("must not contain NUL")
    return value


Data = Annotated[dict[str, Any], AfterValidator(_storable)]


class CreateWishlist(Request):
    """A new list; the first one is the default, whatever this says."""

    name: ListName
    is_default: bool = False


class ChangeWishlist(Request):
    """What shall be otherwise with a list; `is_default` false says nothing: make another one the default."""

    name: ListName | None = None
    is_default: bool = False


class Notify(Request):
    """Whether its owner wants a mail when it is there again, or costs less. What is left out stays as it is."""

    back_in_stock: bool | None = None
    price_drop: bool | None = None


class AddWish(Request):
    """Something to be put on a list. What is there already takes the larger quantity."""

    variant_id: Identity
    quantity: Quantity = 1
    note: Text | None = None
    attributes: Data | None = None
    customisation: Data | None = None
    notify: Notify | None = None


class ChangeWish(Request):
    """What shall be otherwise with an item; an empty note takes it away, `wishlist_id` moves it to another list."""

    quantity: Quantity | None = None
    note: Text | None = None
    notify: Notify | None = None
    wishlist_id: Identity | None = None


class OrderWishes(Request):
    """Items in the order they shall have; those that are not named come behind."""

    item_ids: Identities


class ToggleWish(Request):
    """A heart: `on` says what it shall be, so that two devices agree; without it, the other of what it is."""

    variant_id: Identity
    on: bool | None = None
    wishlist_id: Identity | None = Field(None, description="On this list; else the default one, and off every list.")


class UndoWish(Request):
    """Put back what the change to this version of the list took off."""

    version: Annotated[int, Field(ge=1, le=2**53)]


class MergeWishlists(Request):
    """Whose lists become yours: the guest's with this cart token, or the one of this browser's cookie."""

    cart_token: Annotated[str, Field(pattern=r"^ct_[A-Za-z0-9_-]{43}$")] | None = None


class CopyWishes(Request):
    """Which of a shared list's items, and onto which of yours; all of them onto the default one."""

    item_ids: Identities | None = None
    wishlist_id: Identity | None = None


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


class WishMoney(_Closed):
    """An amount in minor units: 1599 of USD is 15.99."""

    amount: int
    currency: str


class WishAvailability(_Closed):
    """Live stock; `available` null is without bound.

    Flags: `price_dropped`, `out_of_stock`, `insufficient_stock`, `unavailable`.
    """

    status: Literal["in_stock", "out_of_stock", "unavailable"]
    available: int | None
    flags: list[str]


class SharedWish(_Closed):
    """An item as everybody with the link sees it, with live price and stock."""

    id: uuid.UUID
    variant_id: uuid.UUID
    product_id: uuid.UUID
    sku: str | None
    name: str
    slug: str
    description: str
    category: str | None
    image: str | None
    options: dict[str, str]
    attributes: dict[str, Any]
    quantity: int
    price: WishMoney | None
    compare_at_price: WishMoney | None
    availability: WishAvailability


class WishNotify(_Closed):
    """Of what its owner wants to be told."""

    back_in_stock: bool
    price_drop: bool


class Wish(SharedWish):
    """An item of a list. `price_drop` is how much less it costs than when it was added; null where it does not."""

    note: str | None
    customisation: dict[str, Any]
    added_price: WishMoney | None
    price_drop: WishMoney | None
    notify: WishNotify
    position: int
    added_at: datetime
    updated_at: datetime


class WishlistSummary(_Closed):
    """A list without its items."""

    id: uuid.UUID
    name: str
    is_default: bool
    version: int
    item_count: int
    created_at: datetime
    updated_at: datetime


class WishlistDocument(WishlistSummary):
    """A list, its items in their order with live price and stock."""

    items: list[Wish]


class WishlistPage(_Closed):
    """Your lists, the default one first."""

    wishlists: list[WishlistSummary]


class SharedWishlist(_Closed):
    """Somebody's list, without who that is."""

    name: str
    version: int
    items: list[SharedWish]


class WishRemoval(_Closed):
    """A change that took something off a list: what its undo names."""

    wishlist_id: uuid.UUID
    version: int


class Toggled(_Closed):
    """Whether the variant is on a list now; `undo` has what took it off."""

    variant_id: uuid.UUID
    on_list: bool
    undo: list[WishRemoval]


class Marks(_Closed):
    """Which of the variants that were asked for are on a list of yours."""

    variant_ids: list[uuid.UUID]


class WishlistShare(_Closed):
    """A link. `token` is told once, when it is made."""

    id: uuid.UUID
    created_at: datetime
    token: str | None


class WishlistShares(_Closed):
    """The links to a list that are good."""

    shares: list[WishlistShare]


class MergedWishlists(_Closed):
    """How many lists of the guest's there were, and yours afterwards."""

    merged: int
    wishlists: list[WishlistSummary]
