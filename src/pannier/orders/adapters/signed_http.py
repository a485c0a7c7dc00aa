"""An order service over HTTP, told as the Standard Webhooks rules have it: an id, a time, and a signature of both.

    POST url
    webhook-id: <the event's id>              the same however often it is sent; also as Idempotency-Key
    webhook-timestamp: <seconds since 1970>
    webhook-signature: v1,<base64 of HMAC-SHA256 over "id.timestamp.body">

Any 2xx takes it; a JSON answer's `reference` is kept. 408, 409, 425, 429 and 5xx are told again, anything else refuses.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import httpx
import msgspec

from pannier.kernel.clock import Clock
from pannier.orders.ports import HandoverRefusedError, HandoverTroubleError
from pannier.platform.http import http_client
from pannier.platform.settings import Settings

if TYPE_CHECKING:
    from pannier.orders.models import Handover

_TOLD_AGAIN = frozenset({408, 409, 425, 429})
_REFERENCE_CHARS_MAX = 200


class SignedHttpTaker:
    """The `OrderTaker` behind an address. `secret` is shared with it."""

    def __init__(self, url: str, secret: str, clock: Clock, client: httpx.AsyncClient | None = None) -> None:
        self._url = url
        self._secret = secret.encode()
        self._clock = clock
        self._client = client or http_client()

    async def take(self, handover: Handover, order: Mapping[str, Any]) -> str | None:
        told = {
            "id": handover.id,
            "type": handover.type,
            "timestamp": handover.at,
            "data": handover.data,
            "order": order,
        }
        body = msgspec.json.encode(told, enc_hook=str)
        sent_at = str(int(self._clock.now().timestamp()))
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": str(handover.id),
            "webhook-id": str(handover.id),
            "webhook-timestamp": sent_at,
            "webhook-signature": signature(self._secret, str(handover.id), sent_at, body),
        }
        try:
            answer = await self._client.post(self._url, content=body, headers=headers)
        except httpx.HTTPError as problem:
            raise HandoverTroubleError(str(problem) or type(problem).__name__) from problem
        if answer.status_code in _TOLD_AGAIN or answer.status_code >= 500:
            raise HandoverTroubleError(f"it answers {answer.status_code}")
        if not answer.is_success:
            raise HandoverRefusedError(f"it answers {answer.status_code}")
        return _reference(answer.content)

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()


def open_taker(settings: Settings, clock: Clock) -> SignedHttpTaker | None:
    """The order service that the settings name, if they do. Nobody is asked yet."""
    if settings.order_service_url is None or settings.order_service_secret is None:
        return None
    return SignedHttpTaker(settings.order_service_url, settings.order_service_secret.get_secret_value(), clock)


def signature(secret: bytes, message_id: str, sent_at: str, body: bytes) -> str:
    """What a message is signed with."""
    signed = f"{message_id}.{sent_at}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()


def _reference(body: bytes) -> str | None:
    """What the other side calls the order, where it says so."""
    try:
        found = msgspec.json.decode(body, type=_Answer)
    except msgspec.DecodeError:
        return None
    return None if found.reference is None else str(found.reference)[:_REFERENCE_CHARS_MAX]


class _Answer(msgspec.Struct):
    reference: str | int | None = None
