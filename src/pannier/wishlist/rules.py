"""What the shop believes of wishlists: names, what makes two items one, what a guest's become at login."""

from __future__ import annotations

import hashlib
import json
import unicodedata
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pannier.wishlist.models import Item, NewItem, Shelf, Wishlist

#: The list that is made by the first thing somebody wishes for.
DEFAULT_NAME = "Wishlist"
NAME_CHARS_MAX = 100


def name_key(name: str) -> str:
    """What two names must have in common to be the same: not capitals, nor how blanks and accents are written."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def extra_of(new: NewItem) -> dict[str, Any]:
    """What an item carries beside its quantity, without what is empty."""
    told = {"attributes": new.attributes, "note": new.note, "customisation": new.customisation}
    return {key: value for key, value in told.items() if value}


def merge_key(extra: Mapping[str, Any]) -> str:
    """What two items of one variant must have in common to be one; empty for a plain one, whatever its note says."""
    parts = [extra.get("attributes"), extra.get("customisation")]
    if not any(parts):
        return ""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def dropped_minor(item: Item) -> int:
    """How much less one unit costs than when it was added; 0 where it does not, or cannot be compared."""
    shelf = item.shelf
    if item.added_price_minor is None or shelf.price_minor is None or item.added_currency != shelf.currency:
        return 0
    return max(0, item.added_price_minor - shelf.price_minor)


def flags(item: Item) -> list[str]:
    """What is to be known of an item before it goes into the cart."""
    shelf = item.shelf
    if not shelf.is_for_sale:
        return ["unavailable"]
    found = ["price_dropped"] if dropped_minor(item) else []
    if shelf.available == 0:
        return [*found, "out_of_stock"]
    if shelf.available is not None and shelf.available < item.quantity:
        found.append("insufficient_stock")
    return found


def status(shelf: Shelf) -> str:
    """in_stock, out_of_stock or unavailable."""
    if not shelf.is_for_sale:
        return "unavailable"
    return "out_of_stock" if shelf.available == 0 else "in_stock"


@dataclass(frozen=True, slots=True)
class ItemMerge:
    """What becomes of a guest's item: `into` is an equal one that is there, which then has these values."""

    item_id: uuid.UUID
    wishlist_id: uuid.UUID
    position: int
    into: uuid.UUID | None = None
    quantity: int = 1
    extra: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ListMerge:
    """What becomes of a guest's list: it is the customer's from then on, or its items go to `into`."""

    source: Wishlist
    into: Wishlist | None
    items: tuple[ItemMerge, ...] = ()


def plan_merge(
    mine: Sequence[Wishlist], theirs: Sequence[Wishlist], items: Mapping[uuid.UUID, Sequence[Item]], lists_max: int
) -> list[ListMerge]:
    """What becomes of a guest's lists when they join a customer's. Nothing is lost and nothing is there twice.

    The default list goes into the default list, others into the one of the same name, else they stay lists of their
    own; those beyond `lists_max` go into the default list. Equal items are one, of the larger quantity, with the
    customer's own note where there is one. Limits of items are for who adds, not for what somebody has already.
    """
    by_name = {name_key(found.name): found for found in mine}
    default = next((found for found in mine if found.is_default), None)
    count, there, plan = len(mine), {key: list(found) for key, found in items.items()}, list[ListMerge]()
    for source in sorted(theirs, key=lambda found: (not found.is_default, found.created_at, found.id)):
        into = default if source.is_default and default is not None else by_name.get(name_key(source.name))
        if into is None and count >= lists_max:
            into = default
        if into is None:
            kept = replace(source, is_default=default is None)
            by_name[name_key(source.name)], default = kept, default or kept
            count += 1
            plan.append(ListMerge(source, None))
            continue
        plan.append(ListMerge(source, into, tuple(_joined(into, there, items.get(source.id, ())))))
    return plan


def _joined(into: Wishlist, there: dict[uuid.UUID, list[Item]], moved: Sequence[Item]) -> list[ItemMerge]:
    present = there.setdefault(into.id, [])
    joined = []
    for item in moved:
        position = max((found.position for found in present), default=0) + 1
        equal = next((f for f in present if (f.variant_id, f.merge_key) == (item.variant_id, item.merge_key)), None)
        if equal is None:
            present.append(replace(item, wishlist_id=into.id, position=position))
            joined.append(ItemMerge(item.id, into.id, position))
        else:
            merged = replace(
                equal, quantity=max(equal.quantity, item.quantity), extra={**dict(item.extra), **dict(equal.extra)}
            )
            present[present.index(equal)] = merged
            joined.append(ItemMerge(item.id, into.id, equal.position, equal.id, merged.quantity, merged.extra))
    return joined


def ordered(present: Sequence[uuid.UUID], wanted: Sequence[uuid.UUID]) -> list[uuid.UUID]:
    """The items in the wanted order; those that it does not name come behind, as they were."""
    named = [item for item in dict.fromkeys(wanted) if item in set(present)]
    return [*named, *(item for item in present if item not in set(named))]


def as_text(moment: datetime) -> str:
    """A moment as every answer writes it."""
    return moment.isoformat().replace("+00:00", "Z")
