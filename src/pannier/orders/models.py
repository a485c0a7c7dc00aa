"""An order as it is stored. Field names are those of the tables, so that rows are read and written as they stand."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

OrderStatus = Literal["pending", "paid", "fulfilled", "completed", "canceled", "refunded"]
PaymentStatus = Literal["pending", "paid", "refunded", "void"]
StockState = Literal["untracked", "awaited", "held", "committed", "returned", "released"]
#: What becomes of the units of an order: out of the house, promised to it, or looked for when it is paid.
StockAction = Literal["commit", "hold", "await"]

DEFAULT_LOCATION = uuid.UUID("00000000-0000-7000-8000-000000000001")


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    """One line; `total = quantity × unit_price − discount`, in minor units."""

    id: uuid.UUID
    order_id: uuid.UUID
    position: int
    variant_id: uuid.UUID
    location_id: uuid.UUID = DEFAULT_LOCATION
    product_id: uuid.UUID
    sku: str | None
    name: str
    extra: Mapping[str, Any] | None
    display: Mapping[str, Any]
    quantity: int
    quantity_canceled: int = 0
    #: Of a counted line: units that are out of the house.
    quantity_taken: int = 0
    unit_price_minor: int
    discount_minor: int
    tax_minor: int
    total_minor: int
    stock_state: StockState

    @property
    def quantity_left(self) -> int:
        """Units that are in the order."""
        return self.quantity - self.quantity_canceled

    @property
    def quantity_held(self) -> int:
        """Units that are promised to the order and still in the house."""
        return self.quantity_left - self.quantity_taken if self.stock_state == "held" else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderState:
    """One entry of an order's history."""

    version: int
    status: OrderStatus
    payment_status: PaymentStatus
    reason: str
    actor: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order with its lines, in the order of the cart, and its history, oldest first."""

    id: uuid.UUID
    number: str
    checkout_id: uuid.UUID | None
    cart_id: uuid.UUID | None
    external_reference: str | None
    status: OrderStatus
    payment_status: PaymentStatus
    version: int
    currency: str
    channel: str
    user_id: str | None
    email: str | None
    shipping_address: Mapping[str, Any] | None
    billing_address: Mapping[str, Any] | None
    shipping_method: str | None
    payment_method: str
    note: str | None
    quote: Mapping[str, Any]
    subtotal_minor: int
    discount_minor: int
    shipping_minor: int
    tax_minor: int
    tax_added_minor: int
    total_minor: int
    #: What keeping net prices adds to the total, and what was paid with gift cards, store credit and points.
    correction_minor: int = 0
    tendered_minor: int = 0
    total_quantity: int
    placed_at: datetime
    updated_at: datetime
    lines: Sequence[OrderLine]
    states: Sequence[OrderState]


@dataclass(frozen=True, slots=True)
class Shortage:
    """A variant of which an order needs more than there is."""

    variant_id: uuid.UUID
    requested: int
    available: int


@dataclass(frozen=True, slots=True)
class LineUnits:
    """Units of one line that move; sql/change.sql says what each of the words does."""

    line_id: uuid.UUID
    take: int = 0
    back: int = 0
    release: int = 0
    restock: int = 0
    cancel: int = 0


@dataclass(frozen=True, slots=True)
class Transition:
    """A step in an order's life. `stock` is what to do with its lines; null leaves them alone. `move`: see `units`."""

    status: OrderStatus
    payment_status: PaymentStatus
    event: str
    stock: Literal["commit", "hold", "give_back", "move"] | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    units: Sequence[LineUnits] = ()
