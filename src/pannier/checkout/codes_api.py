"""Routes of what else a shopper does at a checkout: codes, and what is being typed."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from pannier.cart import CartNotFoundError, Command, CouponRejectedError, owner_of
from pannier.checkout import errors
from pannier.checkout.codes import CodeService
from pannier.checkout.drafts import DraftService
from pannier.checkout.schemas import CheckoutDocument, CheckoutDraft, EnterCode
from pannier.checkout.service import CheckoutAnswer
from pannier.platform.hot import RequestContext, service_of
from pannier.platform.idempotency import (
    IdempotencyConflictError,
    IdempotencyInFlightError,
    Key,
    KeyHeader,
    key_of,
    replay_headers,
)
from pannier.platform.principal import Principal, principal_of
from pannier.platform.problems import ValidationFailedError, problem_responses
from pannier.pricing import AmountTooLargeError

# A blank keeps the cart's record apart from that of the checkout, and both from those of other requests.
_CART_KEY = "checkout code "
Codes = Annotated[CodeService, Depends(service_of(CodeService))]
Asker = Annotated[Principal, Depends(principal_of)]
_DRAFT_ERRORS = (
    errors.CheckoutNotFoundError,
    errors.CheckoutExpiredError,
    errors.CheckoutClosedError,
    ValidationFailedError,
    IdempotencyConflictError,
    IdempotencyInFlightError,
)
_CODE = problem_responses(
    CouponRejectedError,
    CartNotFoundError,
    errors.EmptyCartError,
    errors.CompletionInProgressError,
    AmountTooLargeError,
    *_DRAFT_ERRORS,
)

codes_router = APIRouter(prefix="/checkouts", tags=["checkout"])


@codes_router.post("/{checkout_id}/coupons", response_model=CheckoutDocument, responses=_CODE)
async def enter_checkout_coupon(
    checkout_id: uuid.UUID, body: EnterCode, request: Request, codes: Codes, asker: Asker, key: KeyHeader = None
) -> Response:
    """Put a code on the checkout's cart, also on one that was bought at once.

    409 COUPON_REJECTED with a reason when it is not good for it now.
    """
    return await _coded(
        request,
        asker,
        key,
        "cart.coupon_entered",
        lambda command, known: codes.enter(asker, checkout_id, body.code, command, known),
    )


@codes_router.delete("/{checkout_id}/coupons/{code}", response_model=CheckoutDocument, responses=_CODE)
async def remove_checkout_coupon(
    checkout_id: uuid.UUID,
    code: Annotated[str, Path(max_length=64, pattern=r"^[^\x00]+$")],
    request: Request,
    codes: Codes,
    asker: Asker,
    key: KeyHeader = None,
) -> Response:
    """Take a code off the checkout's cart."""
    return await _coded(
        request,
        asker,
        key,
        "cart.coupon_removed",
        lambda command, known: codes.remove(asker, checkout_id, code, command, known),
    )


@codes_router.put("/{checkout_id}/draft", response_model=CheckoutDraft, responses=problem_responses(*_DRAFT_ERRORS))
async def save_checkout_draft(
    checkout_id: uuid.UUID,
    body: CheckoutDraft,
    request: Request,
    drafts: Annotated[DraftService, Depends(service_of(DraftService))],
    asker: Asker,
    key: KeyHeader = None,
) -> Response:
    """Keep what is being typed, as it is; `draft` of the checkout has it. Nothing of it counts until it is told."""
    draft = body.model_dump(exclude_none=True)
    answer = await drafts.save(asker, checkout_id, draft, key=await _key(request, asker, key))
    return Response(answer.body, answer.status, replay_headers(answer), "application/json")


async def _coded(
    request: Request,
    asker: Principal,
    key: str | None,
    event: str,
    act: Callable[[Command, Key | None], Awaitable[CheckoutAnswer]],
) -> Response:
    known = await _key(request, asker, key)
    context: RequestContext = request.scope["pannier"]
    command = Command(
        owner_of(asker),
        event,
        idempotency_key=None if known is None else _CART_KEY + known.key,
        request_hash=b"" if known is None else known.request_hash,
        actor=asker.user_id or asker.kind,
        device=asker.device,
        correlation_id=context.request_id,
    )
    answer = (await act(command, known)).answer
    return Response(answer.body, answer.status, replay_headers(answer), "application/json")


async def _key(request: Request, asker: Principal, key: str | None) -> Key | None:
    if key is None:
        return None
    return key_of(asker, key, method=request.method, target=request.scope["path"], body=await request.body())
