"""What a verified token says of its bearer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import jwt

from pannier.kernel.errors import ErrorKind, PannierError

AccountRole = Literal["customer", "staff", "admin"]
#: Far above what issuers make (2 kB), far below what would cost time to look at.
TOKEN_LENGTH_MAX = 8192
USER_ID_LENGTH_MAX = 255


class InvalidTokenError(PannierError):
    """The bearer token is not, or no longer, good. `detail` says why; get a new one and repeat the request."""

    kind = ErrorKind.unauthenticated
    error = "INVALID_TOKEN"
    code = "AUTH_003"
    title = "Your sign-in is not valid any more"


@dataclass(frozen=True, slots=True)
class Claims:
    """Who a token speaks for, until and since when (seconds since 1970). `session_id` only in tokens of ours."""

    user_id: str
    role: AccountRole
    expires_at: float
    session_id: str | None = None
    issued_at: float | None = None


def refuse(why: str) -> InvalidTokenError:
    """The refusal of a token; `why` is told to its bearer and holds nothing of it."""
    return InvalidTokenError(
        f"{why} Sign in again, or refresh the token.",
        headers={"WWW-Authenticate": 'Bearer realm="pannier", error="invalid_token"'},
    )


def is_jwt(credential: str) -> bool:
    """Whether a credential has the shape of a JSON Web Token."""
    return credential.startswith("ey") and credential.count(".") == 2


def peek(token: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Header and payload as they say they are: unverified, only to choose what to verify them with."""
    if len(token) > TOKEN_LENGTH_MAX:
        raise refuse("The token is too long.")
    try:
        found = jwt.decode_complete(token, options={"verify_signature": False})
    except (jwt.InvalidTokenError, ValueError, RecursionError):
        raise refuse("The token cannot be read.") from None
    return found["header"], found["payload"]


def check_times(payload: Mapping[str, Any], now: datetime, leeway_s: float) -> float:
    """The moment of expiry. Raises InvalidTokenError for a token without one, or one whose time is not now."""
    seconds = now.timestamp()
    expires_at = _moment(payload.get("exp"))
    if expires_at is None:
        raise refuse("The token has no time of expiry.")
    if seconds >= expires_at + leeway_s:
        raise refuse("The token has expired.")
    for name in ("nbf", "iat"):
        if name in payload:
            begins = _moment(payload[name])
            if begins is None or begins > seconds + leeway_s:
                raise refuse("The token is not valid yet.")
    return expires_at


def issued_at(payload: Mapping[str, Any]) -> float | None:
    """When the token was made; None when it does not say."""
    return _moment(payload.get("iat"))


def _moment(value: object) -> float | None:
    """A NumericDate of this millennium."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value < 1e11 else None
