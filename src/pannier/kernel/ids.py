"""Identifiers and secrets: all randomness of the application starts here."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import time
import uuid

_CART_TOKEN = re.compile(r"ct_[A-Za-z0-9_-]{43}")
# Crockford's alphabet: no I, L, O, U, so a number read out over the phone comes back right.
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def uuid7() -> uuid.UUID:
    """A UUID version 7 (RFC 9562): 48 bits of Unix milliseconds, then 74 random bits.

    New rows land at the right edge of an index instead of all over it.
    """
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(secrets.token_bytes(10))
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return uuid.UUID(int=value)


def new_request_id() -> str:
    """The text of a UUID version 7, made without the UUID, in half the time: every request asks for one."""
    millis, noise = f"{time.time_ns() // 1_000_000:012x}", secrets.token_hex(10)
    return f"{millis[:8]}-{millis[8:]}-7{noise[:3]}-b{noise[4:7]}-{noise[7:19]}"


def new_cart_token() -> str:
    """A guest's cart token: `ct_` and 256 random bits as 43 URL-safe characters."""
    return "ct_" + secrets.token_urlsafe(32)


def new_share_token() -> str:
    """What a link to a shared cart is known by: `sh_` and 256 random bits as 43 URL-safe characters."""
    return "sh_" + secrets.token_urlsafe(32)


def new_wish_token() -> str:
    """What a link to a shared wishlist is known by: `wl_` and 256 random bits as 43 URL-safe characters."""
    return "wl_" + secrets.token_urlsafe(32)


def new_form_key() -> str:
    """What makes one rendering of a form one request: 43 URL-safe characters of 256 random bits."""
    return secrets.token_urlsafe(32)


def cart_token_of(form_key: str) -> str:
    """The cart token that a form brings a guest who has none: sent twice, it is still one and the same cart."""
    digest = hashlib.sha256(b"pannier cart of form " + form_key.encode()).digest()
    return "ct_" + base64.urlsafe_b64encode(digest).decode().rstrip("=")


def is_cart_token(text: str) -> bool:
    """Whether the text has the shape of a cart token; says nothing of its being known."""
    return _CART_TOKEN.fullmatch(text) is not None


def hash_token(token: str) -> bytes:
    """SHA-256 of a secret. The tokens have 256 bits of their own, so no salt or stretching is needed."""
    return hashlib.sha256(token.encode()).digest()


def new_order_number() -> str:
    """An order number such as `7K3M-9QX2-4TBA`: 60 random bits, so it tells nothing and cannot be guessed."""
    text = new_code(12)
    return f"{text[:4]}-{text[4:8]}-{text[8:]}"


def new_code(length: int) -> str:
    """So many random characters of an alphabet that people do not misread: digits and letters without I, L, O, U."""
    bits = secrets.randbits(5 * length)
    return "".join(_CROCKFORD[bits >> 5 * place & 31] for place in range(length))


def new_gift_card_code() -> str:
    """A gift card's code such as `7K3M-9QX2-4TBA-ZC58`: 80 random bits."""
    text = new_code(16)
    return "-".join(text[place : place + 4] for place in range(0, 16, 4))


def random_fraction() -> float:
    """A number from 0 up to 1, for waits that must not be alike."""
    return secrets.randbits(53) * 2.0**-53


def secret_bytes(count: int) -> bytes:
    """Random bytes for a secret."""
    return secrets.token_bytes(count)


def new_link_token() -> str:
    """The token of a link in a mail: `lt_` and 256 random bits."""
    return "lt_" + secrets.token_urlsafe(32)


def is_link_token(text: str) -> bool:
    """Whether the text has the shape of a link's token."""
    return re.fullmatch(r"lt_[A-Za-z0-9_-]{43}", text) is not None
