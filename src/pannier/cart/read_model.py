"""The cart as everybody sees it. Field names are those the trade relies on; amounts are minor units."""

from __future__ import annotations

import uuid
from typing import Any, Literal

import msgspec


class Money(msgspec.Struct, frozen=True):
    """An amount in minor units of its currency: 1599 of USD is 15.99."""

    amount: int
    currency: str


class Owner(msgspec.Struct, frozen=True):
    """Whose cart it is."""

    kind: Literal["guest", "user"]
    user_id: str | None


class Availability(msgspec.Struct, frozen=True):
    """Live stock. `available` counts what this cart itself holds, and is null where stock is without bound.

    Flags: `hold_expired`, `insufficient_stock`, `price_changed`, `unavailable`.
    """

    status: Literal["in_stock", "out_of_stock", "unavailable"]
    available: int | None
    held_until: str | None
    flags: list[str]


class LineDiscount(msgspec.Struct, frozen=True):
    """What a promotion takes off a line."""

    source: str
    amount: Money


class Item(msgspec.Struct, frozen=True):
    """One line. `unit_price` is charged, `list_price` is the list's now, `original_price` the one before a sale."""

    id: uuid.UUID
    variant_id: str
    product_id: str
    sku: str | None
    name: str
    slug: str
    description: str
    category: str | None
    image: str | None
    options: dict[str, str]
    attributes: dict[str, Any]
    note: str | None
    customisation: dict[str, Any]
    quantity: int
    unit_price: Money
    list_price: Money
    original_price: Money
    sale_price: Money | None
    added_price: Money
    has_discount: bool
    total_price: Money
    discounts: list[LineDiscount]
    tax: Money
    selected: bool
    availability: Availability
    added_at: str
    updated_at: str


class SavedItem(Item, frozen=True):
    """A line saved for later, with live price and stock. It is promised nothing and in no total of the cart.

    `reason`: `shopper`, `hold_expired`, `unavailable`, or what else set it aside.
    """

    saved_at: str
    reason: str


class Totals(msgspec.Struct, frozen=True):
    """`total = subtotal - discount + shipping + tax_added`. `tax` is all of it; what is not added lies in the prices.

    `tax_included`: nothing is added.
    """

    subtotal: Money
    discount: Money
    shipping: Money
    tax: Money
    tax_added: Money
    tax_included: bool
    total: Money


class Message(msgspec.Struct, frozen=True):
    """Something the shopper should know; `item_id` null is about the whole cart."""

    type: Literal["info", "warning"]
    code: str
    text: str
    item_id: uuid.UUID | None = None
    details: dict[str, Any] | None = None


class AppliedPromotion(msgspec.Struct, frozen=True):
    """A promotion that applies, and what it takes off goods and shipping; nothing, where all was taken before it."""

    id: str
    name: str
    amount: Money


class Gift(msgspec.Struct, frozen=True):
    """Goods that a promotion puts in: they are in the totals, come and go with it, and cannot be changed."""

    id: uuid.UUID
    variant_id: str
    product_id: str
    name: str
    slug: str
    image: str | None
    quantity: int
    unit_price: Money
    total_price: Money
    discounts: list[LineDiscount]
    tax: Money


class ExplainedFigure(msgspec.Struct, frozen=True):
    """One figure and the reason for it, in the order of the stages; `item_id` null is about the whole cart."""

    stage: str
    item_id: uuid.UUID | None
    amount: Money
    reason: str


class Hint(msgspec.Struct, frozen=True):
    """Why something does not apply, or what is missing for it."""

    code: str
    text: str


class Explanation(msgspec.Struct, frozen=True):
    """How every figure came about, and why others did not."""

    steps: list[ExplainedFigure]
    hints: list[Hint]
    tax_ground: str


class Cart(msgspec.Struct, frozen=True):
    """The whole cart, as every write answers it. A shopper without one sees an empty cart of version 0, id null."""

    id: str | None
    version: int
    status: str
    currency: str
    channel: str
    owner: Owner
    items: list[Item]
    saved_items: list[SavedItem]
    coupons: list[str]
    totals: Totals
    total_items: int
    total_quantity: int
    selected_count: int
    messages: list[Message]
    hold_expires_at: str | None
    expires_at: str | None
    created_at: str | None
    updated_at: str | None
    metadata: dict[str, Any]
    #: Where it is to go, as far as the shopper has told: what tax and shipping are worked out for.
    destination: dict[str, Any] | None = None
    shipping_method: str | None = None
    #: The methods that can be chosen for this cart.
    shipping_options: list[str] = []
    promotions: list[AppliedPromotion] = []
    gifts: list[Gift] = []
    #: With `?explain=1`.
    explanation: Explanation | msgspec.UnsetType = msgspec.UNSET


class CartDelta(msgspec.Struct, frozen=True):
    """What a write answers under `Prefer: return=minimal`: the lines it changed, and the counts of the whole cart.

    `items` are those that are in the cart now, `gone` the ids of those that no longer are: removed, saved or joined.
    Flags count the units of these lines only.
    """

    id: str | None
    version: int
    status: str
    currency: str
    items: list[Item]
    gone: list[uuid.UUID]
    total_items: int
    total_quantity: int
    total_saved: int
    messages: list[Message]
    hold_expires_at: str | None
    updated_at: str | None


class Summary(msgspec.Struct, frozen=True):
    """What a badge needs."""

    id: str | None
    version: int
    currency: str
    total_items: int
    total_quantity: int
    selected_count: int
    totals: Totals


class CartShippingOption(msgspec.Struct, frozen=True):
    """A way of shipping the cart. `amount` is what it costs, `total` what the whole cart then costs.

    `delivery_days`: the least and the most days that it takes; `arrives`: the first and the last day on which what is
    ordered now is there. `refusal` says why it cannot be chosen now.
    """

    id: str
    name: str
    amount: Money
    total: Money
    is_available: bool
    refusal: str | None
    delivery_days: list[int] | None
    arrives: list[str] | None
    is_selected: bool


class CartShippingOptions(msgspec.Struct, frozen=True):
    """The ways of shipping; none when nothing has to be shipped."""

    options: list[CartShippingOption]
