"""Routes of a cart's history."""

from __future__ import annotations

import re
import uuid
from datetime import datetime
from typing import Any

import msgspec

from pannier.cart.described import WRITE_PARAMETERS
from pannier.cart.errors import CartNotFoundError, CartVersionMismatchError, HistoryNotKeptError
from pannier.cart.exchange import channel_of, if_match_of, reader_of
from pannier.cart.history_schemas import HistoryPage, PastCart, RestoreAnswer, RestoreCart
from pannier.cart.history_service import NEWEST, HistoryService
from pannier.cart.merge_api import CHANNEL, KEY_ERRORS, request_key, told
from pannier.kernel.times import in_utc
from pannier.platform.hot import HotRequest, HotResponse, HotRoute, Operation
from pannier.platform.problems import ValidationFailedError

LIMIT_MAX = 100
_RESTORE = msgspec.json.Decoder(RestoreCart)
_ENCODER = msgspec.json.Encoder()
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


async def get_history(request: HotRequest) -> HotResponse:
    """What happened to your cart, newest first: who, with which device, when, and each line before and after."""
    page = await request.service(HistoryService).page(
        reader_of(request.principal),
        cart_id=_cart_id(request),
        channel=channel_of(request),
        before=_number(request, "cursor", NEWEST, 10**18),
        limit=_number(request, "limit", 20, LIMIT_MAX),
    )
    return HotResponse(_ENCODER.encode(page))


async def get_version(request: HotRequest) -> HotResponse:
    """Your cart as it was at a version, or at a moment such as 2026-11-20T10:00:00Z."""
    past = await request.service(HistoryService).past(
        reader_of(request.principal), _when(request), cart_id=_cart_id(request), channel=channel_of(request)
    )
    return HotResponse(_ENCODER.encode(past))


async def restore(request: HotRequest) -> HotResponse:
    """Make your cart again what it was at a version; what stock or limits do not allow is saved for later and told.
    It gets a version of its own, so this can be taken back, too."""
    body = request.decode(_RESTORE)
    principal = request.principal
    done = await request.service(HistoryService).restore(
        reader_of(principal),
        body.version,
        channel=channel_of(request),
        if_match=if_match_of(request.header("if-match")),
        key=request_key(request),
        who={
            "actor": principal.user_id or principal.kind,
            "device": principal.device,
            "correlation_id": request.request_id,
        },
    )
    return told(done)


def _cart_id(request: HotRequest) -> uuid.UUID | None:
    text = request.query("cart_id")
    try:
        return None if text is None else uuid.UUID(text)
    except ValueError:
        raise ValidationFailedError.of([("cart_id", "The id of a cart of yours")]) from None


def _number(request: HotRequest, name: str, default: int, most: int) -> int:
    text = request.query(name)
    if text is None:
        return default
    if not _NUMBER.fullmatch(text) or not 1 <= int(text) <= most:
        raise ValidationFailedError.of([(name, f"A whole number from 1 to {most:,}")])
    return int(text)


def _when(request: HotRequest) -> int | datetime:
    text = request.param
    if _NUMBER.fullmatch(text):
        return int(text)
    try:
        if _MOMENT.fullmatch(text):
            return in_utc(datetime.fromisoformat(text.upper()))
    except ValueError:
        # Shaped like a moment, but there is no such day, or none that the database could know.
        pass
    raise HistoryNotKeptError(
        "A version is a number, or a time with its zone such as 2026-11-20T10:00:00Z.", field="version"
    )


_CART_ID = {
    "name": "cart_id",
    "in": "query",
    "description": "Another cart of yours, such as one that became an order; the open one when left out.",
    "schema": {"type": "string", "format": "uuid"},
}
_CURSOR = {
    "name": "cursor",
    "in": "query",
    "description": "`next_cursor` of the page before.",
    "schema": {"type": "string", "pattern": "^[1-9][0-9]{0,17}$"},
}
_LIMIT = {
    "name": "limit",
    "in": "query",
    "description": "Events of a page; 20 when left out.",
    "schema": {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX},
}


def _operation(handler: Any, summary: str, answer: type, errors: Any, parameters: Any, body: Any = None) -> Operation:
    return Operation(
        summary,
        " ".join((handler.__doc__ or "").split()),
        ("cart",),
        request=body,
        responses={200: (answer, summary)},
        errors=(CartNotFoundError, *errors),
        parameters=parameters,
    )


HISTORY_ROUTES = (
    HotRoute(
        "GET",
        "/api/v1/cart/history",
        get_history,
        _operation(
            get_history, "Its history", HistoryPage, (ValidationFailedError,), (_CART_ID, _CURSOR, _LIMIT, CHANNEL)
        ),
    ),
    HotRoute(
        "GET",
        "/api/v1/cart/history/{version}",
        get_version,
        _operation(
            get_version,
            "An earlier cart",
            PastCart,
            (HistoryNotKeptError, ValidationFailedError),
            (_CART_ID, CHANNEL),
        ),
    ),
    HotRoute(
        "POST",
        "/api/v1/cart/restore",
        restore,
        _operation(
            restore,
            "Restore an earlier cart",
            RestoreAnswer,
            (HistoryNotKeptError, CartVersionMismatchError, *KEY_ERRORS),
            WRITE_PARAMETERS,
            RestoreCart,
        ),
    ),
)
