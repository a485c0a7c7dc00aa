"""What came after an order's sale, on the wire, for the OpenAPI document; `after_view` makes it."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from pannier.kernel.money import AMOUNT_MAX
from pannier.orders.models import RefundState, ReturnState
from pannier.orders.schemas import OrderDocument, OrderMoney
from pannier.platform.fields import Text

Reason = Annotated[Text, Field(max_length=500)]
_Amount = Annotated[int, Field(strict=True, ge=1, le=AMOUNT_MAX)]
_Units = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
_NoUnits = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ShippedItem(_Closed):
    """Units of a line in a parcel."""

    item_id: uuid.UUID
    quantity: int


class ShipmentDocument(_Closed):
    """A parcel. `canceled_at`: when it was noted that it did not leave after all."""

    id: uuid.UUID
    number: int
    carrier: str | None
    tracking_number: str | None
    tracking_url: str | None
    items: list[ShippedItem]
    sent_at: datetime
    canceled_at: datetime | None


class RefundedItem(_Closed):
    """What of a refund is for a line."""

    item_id: uuid.UUID
    amount: OrderMoney


class RefundDocument(_Closed):
    """A refund; what of `amount` is not `in_money` went back to gift cards and store credit."""

    id: uuid.UUID
    number: int
    state: RefundState
    amount: OrderMoney
    in_money: OrderMoney
    items: list[RefundedItem]
    reason: str
    return_id: uuid.UUID | None
    failure: str | None
    created_at: datetime
    updated_at: datetime


class ReturnedItem(_Closed):
    """Units of a line that come back, and what looking at them came to."""

    item_id: uuid.UUID
    quantity: int
    reason: str
    restocked: int
    written_off: int
    credited: OrderMoney


class Wish(_Closed):
    """Units that are wanted instead of money."""

    variant_id: uuid.UUID
    quantity: _Units


class ReturnDocument(_Closed):
    """Goods on their way back. `answer` is what the shop says to it."""

    id: uuid.UUID
    number: str
    state: ReturnState
    reason: str
    answer: str
    exchange_for: list[Wish]
    credited: OrderMoney
    items: list[ReturnedItem]
    created_at: datetime
    updated_at: datetime


class RevisedItem(_Closed):
    """A line as it was before an edit."""

    item_id: uuid.UUID
    variant_id: uuid.UUID
    name: str
    quantity: int
    unit_price: OrderMoney
    total_price: OrderMoney


class RevisionDocument(_Closed):
    """What the order was before an edit."""

    version: int
    reason: str
    actor: str
    at: datetime
    total: OrderMoney
    items: list[RevisedItem]


class AftermathDocument(_Closed):
    """What came after an order's sale, each oldest first."""

    number: str
    shipments: list[ShipmentDocument]
    refunds: list[RefundDocument]
    returns: list[ReturnDocument]
    revisions: list[RevisionDocument]


class RefundAnswer(_Closed):
    """A refund, and the order after it."""

    refund: RefundDocument
    order: OrderDocument


class ReturnAnswer(_Closed):
    """A return, and the order after the step."""

    return_: ReturnDocument = Field(alias="return")
    order: OrderDocument


class RefundLine(_Closed):
    """What is given back for a line, in minor units."""

    item_id: uuid.UUID
    amount: _Amount


class RefundOrder(_Closed):
    """How much is given back, in minor units, or for which lines; all there is when neither is said."""

    amount: _Amount | None = None
    items: Annotated[list[RefundLine], Field(min_length=1, max_length=1000)] | None = None
    reason: Reason = ""


class ReturnItem(_Closed):
    """Units of a line that are to come back."""

    item_id: uuid.UUID
    quantity: _Units
    reason: Reason = ""


class RequestReturn(_Closed):
    """Which units are to come back, and why; `exchange_for` where something else is wanted instead of money."""

    items: Annotated[list[ReturnItem], Field(min_length=1, max_length=1000)]
    exchange_for: Annotated[list[Wish], Field(max_length=100)] = []
    reason: Reason = ""


class AnswerReturn(_Closed):
    """What the shop says to it."""

    answer: Reason = ""


class LookedItem(_Closed):
    """What looking at a line's units came to; those that are in neither figure never came."""

    item_id: uuid.UUID
    restocked: _NoUnits = 0
    written_off: _NoUnits = 0


class CompleteReturn(_Closed):
    """What looking at the goods came to, all for sale again without `items`; `refund`: their value is given back."""

    items: Annotated[list[LookedItem], Field(max_length=1000)] | None = None
    refund: bool = True
    answer: Reason = ""
