"""What `cart_documents` and `cart_apply` return: JSON arrays, read by position.

The order of fields here is the order of the columns in sql/document.sql; the arrays stand in idempotency records
for a day, so a new column goes to the end and gets a default.
"""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any, Literal

import msgspec


class Display(msgspec.Struct, array_like=True, frozen=True):
    """What a line shows of its variant; made by `catalog_refresh_display`."""

    product_id: str
    sku: str | None
    name: str
    slug: str
    summary: str
    category: str | None
    image: str | None
    options: list[tuple[str, str]]
    tax_category: str
    requires_shipping: bool
    #: Slugs of its categories and of those above them.
    categories: list[str] = []
    weight_g: int = 0
    shipping_category: str | None = None
    floor_minor: int = 0

    def kept(self) -> dict[str, Any]:
        """What an order keeps of how its line is shown, beside the columns that it has of its own."""
        return {
            "slug": self.slug,
            "summary": self.summary,
            "category": self.category,
            "image": self.image,
            "options": dict(self.options),
            "tax_category": self.tax_category,
            "requires_shipping": self.requires_shipping,
        }


class LineDocument(msgspec.Struct, array_like=True, frozen=True):
    """One line: amounts in minor units; `price` is the list's `(amount, compare_at)` now, or null."""

    id: uuid.UUID
    variant_id: str
    quantity: int
    added_price_minor: int
    is_price_fixed: bool
    is_selected: bool
    added_at: str
    updated_at: str
    extra: dict[str, Any] | None
    display: Display
    is_sellable: bool
    price: tuple[int | None, int | None] | None
    available: int | None
    is_tracked: bool

    # The amounts stand at the end of those lines that have them, for a document is read by position.
    @property
    def shelf_minor(self) -> int | None:
        """What a unit cost by the price rules when it was added; None: not known."""
        amount: int | None = getattr(self, "shelf", None)
        return amount

    @property
    def shown_minor(self) -> int | None:
        """What a unit was shown to cost when it was added; None: not known."""
        amount: int | None = getattr(self, "shown", None)
        return amount


class CartLineDocument(LineDocument, array_like=True, frozen=True):
    """A line of the cart."""

    shelf: int | None = None
    shown: int | None = None


class SavedDocument(LineDocument, array_like=True, frozen=True):
    """A line that is saved for later: `updated_at` is when, `reason` why; it holds nothing and is not selected."""

    reason: str
    shelf: int | None = None
    shown: int | None = None


class ShopperDocument(msgspec.Struct, array_like=True, frozen=True):
    """What prices need to know of a customer; made by `shopper_document`."""

    groups: list[str] = []
    completed_orders: int = 0
    kind: Literal["individual", "business"] = "individual"
    is_tax_id_valid: bool = False
    is_tax_exempt: bool = False


class CouponTerms(msgspec.Struct, frozen=True):
    """A coupon in the words of a scenario. `used_by_customer` counts this shopper's uses."""

    code: str
    limit: int | None
    used: int
    per_customer: int | None
    used_by_customer: int
    starts: date | None
    ends: date | None
    reject_if_reduced_line: bool
    reusable_after_cancel: bool


class CouponDocument(msgspec.Struct, frozen=True):
    """A code and what it is for; made by `coupon_documents`."""

    id: str
    promotion_id: str
    is_active: bool
    promotion_is_active: bool
    promotion_starts: date | None
    promotion_ends: date | None
    promotion_is_exhausted: bool
    coupon: CouponTerms


class CartDocument(msgspec.Struct, array_like=True, frozen=True):
    """A cart at the moment `read_at`. Times are RFC 3339 in UTC, `expires_at` "infinity" for never."""

    id: str
    version: int
    status: str
    currency: str
    channel: str
    user_id: str | None
    created_at: str
    updated_at: str
    expires_at: str
    hold_expires_at: str | None
    read_at: str
    metadata: dict[str, Any]
    holds: dict[str, int] | None
    lines: list[CartLineDocument] | None
    saved: list[SavedDocument] | None = None
    is_aside: bool = False
    coupons: list[str] | None = None
    #: Of a document that has only some of the lines: (lines, units, saved lines) of the whole cart.
    counts: tuple[int, int, int] | None = None
    #: Of the shop's prices: what was known when this was read must be as new.
    price_revision: int = 0
    destination: dict[str, Any] | None = None
    shipping_method: str | None = None
    shopper: ShopperDocument | None = None
    coupon_documents: list[CouponDocument] | None = None
    #: Units that anybody may have of goods that promotions may give away, by variant; of others there is no bound.
    gift_units: dict[str, int] | None = None

    @property
    def is_hold_alive(self) -> bool:
        """Whether what is held is still promised. Fractions of a second are cut off at their end, and "+" sorts
        before "." and both before digits, so times of one document compare as text."""
        return self.hold_expires_at is not None and self.hold_expires_at > self.read_at

    @property
    def promised(self) -> dict[str, int]:
        """Units that are held for this cart now, by variant."""
        return self.holds or {} if self.is_hold_alive else {}


class ChangeResult(msgspec.Struct, frozen=True):
    """What one change came to; quantities are units of the line."""

    op: str
    outcome: str
    line_id: uuid.UUID | None = None
    variant_id: str | None = None
    before: int | None = None
    after: int | None = None
    details: dict[str, Any] | None = None


class Answer(msgspec.Struct, frozen=True):
    """What one command came to, with the cart as it then was (null: there is none)."""

    outcome: str
    fresh: bool = False
    results: list[ChangeResult] = []
    details: dict[str, Any] | None = None
    cart: CartDocument | None = None
