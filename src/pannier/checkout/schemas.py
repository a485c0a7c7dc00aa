"""Checkouts on the wire: what may be asked, checked here, and what is answered, made by `view`."""

from __future__ import annotations

import json
import uuid
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from pannier.cart import QUANTITY_MAX
from pannier.checkout.models import CheckoutStatus, NextStep
from pannier.checkout.rules import is_email
from pannier.kernel.money import AMOUNT_MAX
from pannier.orders import OrderExchange, OrderItem, OrderMoney, OrderTotals
from pannier.platform.fields import Address, Name, Request, Short, Text, printable


def _email(text: str) -> str:
    if not is_email(text):
        raise ValueError("must be an e-mail address, such as jane@example.com")
    return text


_IS_EMAIL = Field(json_schema_extra={"format": "email", "examples": ["jane@example.com"]})
Email = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=254),
    _IS_EMAIL,
    AfterValidator(printable),
    AfterValidator(_email),
]


class CheckoutPatch(Request):
    """What a shopper tells of a checkout; a field that is left out stays, null takes it away."""

    email: Email | None = None
    shipping_address: Address | None = None
    billing_address: Address | None = None
    shipping_method: Short | None = None
    payment_method: Short | None = None
    note: Text | None = None
    metadata: dict[Short, Text] = Field(
        default_factory=dict,
        max_length=50,
        # The keys' pattern becomes `patternProperties`, which alone says nothing of keys that do not match.
        json_schema_extra={"additionalProperties": False},
    )
    consent_token: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = Field(
        None, description="Agrees to the changed prices that PRICE_CHANGED showed; asked for at the beginning only."
    )
    gift_cards: Annotated[list[Short], Field(max_length=10)] | None = Field(
        None, description="Codes of the gift cards that pay, in their order, in place of those named before."
    )
    store_credit: bool | None = Field(None, description="Whether the customer's store credit pays.")
    points: Annotated[int, Field(ge=0, le=AMOUNT_MAX)] | None = Field(
        None, description="The most of the customer's points that pay; 0: as many as possible; null: none."
    )
    line_ids: (
        Annotated[list[Annotated[uuid.UUID, Field(strict=False)]], Field(min_length=1, max_length=1000)] | None
    ) = Field(None, description="The lines of the cart it is about; null: those selected in the cart.")


def _finite(value: dict[str, Any]) -> dict[str, Any]:
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        raise ValueError("must not contain a number that is none") from None
    return value


class BuyNow(Request):
    """Units of one variant, to be bought at once, and what is known of the checkout already."""

    variant_id: Annotated[uuid.UUID, Field(strict=False)]
    quantity: int = Field(1, description="Units.", json_schema_extra={"minimum": 1, "maximum": QUANTITY_MAX})
    attributes: Annotated[dict[str, Any], AfterValidator(_finite)] | None = None
    customisation: Annotated[dict[str, Any], AfterValidator(_finite)] | None = None
    note: str | None = None
    checkout: CheckoutPatch | None = None


_Typed = Annotated[str, StringConstraints(max_length=300), AfterValidator(printable)]


class DraftAddress(Request):
    """An address as far as it was typed; nothing of it is checked."""

    name: _Typed | None = None
    company: _Typed | None = None
    line1: _Typed | None = None
    line2: _Typed | None = None
    city: _Typed | None = None
    region: _Typed | None = None
    postal_code: _Typed | None = None
    country: _Typed | None = None
    phone: _Typed | None = None


class CheckoutDraft(Request):
    """What a shopper is typing, kept as it is in place of what was kept before."""

    email: _Typed | None = None
    shipping_address: DraftAddress | None = None
    billing_address: DraftAddress | None = None
    note: Text | None = None


class EnterCode(Request):
    """A code, as the shopper writes it."""

    code: Annotated[
        str, StringConstraints(min_length=1, max_length=64, strip_whitespace=True), AfterValidator(printable)
    ]


class PaymentChoice(Request):
    """How the shopper will pay."""

    payment_method: Short


class MoneyInput(Request):
    """An amount in minor units of the cart's currency."""

    amount: int = Field(ge=0, le=AMOUNT_MAX)
    currency: str = Field(pattern="^[A-Z]{3}$")


class CompleteCheckout(Request):
    """Place the order. `expected_total` is what the shopper saw; without it the total told last counts."""

    expected_total: MoneyInput | Annotated[int, Field(ge=0, le=AMOUNT_MAX)] | None = None
    payment_method: Short | None = None
    payment_token: Short | None = Field(
        None,
        description="What the provider knows a card or an account by; without one it shows its own page, to which the "
        "answer's link `payment` leads. Card numbers never come here.",
    )
    return_url: Annotated[str, Field(max_length=2000)] | None = Field(
        None,
        description="Where the provider's page leads back to: a path of the shop, or an address at an origin of "
        "PANNIER_CORS_ORIGINS.",
    )
    external_reference: Name | None = Field(
        None, description="An outside system's number for the order; for staff. Unique."
    )


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CheckoutRequirement(_Answer):
    """Something that is missing or wrong, and where."""

    model_config = ConfigDict(extra="allow")

    field: str
    error: str
    message: str


class CheckoutMessage(_Answer):
    """Something the shopper should know."""

    type: Literal["info", "warning", "error"]
    code: str
    text: str
    item_id: uuid.UUID | None


class PlacedOrder(_Answer):
    """The order that a checkout became."""

    id: uuid.UUID
    number: str
    status: str
    payment_status: str
    total: OrderMoney
    placed_at: datetime


class CheckoutPromotion(_Answer):
    """A promotion that applies, and what it takes off goods and shipping."""

    id: str
    name: str
    amount: OrderMoney


class CheckoutTender(_Answer):
    """What a gift card, store credit or points pay. `remaining`: minor units, or points, left on it then."""

    id: uuid.UUID
    kind: Literal["gift_card", "store_credit", "points"]
    code_end: str | None
    amount: OrderMoney
    remaining: int


class CheckoutStep(_Answer):
    """One figure and the reason for it; `item_id` null is about the whole order."""

    stage: str
    item_id: uuid.UUID | None
    amount: OrderMoney
    reason: str


class CheckoutHint(_Answer):
    """Why something does not apply, or what is missing for it."""

    code: str
    text: str


class CheckoutExplanation(_Answer):
    """How every figure came about, and why others did not."""

    steps: list[CheckoutStep]
    hints: list[CheckoutHint]
    tax_ground: str


class CheckoutDocument(_Answer):
    """A checkout. Until it is completed its lines and figures are those of the cart as it is now."""

    id: uuid.UUID
    cart_id: uuid.UUID
    status: CheckoutStatus
    version: int
    currency: str
    exchange: OrderExchange | None = Field(
        description="In another currency than the shop's: by what its amounts became these; null without a rate."
    )
    line_items: list[OrderItem]
    totals: OrderTotals
    total_items: int
    total_quantity: int
    coupons: list[str]
    promotions: list[CheckoutPromotion]
    tenders: list[CheckoutTender]
    amount_due: OrderMoney
    email: str | None
    shipping_address: dict[str, Any] | None
    billing_address: dict[str, Any] | None
    shipping_method: str | None
    payment_method: str | None
    note: str | None
    metadata: dict[str, str]
    draft: CheckoutDraft | None = Field(description="What was being typed; nothing of it counts.")
    next_step: NextStep | None
    requirements: list[CheckoutRequirement]
    messages: list[CheckoutMessage]
    order: PlacedOrder | None
    links: list[dict[str, str]]
    explanation: CheckoutExplanation | None = Field(None, description="With `?explain=1`.")
    created_at: datetime
    updated_at: datetime
    expires_at: datetime


class CheckoutState(_Answer):
    """How far a checkout is."""

    id: uuid.UUID
    status: CheckoutStatus
    version: int
    requirements: list[CheckoutRequirement]
    order: PlacedOrder | None
    expires_at: datetime


class ShippingOption(_Answer):
    """A way of shipping the goods, and what it costs."""

    id: str
    name: str
    amount: OrderMoney
    total: OrderMoney = Field(description="What the whole order then costs.")
    delivery_days: list[int] | None = Field(description="The least and the most days that it takes.")
    arrives: list[date] | None = Field(description="The first and the last day on which it is there, if ordered now.")
    is_selected: bool


class ShippingOptions(_Answer):
    """The ways of shipping; none when nothing has to be shipped."""

    options: list[ShippingOption]
