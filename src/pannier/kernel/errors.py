"""Refusals as data.

    PannierError
    ├── one class per refusal, in the `errors.py` of the capability that refuses
    └── each with a `kind`, which a face (HTTP, command line) maps to its own status once

An error says what was asked for, why it cannot be, and what to do next.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, ClassVar


class ErrorKind(enum.Enum):
    """What sort of refusal it is; `platform.problems` maps each to one HTTP status."""

    invalid = "invalid"
    unprocessable = "unprocessable"
    unauthenticated = "unauthenticated"
    payment_required = "payment_required"
    forbidden = "forbidden"
    not_found = "not_found"
    conflict = "conflict"
    gone = "gone"
    precondition_failed = "precondition_failed"
    too_large = "too_large"
    rate_limited = "rate_limited"
    internal = "internal"
    unavailable = "unavailable"


class PannierError(Exception):
    """A refusal that a person or a program can act on.

    `error` is the stable name (`INSUFFICIENT_STOCK`), `code` the short one (`STOCK_001`),
    `field` the path of the input at fault, `details` figures such as `{"requested": 5, "available": 3}`.
    `headers` go out with an HTTP answer (`Retry-After`); `cart` is the current cart, already encoded.
    """

    kind: ClassVar[ErrorKind] = ErrorKind.invalid
    error: ClassVar[str] = "PANNIER_ERROR"
    code: ClassVar[str] = "PANNIER_000"
    title: ClassVar[str] = "The request was refused"

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        details: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        cart: Any = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.details = dict(details) if details else {}
        self.headers = dict(headers) if headers else {}
        self.cart = cart
