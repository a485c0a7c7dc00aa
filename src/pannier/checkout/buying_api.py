"""The route of buying at once."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from pannier.cart import (
    Command,
    CurrencyMismatchError,
    InvalidQuantityError,
    LimitExceededError,
    add,
    checked_note,
    checked_object,
    headers_of,
    owner_of,
)
from pannier.catalog import ProductNotFoundError, ProductUnavailableError
from pannier.checkout import errors
from pannier.checkout.buying import BuyNowService
from pannier.checkout.schemas import BuyNow, CheckoutDocument
from pannier.inventory import InsufficientStockError
from pannier.platform.hot import RequestContext, service_of
from pannier.platform.idempotency import (
    IdempotencyConflictError,
    IdempotencyInFlightError,
    Key,
    KeyHeader,
    key_of,
    replay_headers,
)
from pannier.platform.principal import LoginRequiredError, Principal, principal_of
from pannier.platform.problems import ValidationFailedError, problem_responses
from pannier.pricing import AmountTooLargeError

# A blank keeps the cart's record apart from that of the checkout, and both from those of other requests.
_CART_KEY = "buy now "
_ERRORS = problem_responses(
    InvalidQuantityError,
    LoginRequiredError,
    ProductNotFoundError,
    ProductUnavailableError,
    CurrencyMismatchError,
    LimitExceededError,
    InsufficientStockError,
    errors.PaymentMethodUnavailableError,
    errors.ShippingNotAvailableError,
    AmountTooLargeError,
    ValidationFailedError,
    IdempotencyConflictError,
    IdempotencyInFlightError,
)
_CURRENCY = "What it is priced and paid in, by ISO 4217, of those that the shop sells in; its own when left out."
buying_router = APIRouter(tags=["checkout"])


@buying_router.post("/buy-now", status_code=201, response_model=CheckoutDocument, responses=_ERRORS)
async def buy_now(
    body: BuyNow,
    request: Request,
    buying: Annotated[BuyNowService, Depends(service_of(BuyNowService))],
    asker: Annotated[Principal, Depends(principal_of)],
    channel: Annotated[str | None, Query(pattern="^[a-z0-9][a-z0-9_-]{0,62}$")] = None,
    currency: Annotated[str | None, Query(pattern="^[A-Z]{3}$", description=_CURRENCY)] = None,
    key: KeyHeader = None,
) -> Response:
    """Begin a checkout of these units alone, held for you; your cart stays as it is."""
    context: RequestContext = request.scope["pannier"]
    content = await request.body()

    def asked(principal: Principal) -> Key | None:
        if key is None:
            return None
        return key_of(principal, key, method=request.method, target=request.scope["path"], body=content)

    first = asked(asker)
    command = Command(
        owner_of(asker),
        "cart.bought_now",
        [
            add(
                body.variant_id,
                body.quantity,
                attributes=checked_object(context, "attributes", body.attributes),
                customisation=checked_object(context, "customisation", body.customisation),
                note=checked_note(context, body.note),
            )
        ],
        idempotency_key=None if first is None else _CART_KEY + first.key,
        request_hash=b"" if first is None else first.request_hash,
        channel=channel,
        currency=currency,
        actor=asker.user_id or asker.kind,
        device=asker.device,
        correlation_id=context.request_id,
    )
    bought = await buying.buy(asker, command, body.checkout, asked)
    answer = bought.checkout.answer
    response = Response(answer.body, answer.status, replay_headers(answer), "application/json")
    for name, value in headers_of(context, bought.outcome):
        if name == b"set-cookie":
            response.raw_headers.append((name, value))
    return response
