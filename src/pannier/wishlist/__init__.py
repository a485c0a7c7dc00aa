"""Wishlists: what somebody would like to have one day, and telling when it is there or costs less."""

from pannier.wishlist.api import refusals as wishlist_refusals
from pannier.wishlist.api import router
from pannier.wishlist.basis import Open
from pannier.wishlist.errors import (
    WishlistItemNotFoundError,
    WishlistLimitError,
    WishlistNotFoundError,
    WishlistShareNotFoundError,
)
from pannier.wishlist.exchange import Asker, Writer, asker_of, list_of, request_key, told
from pannier.wishlist.models import By, Item, ItemChange, NewItem, Owner, Wishlist
from pannier.wishlist.noticing import NoticeService
from pannier.wishlist.owners import adopt, export, forget
from pannier.wishlist.ports import GuestTokens
from pannier.wishlist.repository import Place, change_item, delete_items
from pannier.wishlist.rules import dropped_minor, flags, status
from pannier.wishlist.schemas import Identities, Identity, ListId, Quantity, WishlistDocument
from pannier.wishlist.service import WishlistService
from pannier.wishlist.sharing_api import sharing_router
from pannier.wishlist.sharing_service import WishlistSharing
from pannier.wishlist.view import kept

__all__ = [
    "Asker",
    "By",
    "GuestTokens",
    "Identities",
    "Identity",
    "Item",
    "ItemChange",
    "ListId",
    "NewItem",
    "NoticeService",
    "Open",
    "Owner",
    "Place",
    "Quantity",
    "Wishlist",
    "WishlistDocument",
    "WishlistItemNotFoundError",
    "WishlistLimitError",
    "WishlistNotFoundError",
    "WishlistService",
    "WishlistShareNotFoundError",
    "WishlistSharing",
    "Writer",
    "adopt",
    "asker_of",
    "change_item",
    "delete_items",
    "dropped_minor",
    "export",
    "flags",
    "forget",
    "kept",
    "list_of",
    "request_key",
    "router",
    "sharing_router",
    "status",
    "told",
    "wishlist_refusals",
]
