"""Whose wishlists, what is on them, and whom to tell of it."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

NoticeKind = Literal["back_in_stock", "price_drop"]
#: Far beyond what anybody wishes for, and any sum of it is still a plain integer.
QUANTITY_MAX = 1_000_000


@dataclass(frozen=True, slots=True)
class Owner:
    """A customer, or a guest by the token of the cart. Neither is somebody who has no list yet."""

    user_id: str | None = None
    token: str | None = None

    @property
    def is_known(self) -> bool:
        """Whether there is a credential by which this owner can come back."""
        return self.user_id is not None or self.token is not None

    @property
    def token_hash(self) -> bytes | None:
        """What a guest's lists are found by."""
        return None if self.user_id is not None or self.token is None else hashlib.sha256(self.token.encode()).digest()


@dataclass(frozen=True, slots=True)
class By:
    """Who changes something, from where, within which request."""

    actor: str = "guest"
    device: str | None = None
    correlation_id: str | None = None


@dataclass(frozen=True, slots=True)
class Wishlist:
    """A list without its items."""

    id: uuid.UUID
    name: str
    is_default: bool
    version: int
    item_count: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewItem:
    """Something to be put on a list. The switches say whether its owner wants to be told."""

    variant_id: uuid.UUID
    quantity: int = 1
    note: str | None = None
    attributes: Mapping[str, Any] | None = None
    customisation: Mapping[str, Any] | None = None
    wants_stock: bool = False
    wants_price: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemChange:
    """What shall be otherwise with an item; None leaves as it is, an empty note takes it away."""

    quantity: int | None = None
    note: str | None = None
    wants_stock: bool | None = None
    wants_price: bool | None = None
    #: The list it moves to.
    wishlist_id: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class Shelf:
    """A variant as the shop has it now; prices are minor units of `currency`, None where there is none.

    `available` counts units for sale to anybody and is None without bound.
    """

    product_id: str
    sku: str | None
    name: str
    slug: str
    summary: str
    category: str | None
    image: str | None
    options: Mapping[str, str]
    is_sellable: bool
    price_minor: int | None
    compare_at_minor: int | None
    available: int | None
    currency: str

    @property
    def is_for_sale(self) -> bool:
        """Whether it can be bought, as far as the catalogue goes."""
        return self.is_sellable and self.price_minor is not None


@dataclass(frozen=True, slots=True)
class Item:
    """An item of a list, and what it is about."""

    id: uuid.UUID
    wishlist_id: uuid.UUID
    variant_id: uuid.UUID
    merge_key: str
    quantity: int
    extra: Mapping[str, Any]
    position: int
    added_price_minor: int | None
    added_currency: str | None
    stock_wanted_at: datetime | None
    price_wanted_at: datetime | None
    added_at: datetime
    updated_at: datetime
    shelf: Shelf


@dataclass(frozen=True, slots=True)
class Notice:
    """What one customer is to be told of one thing."""

    id: uuid.UUID
    user_id: str
    item_id: uuid.UUID
    variant_id: uuid.UUID
    kind: NoticeKind
    currency: str
    price_before_minor: int | None
    price_minor: int | None
    attempts: int
