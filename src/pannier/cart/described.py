"""What the OpenAPI document says of the cart's routes beside their bodies: parameters, headers, errors."""

from __future__ import annotations

from typing import Any

from pannier.cart.errors import (
    CartClosedError,
    CartNotFoundError,
    CartVersionMismatchError,
    CurrencyMismatchError,
    InvalidQuantityError,
    ItemNotFoundError,
    LimitExceededError,
)
from pannier.cart.exchange import CHANNEL_NAME
from pannier.cart.read_model import Cart, CartDelta
from pannier.catalog import ProductNotFoundError, ProductUnavailableError
from pannier.inventory import InsufficientStockError
from pannier.kernel.currencies import MINOR_DIGITS
from pannier.platform.hot import Operation
from pannier.platform.idempotency import (
    KEY_DESCRIPTION,
    KEY_SCHEMA,
    IdempotencyConflictError,
    IdempotencyInFlightError,
)
from pannier.platform.principal import LoginRequiredError
from pannier.platform.problems import ValidationFailedError

CHANNEL = {
    "name": "channel",
    "in": "query",
    "description": "Sales channel; the shop's default when left out.",
    "schema": {"type": "string", "pattern": f"^{CHANNEL_NAME.pattern}$"},
}
CURRENCY = {
    "name": "currency",
    "in": "query",
    "required": True,
    "description": "The currency to show, by ISO 4217.",
    "schema": {"type": "string", "enum": sorted(MINOR_DIGITS)},
}
CART_CURRENCY = {
    "name": "currency",
    "in": "query",
    "description": "What a cart that this makes is in, by ISO 4217, of those that the shop sells in; its own when left "
    "out. A cart stays in its currency: 409 for another one.",
    "schema": {"type": "string", "enum": sorted(MINOR_DIGITS)},
}
EXPLAIN = {
    "name": "explain",
    "in": "query",
    "description": "1: with the reason of every figure.",
    "schema": {"type": "string", "enum": ["0", "1", "true", "false"]},
}
WRITE_PARAMETERS: tuple[dict[str, Any], ...] = (
    {
        "name": "Idempotency-Key",
        "in": "header",
        "description": KEY_DESCRIPTION,
        "schema": KEY_SCHEMA,
    },
    {
        "name": "If-Match",
        "in": "header",
        "description": "The ETag of the cart that the change is meant for; 412 when it has changed.",
        "schema": {"type": "string", "pattern": r'^[ \t]*(\*|(W/)?"[0-9]{1,18}")[ \t]*$'},
    },
    {
        "name": "Prefer",
        "in": "header",
        "description": "`return=minimal`: answer the changed lines and the counts only (CartDelta). See RFC 7240.",
        "schema": {"type": "string", "examples": ["return=minimal"]},
    },
    CHANNEL,
)
WRITE_ERRORS = (
    InvalidQuantityError,
    LimitExceededError,
    CartVersionMismatchError,
    InsufficientStockError,
    IdempotencyConflictError,
    IdempotencyInFlightError,
    LoginRequiredError,
)
ADD_ERRORS = (*WRITE_ERRORS, ProductNotFoundError, ProductUnavailableError, CurrencyMismatchError)
LINE_ERRORS = (*WRITE_ERRORS, CartNotFoundError, CartClosedError, ItemNotFoundError)


def write(
    summary: str,
    description: str | None,
    body: Any,
    answer: type,
    errors: tuple[Any, ...],
    *parameters: dict[str, Any],
    is_body_required: bool = True,
) -> Operation:
    """A change of the cart."""
    return Operation(
        summary,
        description or "",
        ("cart",),
        request=body,
        is_body_required=is_body_required,
        responses={200: ((Cart, CartDelta) if answer is Cart else answer, "The cart after the change")},
        errors=errors,
        parameters=(*WRITE_PARAMETERS, *parameters),
    )


def read(summary: str, description: str | None, answer: type, *parameters: dict[str, Any]) -> Operation:
    """A look at the cart."""
    return Operation(
        summary,
        description or "",
        ("cart",),
        responses={200: (answer, summary)},
        parameters=(CHANNEL, *parameters),
        errors=(ValidationFailedError,),
    )
