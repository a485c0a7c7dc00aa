"""The shop's own tokens.

An access token is a JWT with an HMAC of the shop's key: short-lived, verified locally, so that who asks costs no
round trip. A session token names its session and how often it was used, signed too: garbage is told from a token
that was ours once, and one that was used before is known without a list of all that were.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import uuid
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

import jwt

from pannier.kernel.ids import secret_bytes
from pannier.platform.tokens.claims import AccountRole, Claims, check_times, issued_at, refuse

ISSUER = "pannier"
_ALGORITHM = "HS256"
_PREFIX = "rt_"
_SECRET_BYTES = 32
_SIGNATURE_BYTES = 16
_TOKEN_BYTES = 16 + 4 + _SECRET_BYTES + _SIGNATURE_BYTES
_CACHE_MAX = 20_000
_ROLES: dict[str, AccountRole] = {"customer": "customer", "staff": "staff", "admin": "admin"}


@dataclass(frozen=True, slots=True)
class SessionToken:
    """What a session token says; `digest` is what is stored of it."""

    session_id: uuid.UUID
    generation: int
    digest: bytes


class OwnTokens:
    """Makes and verifies the tokens of one shop. `secret` is the shop's key, of 32 bytes or more."""

    def __init__(self, secret: bytes, *, audience: str, access_ttl_s: float) -> None:
        self._access_key = hmac.digest(secret, b"pannier access token", hashlib.sha256)
        self._session_key = hmac.digest(secret, b"pannier session token", hashlib.sha256)
        self._audience = audience
        self.access_ttl_s = access_ttl_s
        # A page asks for several things with one token; its signature is looked at once.
        self._verified: OrderedDict[str, Claims] = OrderedDict()

    def make_access(self, user_id: str, role: AccountRole, session_id: uuid.UUID, now: datetime) -> str:
        """A token for `access_ttl_s` seconds."""
        issued = int(now.timestamp())
        payload = {
            "iss": ISSUER,
            "aud": self._audience,
            "sub": user_id,
            "sid": str(session_id),
            "role": role,
            "iat": issued,
            "exp": issued + int(self.access_ttl_s),
        }
        return jwt.encode(payload, self._access_key, algorithm=_ALGORITHM)

    def verify_access(self, token: str, now: datetime) -> Claims:
        """What the token says. Raises InvalidTokenError."""
        known = self._verified.get(token)
        if known is not None and now.timestamp() < known.expires_at:
            return known
        try:
            payload = jwt.decode(
                token,
                self._access_key,
                algorithms=[_ALGORITHM],
                audience=self._audience,
                issuer=ISSUER,
                options={
                    "require": ["exp", "sub", "sid"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except (jwt.InvalidTokenError, ValueError):
            raise refuse("The token is not one of ours.") from None
        role = _ROLES.get(str(payload.get("role")))
        if role is None:
            raise refuse("The token names no role.")
        claims = Claims(payload["sub"], role, check_times(payload, now, 0), payload["sid"], issued_at(payload))
        self._verified[token] = claims
        if len(self._verified) > _CACHE_MAX:
            self._verified.popitem(last=False)
        return claims

    def make_session(self, session_id: uuid.UUID, generation: int) -> tuple[str, bytes]:
        """A session token and the digest of it that is stored."""
        body = session_id.bytes + generation.to_bytes(4) + secret_bytes(_SECRET_BYTES)
        raw = body + self._sign(body)
        return _text_of(raw), hashlib.sha256(raw).digest()

    def read_session(self, token: str) -> SessionToken | None:
        """What a session token says; None for one that this shop never made."""
        text = token.removeprefix(_PREFIX)
        if len(text) != (_TOKEN_BYTES * 8 + 5) // 6 or text == token:
            return None
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except ValueError:
            return None
        # The last character has bits that stand for nothing: with others it would be a second text of one token.
        if token != _text_of(raw):
            return None
        body, signature = raw[:-_SIGNATURE_BYTES], raw[-_SIGNATURE_BYTES:]
        if not hmac.compare_digest(self._sign(body), signature):
            return None
        return SessionToken(uuid.UUID(bytes=body[:16]), int.from_bytes(body[16:20]), hashlib.sha256(raw).digest())

    def _sign(self, body: bytes) -> bytes:
        return hmac.digest(self._session_key, body, hashlib.sha256)[:_SIGNATURE_BYTES]


def _text_of(raw: bytes) -> str:
    return _PREFIX + base64.urlsafe_b64encode(raw).decode().rstrip("=")
