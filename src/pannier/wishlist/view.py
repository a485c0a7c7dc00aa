"""Wishlists on the wire: plain values, ready for JSON. wishlist/schemas.py describes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pannier.wishlist import rules
from pannier.wishlist.models import Item, Wishlist


def show_list(found: Wishlist) -> dict[str, Any]:
    """A list without its items."""
    return {
        "id": found.id,
        "name": found.name,
        "is_default": found.is_default,
        "version": found.version,
        "item_count": found.item_count,
        "created_at": rules.as_text(found.created_at),
        "updated_at": rules.as_text(found.updated_at),
    }


def show(found: Wishlist, items: Sequence[Item]) -> dict[str, Any]:
    """A list with its items, as its owner sees it."""
    return {**show_list(found), "items": [show_item(item) for item in items]}


def show_item(item: Item) -> dict[str, Any]:
    """An item as its owner sees it."""
    shown = show_public_item(item)
    added = _money(item.added_price_minor, item.added_currency)
    dropped = rules.dropped_minor(item)
    return shown | {
        "note": item.extra.get("note"),
        "customisation": item.extra.get("customisation", {}),
        "added_price": added,
        "price_drop": _money(dropped, item.shelf.currency) if dropped else None,
        "notify": {
            "back_in_stock": item.stock_wanted_at is not None,
            "price_drop": item.price_wanted_at is not None,
        },
        "position": item.position,
        "added_at": rules.as_text(item.added_at),
        "updated_at": rules.as_text(item.updated_at),
        "availability": {**shown["availability"], "flags": rules.flags(item)},
    }


def show_public(found: Wishlist, items: Sequence[Item]) -> dict[str, Any]:
    """A list as everybody with its link sees it: what is on it, and nothing of whose it is or what was noted."""
    return {"name": found.name, "version": found.version, "items": [show_public_item(item) for item in items]}


def show_public_item(item: Item) -> dict[str, Any]:
    """An item without what is its owner's own affair."""
    shelf = item.shelf
    return {
        "id": item.id,
        "variant_id": item.variant_id,
        "product_id": shelf.product_id,
        "sku": shelf.sku,
        "name": shelf.name,
        "slug": shelf.slug,
        "description": shelf.summary,
        "category": shelf.category,
        "image": shelf.image,
        "options": dict(shelf.options),
        "attributes": item.extra.get("attributes", {}),
        "quantity": item.quantity,
        "price": _money(shelf.price_minor, shelf.currency),
        "compare_at_price": _money(shelf.compare_at_minor, shelf.currency),
        "availability": {
            "status": rules.status(shelf),
            "available": shelf.available,
            "flags": [flag for flag in rules.flags(item) if flag != "price_dropped"],
        },
    }


def kept(item: Item) -> dict[str, Any]:
    """What the event of its removal keeps of an item, so that it can be put back."""
    return {
        "variant_id": item.variant_id,
        "quantity": item.quantity,
        "extra": dict(item.extra),
        "position": item.position,
        "added_price_minor": item.added_price_minor,
        "added_currency": item.added_currency,
        "wants_stock": item.stock_wanted_at is not None,
        "wants_price": item.price_wanted_at is not None,
        "added_at": rules.as_text(item.added_at),
    }


def _money(amount: int | None, currency: str | None) -> dict[str, Any] | None:
    return None if amount is None else {"amount": amount, "currency": currency}
