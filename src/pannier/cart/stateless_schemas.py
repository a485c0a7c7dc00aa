"""Baskets that nobody keeps, on the wire."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field

from pannier.cart.stateless import Basket, Priced, Wanted
from pannier.kernel.countries import COUNTRIES
from pannier.platform.fields import Request
from pannier.pricing import LineQuote, ShippingChoice

ITEMS_MAX, CODES_MAX = 200, 10
_PLAIN = r"^[^\x00-\x1f\x7f]*$"


def _id(value: object) -> object:
    return uuid.UUID(value) if isinstance(value, str) and len(value) == 36 else value


def _country(value: object) -> object:
    if isinstance(value, str) and value not in COUNTRIES:
        raise ValueError("must be a country's two letters by ISO 3166, such as DE")
    return value


class BasketItem(Request):
    """Units of a variant."""

    variant_id: Annotated[uuid.UUID, BeforeValidator(_id, json_schema_input_type=uuid.UUID)]
    quantity: Annotated[int, Field(ge=1, le=1_000_000)] = 1


class BasketDestination(Request):
    """Where it goes, as far as it is known."""

    country: Annotated[str, BeforeValidator(_country), Field(json_schema_extra={"enum": [*sorted(COUNTRIES)]})]
    region: Annotated[str, Field(max_length=200, pattern=_PLAIN)] | None = None
    postal_code: Annotated[str, Field(max_length=40, pattern=_PLAIN)] | None = None


Code = Annotated[str, Field(min_length=1, max_length=64, pattern=_PLAIN)]


class BasketBody(Request):
    """What somebody would buy."""

    items: Annotated[list[BasketItem], Field(min_length=1, max_length=ITEMS_MAX)]
    destination: BasketDestination | None = None
    shipping_method: Annotated[str, Field(min_length=1, max_length=64, pattern=_PLAIN)] | None = None
    codes: Annotated[list[Code], Field(max_length=CODES_MAX)] = Field([], description="Coupon codes, in this order.")
    channel: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")] | None = Field(
        None, description="Sales channel; the shop's own when left out."
    )
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = Field(
        None, description="ISO 4217, of those that the shop sells in; its own when left out."
    )


class CouponCheckBody(BasketBody):
    """A basket, and a code that might be put on it."""

    code: Code


class BasketMoney(BaseModel):
    """An amount in minor units."""

    amount: int
    currency: str


class BasketTaxRate(BaseModel):
    """What one rate makes of an amount."""

    rate_id: str
    percent: float
    zone: str | None
    category: str
    included: bool
    base_minor: int
    amount_minor: int


class BasketLineDocument(BaseModel):
    """A line priced. A gift is one that a promotion has added."""

    variant_id: str
    product_id: str
    quantity: int
    unit_price: BasketMoney
    subtotal: BasketMoney
    discount: BasketMoney
    total: BasketMoney
    tax: BasketMoney
    tax_included: BasketMoney
    is_gift: bool


class BasketTotals(BaseModel):
    """`total = subtotal - discount + shipping + tax_added`."""

    subtotal: BasketMoney
    discount: BasketMoney
    shipping: BasketMoney
    tax: BasketMoney
    tax_added: BasketMoney
    total: BasketMoney


class BasketCode(BaseModel):
    """What became of a code."""

    code: str
    is_accepted: bool
    reason: str | None


class BasketMessage(BaseModel):
    """Something to know of the figures."""

    code: str
    text: str


class BasketPromotion(BaseModel):
    """A promotion that applied, and what it took off goods and shipping."""

    promotion_id: str
    title: str
    goods: BasketMoney
    shipping: BasketMoney


class BasketQuote(BaseModel):
    """The figures of a basket."""

    currency: str
    items: list[BasketLineDocument]
    totals: BasketTotals
    taxes: list[BasketTaxRate]
    tax_ground: Literal["home_rate", "reverse_charge", "export", "exempt"]
    shipping_method: str | None
    promotions: list[BasketPromotion]
    codes: list[BasketCode]
    messages: list[BasketMessage]


class BasketTax(BaseModel):
    """The taxes of a basket, shipping included."""

    currency: str
    tax: BasketMoney
    tax_added: BasketMoney
    tax_included: BasketMoney
    taxes: list[BasketTaxRate]
    tax_ground: Literal["home_rate", "reverse_charge", "export", "exempt"]
    messages: list[BasketMessage]


class BasketShippingOption(BaseModel):
    """A way of shipping; `reason` says why it cannot be chosen."""

    method: str
    name: str
    cost: BasketMoney
    total: BasketMoney
    is_available: bool
    reason: str | None
    delivery_days: list[int] | None


class BasketShippingOptions(BaseModel):
    """The ways of shipping a basket, those that can be chosen first."""

    needs_shipping: bool
    options: list[BasketShippingOption]


class BasketShipping(BaseModel):
    """What shipping costs; null where nothing is shipped, or no method is chosen."""

    needs_shipping: bool
    shipping: BasketShippingOption | None


class CouponCheck(BaseModel):
    """Whether a code is good for the basket, and what it would take off the total."""

    code: str
    is_accepted: bool
    reason: str | None
    discount: BasketMoney


def basket_of(body: BasketBody, user_id: str | None) -> Basket:
    """The basket that was asked for."""
    return Basket(
        [Wanted(item.variant_id, item.quantity) for item in body.items],
        None if body.destination is None else body.destination.model_dump(exclude_none=True),
        body.shipping_method,
        tuple(body.codes),
        body.channel,
        user_id,
    )


def show_quote(priced: Priced) -> dict[str, Any]:
    """The figures on the wire."""
    quoted, shipping = priced.quoted, priced.quoted.shipping
    currency, totals = quoted.currency, quoted.totals
    return {
        "currency": currency,
        "items": [_line(line, priced, currency) for line in quoted.lines],
        "totals": {
            "subtotal": money(totals.subtotal_minor, currency),
            "discount": money(totals.discount_minor, currency),
            "shipping": money(totals.shipping_minor, currency),
            "tax": money(totals.tax_minor, currency),
            "tax_added": money(totals.tax_added_minor, currency),
            "total": money(totals.total_minor, currency),
        },
        "taxes": _taxes(priced),
        "tax_ground": quoted.tax_ground,
        "shipping_method": None if shipping is None else shipping.method,
        "promotions": [
            {
                "promotion_id": one.promotion_id,
                "title": one.title,
                "goods": money(one.goods_minor, currency),
                "shipping": money(one.shipping_minor, currency),
            }
            for one in quoted.applied
        ],
        "codes": [{"code": one.code, "is_accepted": one.reason is None, "reason": one.reason} for one in priced.codes],
        "messages": _messages(priced),
    }


def show_tax(priced: Priced) -> dict[str, Any]:
    """The taxes on the wire."""
    quoted = priced.quoted
    currency, totals = quoted.currency, quoted.totals
    return {
        "currency": currency,
        "tax": money(totals.tax_minor, currency),
        "tax_added": money(totals.tax_added_minor, currency),
        "tax_included": money(totals.tax_included_minor, currency),
        "taxes": _taxes(priced),
        "tax_ground": quoted.tax_ground,
        "messages": _messages(priced),
    }


def show_choice(choice: ShippingChoice, currency: str) -> dict[str, Any]:
    """A way of shipping on the wire."""
    return {
        "method": choice.method,
        "name": choice.name,
        "cost": money(choice.cost_minor, currency),
        "total": money(choice.total_minor, currency),
        "is_available": choice.refusal is None,
        "reason": choice.refusal,
        "delivery_days": None if choice.delivery_days is None else list(choice.delivery_days),
    }


def money(amount: int, currency: str) -> dict[str, Any]:
    return {"amount": amount, "currency": currency}


def _line(line: LineQuote, priced: Priced, currency: str) -> dict[str, Any]:
    return {
        "variant_id": priced.variants.get(line.line_id, line.product_id),
        "product_id": line.product_id,
        "quantity": line.quantity,
        "unit_price": money(line.unit_price_minor, currency),
        "subtotal": money(line.subtotal_minor, currency),
        "discount": money(line.subtotal_minor - line.total_minor, currency),
        "total": money(line.total_minor, currency),
        "tax": money(line.tax_minor, currency),
        "tax_included": money(line.tax_included_minor, currency),
        "is_gift": line.is_gift,
    }


def _taxes(priced: Priced) -> list[dict[str, Any]]:
    return [
        {
            "rate_id": total.rate.id,
            "percent": Decimal(total.rate.percent),
            "zone": total.rate.zone,
            "category": total.rate.category,
            "included": total.rate.is_included,
            "base_minor": total.base_minor,
            "amount_minor": total.amount_minor,
        }
        for total in priced.quoted.taxes
    ]


def _messages(priced: Priced) -> list[dict[str, str]]:
    return [{"code": message.code, "text": message.text} for message in priced.quoted.messages]
