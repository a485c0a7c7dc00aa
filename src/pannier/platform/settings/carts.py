"""Carts, links to them, and what becomes of a guest's at login."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pannier.platform.settings.base import SettingsPart

MergeStrategy = Literal["sum", "maximum", "keep_user", "take_guest", "guest_quantity", "guest_if_user_empty"]


class CartSettings(SettingsPart):
    """What a cart may hold and how it behaves."""

    # Carts
    enable_guest_carts: bool = Field(True, description="Whether a shopper without an account may have a cart.")
    cart_session_ttl_days: float = Field(
        30.0, ge=0, description="Days without activity after which a guest cart expires; 0 is never."
    )
    cart_user_ttl_days: float = Field(0.0, ge=0, description="The same for carts of users; 0 is never.")
    cart_max_items: int = Field(100, ge=0, description="Most units in a cart; 0 is no limit.")
    cart_max_quantity_per_item: int = Field(99, ge=0, description="Most units of one product; 0 is no limit.")
    cart_max_lines: int = Field(1000, ge=0, description="Most lines in a cart; 0 is no limit.")
    cart_max_saved_lines: int = Field(1000, ge=0, description="Most lines saved for later; 0 is no limit.")
    cart_expiry_warning_hours: float = Field(
        48.0, ge=0, description="Hours before its expiry that a cart with lines gets its event cart.expiring; 0: none."
    )
    cart_abandoned_after_hours: float = Field(
        24.0,
        ge=0,
        description="Hours without a write after which a cart with lines counts as abandoned; 0: never.",
    )
    cart_price_policy: Literal["latest", "keep"] = Field(
        "latest",
        description="What a line costs: the list's price now, or the one it was added at, for cart_price_keep_minutes.",
    )
    cart_price_keep_minutes: float = Field(
        0.0,
        ge=0,
        description="Minutes that a line keeps its price under keep; 0: as long as it lives.",
    )
    unavailable_line: Literal["priced", "unpriced"] = Field(
        "priced",
        description="A line that is no longer for sale: in the totals at its last price, or left out of them.",
    )
    enable_cart_validation: bool = Field(
        True,
        description="Whether carts are validated and changed prices must be accepted before a checkout; when off, "
        "/cart/validate and /cart/accept-changes answer 404 FEATURE_DISABLED and a checkout asks for the total only.",
    )
    enable_cart_reserve: bool = Field(
        False,
        description="Whether shoppers may have their whole cart held for a while (POST /cart/reserve), at most "
        "PANNIER_HOLD_CAP_S; else FEATURE_DISABLED.",
    )
    cart_cleanup_interval_hours: float = Field(1.0, gt=0, description="Hours between clean-ups of expired carts.")
    cart_cookie_name: str = Field(
        "pannier_cart", pattern=r"^[A-Za-z0-9_-]{1,64}$", description="Name of the cart cookie."
    )
    cart_cookie_secure: bool = Field(False, description="Send the cookie over HTTPS only; set it in production.")
    cart_customisation_max_bytes: int = Field(
        4096, ge=0, description="Largest attributes and customisation of a line, as JSON."
    )
    cart_metadata_max_bytes: int = Field(8192, ge=0, description="Largest metadata of a cart, as JSON; 0 is no limit.")
    cart_note_max_chars: int = Field(500, ge=0, description="Longest note of a line.")

    # Sharing
    cart_share_ttl_days: float = Field(
        30.0, ge=0, description="Days that a link to a shared cart is good unless it says otherwise; 0 is for ever."
    )
    cart_share_max: int = Field(20, ge=1, le=1000, description="Most links of one cart that are good at a time.")

    # Merging at login
    enable_cart_merge: bool = Field(
        True,
        description="Whether a guest's cart becomes part of the user's at login; else it stays the guest's, and the "
        "routes of merging answer CART_MERGE_DISABLED.",
    )
    cart_merge: MergeStrategy = Field(
        "sum",
        description="What becomes of equal lines: sum, maximum, keep_user, take_guest, guest_quantity; "
        "guest_if_user_empty takes the guest's lines only when the user has none. What does not come into the cart is "
        "saved for later.",
    )
    cart_merge_price: Literal["user", "guest", "lowest", "latest"] = Field(
        "user", description="Which of two prices at which equal lines were added is kept, to tell a change of price by."
    )
    cart_merge_currency: Literal["refuse", "set_aside"] = Field(
        "refuse", description="A guest's cart in another currency: refuse to merge it, or save its lines for later."
    )
    cart_merge_undo_hours: float = Field(24.0, ge=0, description="Hours in which a merge can be undone; 0 is never.")

    # Wishlists
    wishlist_login: Literal["required", "optional"] = Field(
        "required",
        description="Whether wishlists are for customers only, or for guests too: a guest's become the customer's at "
        "login. Notices of stock and prices go to customers only.",
    )
    wishlist_max: int = Field(20, ge=1, le=1000, description="Most wishlists of one owner.")
    wishlist_max_items: int = Field(200, ge=1, le=1000, description="Most items on a wishlist.")
    wishlist_share_max: int = Field(
        20, ge=1, le=1000, description="Most links to one wishlist that are good at a time."
    )
