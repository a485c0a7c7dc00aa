"""Routes that work out figures of a basket that is sent along: nothing is written, and nothing is kept."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response

from pannier.cart.stateless import StatelessPricing
from pannier.cart.stateless_schemas import (
    BasketBody,
    BasketQuote,
    BasketShipping,
    BasketShippingOptions,
    BasketTax,
    CouponCheck,
    CouponCheckBody,
    basket_of,
    money,
    show_choice,
    show_quote,
    show_tax,
)
from pannier.catalog import ProductUnavailableError
from pannier.platform.hot import service_of
from pannier.platform.principal import Principal, principal_of
from pannier.platform.problems import ValidationFailedError, problem_responses
from pannier.platform.records import as_json
from pannier.pricing import AmountTooLargeError, ShippingNotAvailableError

Pricing = Annotated[StatelessPricing, Depends(service_of(StatelessPricing))]
Asker = Annotated[Principal, Depends(principal_of)]
_ERRORS = problem_responses(ProductUnavailableError, AmountTooLargeError, ValidationFailedError)

router = APIRouter(prefix="/pricing", tags=["pricing"])


@router.post("/quote", response_model=BasketQuote, responses=_ERRORS)
async def quote_basket(body: BasketBody, pricing: Pricing, asker: Asker) -> Response:
    """What a basket costs: prices, promotions, codes, shipping and tax, as a cart of these goods would."""
    return _json(show_quote(await pricing.price(basket_of(body, asker.user_id))))


@router.post("/shipping-options", response_model=BasketShippingOptions, responses=_ERRORS)
async def list_shipping_options(body: BasketBody, pricing: Pricing, asker: Asker) -> Response:
    """Every way of shipping a basket, with its cost; and why others cannot be chosen."""
    priced, choices = await pricing.shipping_options(basket_of(body, asker.user_id))
    options = [show_choice(choice, priced.quoted.currency) for choice in choices]
    return _json({"needs_shipping": priced.quoted.needs_shipping, "options": options})


@router.post(
    "/shipping",
    response_model=BasketShipping,
    responses=problem_responses(
        ShippingNotAvailableError, ProductUnavailableError, AmountTooLargeError, ValidationFailedError
    ),
)
async def price_shipping(body: BasketBody, pricing: Pricing, asker: Asker) -> Response:
    """What shipping a basket costs by a method; without one, by the method that the shop charges before a choice."""
    priced, choice = await pricing.shipping(basket_of(body, asker.user_id))
    shipping = None if choice is None else show_choice(choice, priced.quoted.currency)
    return _json({"needs_shipping": priced.quoted.needs_shipping, "shipping": shipping})


@router.post("/tax", response_model=BasketTax, responses=_ERRORS)
async def tax_basket(body: BasketBody, pricing: Pricing, asker: Asker) -> Response:
    """The taxes of a basket by rate, of goods and of shipping."""
    return _json(show_tax(await pricing.price(basket_of(body, asker.user_id))))


@router.post("/coupon-check", response_model=CouponCheck, responses=_ERRORS)
async def check_coupon(body: CouponCheckBody, pricing: Pricing, asker: Asker) -> Response:
    """Whether a code is good for a basket, and what it would take off the total; else the reason why not."""
    basket = basket_of(body, asker.user_id)
    answer, off = await pricing.check_code(basket, body.code)
    currency = pricing.currency
    return _json(
        {
            "code": answer.code,
            "is_accepted": answer.reason is None,
            "reason": answer.reason,
            "discount": money(off if answer.reason is None else 0, currency),
        }
    )


def _json(document: Any) -> Response:
    return Response(as_json(document), media_type="application/json")
