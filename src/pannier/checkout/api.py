"""The routes of checkouts."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from pannier.cart import CouponRejectedError, PriceChangedError
from pannier.catalog import ProductUnavailableError
from pannier.checkout import errors
from pannier.checkout.completing_api import carry_out
from pannier.checkout.schemas import (
    CheckoutDocument,
    CheckoutPatch,
    CheckoutState,
    CompleteCheckout,
    PaymentChoice,
    ShippingOptions,
)
from pannier.checkout.service import CheckoutAnswer, CheckoutService
from pannier.checkout.view import show_state
from pannier.inventory import InsufficientStockError
from pannier.orders import ExternalReferenceTakenError
from pannier.payments import PaymentFailedError, ProviderUnavailableError, WebhookRefusedError
from pannier.platform.hot import service_of
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

Checkouts = Annotated[CheckoutService, Depends(service_of(CheckoutService))]
Asker = Annotated[Principal, Depends(principal_of)]
_READ = problem_responses(errors.CheckoutNotFoundError, errors.CheckoutExpiredError)
_CHANGE_ERRORS = (
    errors.CheckoutNotFoundError,
    errors.CheckoutExpiredError,
    errors.CheckoutClosedError,
    errors.CompletionInProgressError,
    errors.PaymentMethodUnavailableError,
    errors.ShippingNotAvailableError,
    errors.GiftCardRejectedError,
    AmountTooLargeError,
    ValidationFailedError,
    IdempotencyConflictError,
    IdempotencyInFlightError,
)
_CHANGE = problem_responses(*_CHANGE_ERRORS)
_BEGIN = problem_responses(
    LoginRequiredError, errors.EmptyCartError, InsufficientStockError, PriceChangedError, *_CHANGE_ERRORS[3:]
)
_COMPLETE = problem_responses(
    LoginRequiredError,
    errors.EmptyCartError,
    errors.CheckoutNotReadyError,
    errors.CustomerRequiredError,
    errors.TotalChangedError,
    errors.PromotionChangedError,
    CouponRejectedError,
    ProductUnavailableError,
    InsufficientStockError,
    ExternalReferenceTakenError,
    PaymentFailedError,
    ProviderUnavailableError,
    *_CHANGE_ERRORS,
)
_WEBHOOK = problem_responses(WebhookRefusedError, ProviderUnavailableError)

router = APIRouter(prefix="/checkouts", tags=["checkout"])
webhook_router = APIRouter(prefix="/payments", tags=["checkout"])


@router.post(
    "",
    status_code=201,
    response_model=CheckoutDocument,
    responses={200: {"model": CheckoutDocument, "description": "The checkout that was open already"}, **_BEGIN},
)
async def create_checkout(
    request: Request,
    checkouts: Checkouts,
    asker: Asker,
    body: CheckoutPatch | None = None,
    channel: Annotated[str | None, Query(pattern="^[a-z0-9][a-z0-9_-]{0,62}$")] = None,
    key: KeyHeader = None,
) -> Response:
    """Begin a checkout over your cart (201), or take up the one that is open (200)."""
    found = await checkouts.create_checkout(asker, body, channel=channel, key=await _key(request, asker, key))
    return _answer(found)


@router.get("/{checkout_id}", response_model=CheckoutDocument, responses=_READ)
async def get_checkout(
    checkout_id: uuid.UUID,
    checkouts: Checkouts,
    asker: Asker,
    explain: Annotated[bool, Query(description="With the reason of every figure.")] = False,
) -> Response:
    """The checkout over the cart as it is now."""
    return _json(await checkouts.get(asker, checkout_id, explains=explain))


@router.patch("/{checkout_id}", response_model=CheckoutDocument, responses=_CHANGE)
async def patch_checkout(
    checkout_id: uuid.UUID,
    body: CheckoutPatch,
    request: Request,
    checkouts: Checkouts,
    asker: Asker,
    key: KeyHeader = None,
) -> Response:
    """Tell more of it: e-mail, addresses, how to ship and to pay. Null takes a field away."""
    return _answer(await checkouts.update(asker, checkout_id, body, key=await _key(request, asker, key)))


@router.post("/{checkout_id}/validate", response_model=CheckoutDocument, responses=_READ)
async def validate_checkout(checkout_id: uuid.UUID, checkouts: Checkouts, asker: Asker) -> Response:
    """What is missing or wrong, in `requirements` and `messages`; changes nothing."""
    return _json(await checkouts.get(asker, checkout_id))


@router.post("/{checkout_id}/calculate", response_model=CheckoutDocument, responses=_CHANGE)
async def calculate_checkout(
    checkout_id: uuid.UUID, request: Request, checkouts: Checkouts, asker: Asker, key: KeyHeader = None
) -> Response:
    """The figures now; the total counts as shown, so completion expects it."""
    return _answer(
        await checkouts.update(asker, checkout_id, event="checkout.calculated", key=await _key(request, asker, key))
    )


@router.post("/{checkout_id}/payment", response_model=CheckoutDocument, responses=_CHANGE)
async def choose_payment(
    checkout_id: uuid.UUID,
    body: PaymentChoice,
    request: Request,
    checkouts: Checkouts,
    asker: Asker,
    key: KeyHeader = None,
) -> Response:
    """Choose how to pay."""
    patch = CheckoutPatch(payment_method=body.payment_method)
    return _answer(await checkouts.update(asker, checkout_id, patch, key=await _key(request, asker, key)))


@router.post("/{checkout_id}/complete", response_model=CheckoutDocument, responses=_COMPLETE)
async def complete_checkout(
    checkout_id: uuid.UUID,
    request: Request,
    checkouts: Checkouts,
    asker: Asker,
    body: CompleteCheckout | None = None,
    key: KeyHeader = None,
) -> Response:
    """Be paid and place the order, exactly once. Completing it again answers the same order.

    Where the shopper has to go to the provider, the status is `requires_escalation` and the link `payment` leads there.
    """
    body = body or CompleteCheckout()
    return _answer(await carry_out(checkouts, asker, checkout_id, body, await _key(request, asker, key)))


@router.post("/{checkout_id}/cancel", response_model=CheckoutDocument, responses=_CHANGE)
async def cancel_checkout(
    checkout_id: uuid.UUID, request: Request, checkouts: Checkouts, asker: Asker, key: KeyHeader = None
) -> Response:
    """Give it up; the cart stays. Doing it twice changes nothing."""
    return _answer(await checkouts.cancel(asker, checkout_id, key=await _key(request, asker, key)))


@router.get("/{checkout_id}/status", response_model=CheckoutState, responses=_READ)
async def get_checkout_status(checkout_id: uuid.UUID, checkouts: Checkouts, asker: Asker) -> Response:
    """How far it is, and the order it became."""
    return _json(show_state(await checkouts.get(asker, checkout_id)))


@router.get("/{checkout_id}/shipping-options", response_model=ShippingOptions, responses=_READ)
async def get_shipping_options(checkout_id: uuid.UUID, checkouts: Checkouts, asker: Asker) -> Response:
    """The ways of shipping the goods; none when nothing has to be shipped."""
    return _json(await checkouts.shipping_options(asker, checkout_id))


@webhook_router.post("/{provider}/webhook", status_code=204, responses=_WEBHOOK)
async def hear_provider(
    provider: Annotated[str, Path(pattern="^[a-z][a-z0-9_]{0,30}$")], request: Request, checkouts: Checkouts
) -> Response:
    """What a payment provider tells, with its signature. Each of its events counts once; what it says is looked up."""
    await checkouts.completion.hear(provider, dict(request.headers), await request.body())
    return Response(status_code=204)


@router.post("/{checkout_id}/return", response_model=CheckoutDocument, responses=_CHANGE)
async def return_from_provider(checkout_id: uuid.UUID, checkouts: Checkouts, asker: Asker) -> Response:
    """The shopper is back from the provider's page: the checkout with what became of the payment."""
    await checkouts.completion.come_back(asker, checkout_id)
    return _json(await checkouts.get(asker, checkout_id))


async def _key(request: Request, asker: Principal, key: str | None) -> Key | None:
    if key is None:
        return None
    return key_of(asker, key, method=request.method, target=request.scope["path"], body=await request.body())


def _answer(found: CheckoutAnswer) -> Response:
    answer = found.answer
    return Response(answer.body, answer.status, replay_headers(answer), "application/json")


def _json(document: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(document), media_type="application/json")
