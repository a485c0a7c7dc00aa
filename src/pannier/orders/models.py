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
    #: Units that were sent; of those the ones that a return is under way for, and the ones that came back.
    quantity_sent: int = 0
    quantity_returning: int = 0
    quantity_returned: int = 0
    unit_price_minor: int
    discount_minor: int
    tax_minor: int
    total_minor: int
    #: What of its price, tax included, is no longer asked for: goods that went, and refunds that were for it.
    credited_minor: int = 0
    stock_state: StockState

    @property
    def quantity_left(self) -> int:
        """Units that are in the order, and were not sent back."""
        return self.quantity - self.quantity_canceled - self.quantity_returned

    @property
    def quantity_unsent(self) -> int:
        """Units that are still to be sent."""
        return self.quantity - self.quantity_canceled - self.quantity_sent

    @property
    def quantity_returnable(self) -> int:
        """Units that are with the customer, and that no return is under way for."""
        return self.quantity_sent - self.quantity_returning - self.quantity_returned

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
    #: Money that was paid; asked to be given back, and of that given back.
    captured_minor: int = 0
    refunding_minor: int = 0
    refunded_minor: int = 0
    #: What of the total is no longer asked for, and what of it gift cards and store credit got back.
    credited_minor: int = 0
    given_back_minor: int = 0
    #: What of `captured_minor` each payment brought, by its id: one that is taken up again brings nothing more.
    booked: Mapping[str, int] = field(default_factory=dict)
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
    send: int = 0
    coming: int = 0
    returned: int = 0
    write_off: int = 0


@dataclass(frozen=True, slots=True)
class Captured:
    """What a payment has captured by now, in minor units; `payment_id` is its attempt's."""

    payment_id: uuid.UUID
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Transition:
    """A step in an order's life. `stock` is what to do with its lines; null leaves them alone. `move`: see `units`."""

    status: OrderStatus
    payment_status: PaymentStatus
    event: str
    stock: Literal["commit", "hold", "give_back", "move"] | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    units: Sequence[LineUnits] = ()
    #: Changes of the order's money, by column without `_minor`.
    money: Mapping[str, int] = field(default_factory=dict)
    #: Rows that belong to the step: `booked`, `credits`, `shipment`, `refund`, `return`, `return_lines`; see
    #: sql/after_sale.sql. `revision`, `added` and `figures`: see sql/edit.sql.
    rows: Mapping[str, Any] = field(default_factory=dict)


RefundState = Literal["pending", "succeeded", "failed"]
ReturnState = Literal["requested", "approved", "received", "completed", "rejected", "canceled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipment:
    """A parcel; `items` are `{"line_id", "quantity"}`."""

    id: uuid.UUID
    order_id: uuid.UUID
    number: int
    carrier: str | None
    tracking_number: str | None
    tracking_url: str | None
    items: Sequence[Mapping[str, Any]]
    actor: str
    sent_at: datetime
    canceled_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """Money that is given back, in minor units; of `amount_minor` gift cards and store credit got `given_back_minor`.

    `id` is the key under which it is given once. `lines` are `{"line_id", "amount_minor"}`, where it is for lines.
    """

    id: uuid.UUID
    order_id: uuid.UUID
    number: int
    state: RefundState
    amount_minor: int
    given_back_minor: int
    currency: str
    lines: Sequence[Mapping[str, Any]]
    reason: str
    return_id: uuid.UUID | None
    payment_refunds: Sequence[uuid.UUID] = ()
    failure: str | None
    actor: str
    tries: int
    created_at: datetime
    updated_at: datetime
    #: Of one that is to be given: the order's number.
    order_number: str = ""

    @property
    def money_minor(self) -> int:
        """What of it is paid out in money."""
        return self.amount_minor - self.given_back_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnLine:
    """Units of a line that come back, and what looking at them came to."""

    return_id: uuid.UUID
    line_id: uuid.UUID
    quantity: int
    reason: str
    restocked: int
    written_off: int
    credited_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """Goods on their way back. `exchange_for` are `{"variant_id", "quantity"}`: what is wanted instead of money."""

    id: uuid.UUID
    order_id: uuid.UUID
    number: int
    state: ReturnState
    reason: str
    answer: str
    exchange_for: Sequence[Mapping[str, Any]]
    credited_minor: int
    actor: str
    created_at: datetime
    updated_at: datetime
    lines: Sequence[ReturnLine]


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """What an order was before it was edited."""

    version: int
    reason: str
    actor: str
    at: datetime
    total_minor: int
    lines: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """What came after an order's sale, each oldest first."""

    shipments: Sequence[Shipment] = ()
    refunds: Sequence[Refund] = ()
    returns: Sequence[Return] = ()
    revisions: Sequence[Revision] = ()


HandoverState = Literal["pending", "taken", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """One event of an order that the service is told of. `tries` counts those that were begun."""

    id: uuid.UUID
    order_id: uuid.UUID
    version: int
    type: str
    data: Mapping[str, Any]
    state: HandoverState
    reference: str | None
    failure: str | None
    tries: int
    due_at: datetime | None
    at: datetime
    taken_at: datetime | None
