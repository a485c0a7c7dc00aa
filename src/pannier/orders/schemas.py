"""Orders on the wire, for the OpenAPI document; `view.show` makes them."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from pannier.orders.models import OrderStatus, PaymentStatus
from pannier.platform.fields import Name

#: Where a parcel can be followed; no script, whatever a carrier sends.
WebAddress = Annotated[str, Field(max_length=1000, pattern=r"^https?://[!-~]+$")]


class OrderMoney(BaseModel):
    """An amount in minor units: 1599 of USD is 15.99."""

    model_config = ConfigDict(extra="forbid")

    amount: int
    currency: str


class OrderTotals(BaseModel):
    """`total = subtotal − discount + shipping + tax_added`; what of `tax` is not added lies in the prices."""

    model_config = ConfigDict(extra="forbid")

    subtotal: OrderMoney
    discount: OrderMoney
    shipping: OrderMoney
    tax: OrderMoney
    tax_added: OrderMoney
    tax_included: bool
    total: OrderMoney


class OrderDiscount(BaseModel):
    """What a promotion takes off a line."""

    model_config = ConfigDict(extra="forbid")

    source: str
    amount: OrderMoney


class OrderItem(BaseModel):
    """One line with the figures that were agreed to.

    `quantity_taken`: units of counted goods that are out of the house. `quantity_sent`: units that left in parcels;
    of those `quantity_returned` came back.
    """

    model_config = ConfigDict(extra="forbid")

    id: uuid.UUID
    variant_id: uuid.UUID
    product_id: uuid.UUID
    sku: str | None
    name: str
    slug: str
    image: str | None
    options: dict[str, str]
    attributes: dict[str, Any]
    note: str | None
    customisation: dict[str, Any]
    quantity: int
    quantity_canceled: int
    quantity_taken: int
    quantity_sent: int
    quantity_returned: int
    unit_price: OrderMoney
    subtotal: OrderMoney
    discounts: list[OrderDiscount]
    is_gift: bool
    total_price: OrderMoney
    tax: OrderMoney


class OrderPromotion(BaseModel):
    """A promotion that applied, and what it took off goods and shipping."""

    model_config = ConfigDict(extra="forbid")

    id: str
    name: str
    amount: OrderMoney


class OrderTax(BaseModel):
    """What a rate made of the order, and of how much. `included`: it lies in the prices, and is not added."""

    model_config = ConfigDict(extra="forbid")

    rate: str
    percent: str
    zone: str | None
    category: str
    base: OrderMoney
    amount: OrderMoney
    included: bool


class OrderTender(BaseModel):
    """What a gift card, store credit or points paid. `remaining`: minor units, or points, left on it then."""

    model_config = ConfigDict(extra="forbid")

    id: uuid.UUID
    kind: Literal["gift_card", "store_credit", "points"]
    code_end: str | None
    amount: OrderMoney
    remaining: int


class OrderExchange(BaseModel):
    """By what amounts of the shop's currency became those of the order: one `source` is `rate` of `target`.

    `on` is the day of the rate, `provider` who published it; `exact` is the rate as a fraction.
    """

    model_config = ConfigDict(extra="forbid")

    source: str
    target: str
    rate: str
    exact: str
    on: date
    provider: str


class OrderHistoryEntry(BaseModel):
    """A state the order came into, who brought it there, and why."""

    model_config = ConfigDict(extra="forbid")

    status: OrderStatus
    payment_status: PaymentStatus
    reason: str
    actor: str
    at: datetime


class OrderDocument(BaseModel):
    """An order; its figures are frozen.

    `amount_due`: what is paid in money, before anything was. `amount_credited`: what is no longer asked for, since
    goods came back or were taken out. `balance`: what is still to be paid, by `POST /orders/{number}/payments`; below
    nothing, what the shop has too much.
    """

    model_config = ConfigDict(extra="forbid")

    id: uuid.UUID
    number: str
    status: OrderStatus
    payment_status: PaymentStatus
    version: int
    currency: str
    exchange: OrderExchange | None = Field(
        description="Of an order in another currency than the shop's; null where its price lists alone made it."
    )
    channel: str
    user_id: str | None
    email: str | None
    external_reference: str | None
    checkout_id: uuid.UUID | None
    items: list[OrderItem]
    totals: OrderTotals
    promotions: list[OrderPromotion]
    taxes: list[OrderTax]
    tenders: list[OrderTender]
    amount_due: OrderMoney
    amount_paid: OrderMoney
    amount_refunded: OrderMoney
    amount_credited: OrderMoney
    balance: OrderMoney
    total_items: int
    total_quantity: int
    shipping_address: dict[str, Any] | None
    billing_address: dict[str, Any] | None
    shipping_method: str | None
    payment_method: str
    note: str | None
    history: list[OrderHistoryEntry]
    placed_at: datetime
    updated_at: datetime


class OrderPage(BaseModel):
    """Orders, newest first; ask again with `cursor=next_cursor` until it is null."""

    model_config = ConfigDict(extra="forbid")

    orders: list[OrderDocument]
    next_cursor: str | None


class CancelOrder(BaseModel):
    """Why an order is canceled, for its history."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field("", max_length=500)


class OrderUnits(BaseModel):
    """Units of one variant, whichever lines of the order they are on."""

    model_config = ConfigDict(extra="forbid")

    variant_id: uuid.UUID
    quantity: Annotated[int, Field(strict=True, ge=1, le=1_000_000)]


class FulfilOrder(BaseModel):
    """Which units leave, all that are left when `items` is left out, and how their parcel is found."""

    model_config = ConfigDict(extra="forbid")

    carrier: Name | None = None
    tracking_number: Name | None = None
    tracking_url: WebAddress | None = None

    items: Annotated[list[OrderUnits], Field(min_length=1, max_length=1000)] | None = None


class CancelUnits(BaseModel):
    """Which units are taken out of the order, and why; all when they are left out."""

    model_config = ConfigDict(extra="forbid")

    items: Annotated[list[OrderUnits], Field(min_length=1, max_length=1000)] | None = None
    reason: str = Field("", max_length=500)
