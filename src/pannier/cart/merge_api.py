"""Routes of merging. At login it is done without them; here it is looked at, done on demand, and taken back."""

from __future__ import annotations

from typing import Any

import msgspec

from pannier.cart.described import WRITE_PARAMETERS
from pannier.cart.errors import (
    CartMergeDisabledError,
    CurrencyMismatchError,
    MergeClosedError,
    MergeNotFoundError,
)
from pannier.cart.exchange import channel_of
from pannier.cart.merge_schemas import MergeAnswer, MergeCart, UndoAnswer, UndoMerge
from pannier.cart.merge_service import MergeRequest, MergeService
from pannier.platform.hot import HotRequest, HotResponse, HotRoute, Operation
from pannier.platform.idempotency import (
    KEY_DESCRIPTION,
    KEY_SCHEMA,
    Answer,
    IdempotencyConflictError,
    IdempotencyInFlightError,
    Key,
    key_of,
    replay_headers,
)
from pannier.platform.principal import LoginRequiredError
from pannier.platform.problems import ValidationFailedError

_MERGE = msgspec.json.Decoder(MergeCart)
_UNDO = msgspec.json.Decoder(UndoMerge)
_ENCODER = msgspec.json.Encoder()


async def merge(request: HotRequest) -> HotResponse:
    """Make one cart of yours and a guest's, by the shop's rule or the one named. Nothing is lost: what does not come
    into the cart is saved for later, each line with its reason. The guest's token finds nothing afterwards."""
    body = request.decode(_MERGE) if request.body else MergeCart()
    key = request_key(request)
    return told(await request.service(MergeService).merge(_asked(request, body), key=key))


async def preview(request: HotRequest) -> HotResponse:
    """What merging would do now, line by line; changes nothing."""
    body = request.decode(_MERGE) if request.body else MergeCart()
    found = await request.service(MergeService).preview(_asked(request, body))
    return HotResponse(_ENCODER.encode(found))


async def undo(request: HotRequest) -> HotResponse:
    """Take a merge back, once and for a day: the guest's cart is there again under a new token, as far as stock allows,
    and what you did since stays. `not_restored` says what could not be put back."""
    body = request.decode(_UNDO) if request.body else UndoMerge()
    key = request_key(request)
    asked = _asked(request, MergeCart())
    return told(await request.service(MergeService).undo(asked, body.merge_id, key=key))


def request_key(request: HotRequest) -> Key | None:
    """The idempotency key of a request to one of these routes."""
    scope = request.scope
    target = f"{scope['path']}?{scope['query_string'].decode('latin-1')}"
    key = request.header("idempotency-key")
    return key_of(request.principal, key, method=scope["method"], target=target, body=request.body)


def told(answer: Answer) -> HotResponse:
    """An answer that is kept under its key."""
    headers = [(name.lower().encode(), value.encode()) for name, value in replay_headers(answer).items()]
    return HotResponse(answer.body, answer.status, headers)


def _asked(request: HotRequest, body: MergeCart) -> MergeRequest:
    principal, channel = request.principal, channel_of(request)
    if principal.user_id is None:
        raise LoginRequiredError("Sign in to merge a guest's cart into yours.", headers={"WWW-Authenticate": "Bearer"})
    return MergeRequest(
        principal.user_id,
        body.cart_token or principal.guest_token,
        channel,
        body.strategy,
        principal.device,
        request.request_id,
    )


CHANNEL = WRITE_PARAMETERS[-1]
KEY_PARAMETER = {"name": "Idempotency-Key", "in": "header", "description": KEY_DESCRIPTION, "schema": KEY_SCHEMA}
KEY_ERRORS = (IdempotencyConflictError, IdempotencyInFlightError, ValidationFailedError)
_ERRORS = (LoginRequiredError, CartMergeDisabledError)


def _operation(handler: Any, summary: str, body: Any, answer: type, *errors: Any, is_kept: bool = True) -> Operation:
    return Operation(
        summary,
        " ".join((handler.__doc__ or "").split()),
        ("cart",),
        request=body,
        is_body_required=False,
        responses={200: (answer, "What became of it")},
        errors=(*_ERRORS, *errors, *(KEY_ERRORS if is_kept else (ValidationFailedError,))),
        parameters=(KEY_PARAMETER, CHANNEL) if is_kept else (CHANNEL,),
    )


MERGE_ROUTES = (
    HotRoute(
        "POST",
        "/api/v1/cart/merge",
        merge,
        _operation(merge, "Merge a guest's cart into yours", MergeCart, MergeAnswer, CurrencyMismatchError),
    ),
    HotRoute(
        "POST",
        "/api/v1/cart/merge/preview",
        preview,
        _operation(preview, "What merging would do", MergeCart, MergeAnswer, CurrencyMismatchError, is_kept=False),
    ),
    HotRoute(
        "POST",
        "/api/v1/cart/merge/undo",
        undo,
        _operation(undo, "Undo a merge", UndoMerge, UndoAnswer, MergeNotFoundError, MergeClosedError),
    ),
)
