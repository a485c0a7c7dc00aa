"""Stripe, by its own library: Payment Intents for a card that is known, its hosted Checkout page without one.

The attempt's id is the idempotency key, and stands in the metadata of everything, so that an attempt whose answer was
lost is found again. Of webhooks only the signature and what they are about is believed.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, Final

import httpx
import stripe

from pannier.kernel.clock import Clock
from pannier.payments.adapters.stripe_amounts import counted, minor
from pannier.payments.adapters.stripe_errors import understood
from pannier.payments.errors import WebhookRefusedError
from pannier.payments.models import Attempt, Notice, PaymentState, Report, Wish
from pannier.payments.ports import ProviderRefusedError, ProviderTroubleError
from pannier.platform.http import http_client

SIGNATURE = "stripe-signature"
_ATTEMPT, _REFUND = "attempt_id", "refund_id"
logger = logging.getLogger(__name__)
# An attempt of which no reference is known was made between these, since clocks differ and answers are late.
_BEFORE, _AFTER = timedelta(minutes=5), timedelta(minutes=20)
# Of the newest so many are looked through; older ones can be searched for.
_PAGES_MAX, _PAGE = 10, 100
# What was made a moment ago is not found by a search.
_SEARCHABLE = timedelta(hours=1)
# Stripe takes no shorter life of a page.
_PAGE_S_MIN = 1860
_STATES: Final[Mapping[str, PaymentState]] = {
    "requires_capture": "authorized",
    "succeeded": "captured",
    "requires_action": "challenged",
    # The bank takes its time: webhook or job find out.
    "processing": "challenged",
    "canceled": "voided",
    "requires_payment_method": "declined",
    "requires_confirmation": "created",
}


class GuardedStripeClient(stripe.HTTPClient):
    """Stripe's library sends by our client, which refuses while a transaction is open."""

    name = "pannier"

    def __init__(self, timeout_s: float) -> None:
        super().__init__()
        self._client = http_client(timeout_s=timeout_s)

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        try:
            answer = await self._client.request(method, url, headers=dict(headers), content=post_data or b"")
        except httpx.HTTPError as problem:
            raise stripe.APIConnectionError(str(problem) or type(problem).__name__) from problem  # type: ignore[no-untyped-call]  # it has no types
        return answer.content, answer.status_code, answer.headers

    async def close_async(self) -> None:
        await self._client.aclose()


class StripeProvider:
    """The `PaymentProvider` called `stripe`."""

    is_promise = False
    code = "stripe"

    def __init__(
        self,
        secret_key: str,
        webhook_secret: str,
        *,
        api_url: str,
        shop_url: str,
        shop_name: str,
        timeout_s: float,
        clock: Clock,
    ) -> None:
        self._clock = clock
        self._webhook_secret = webhook_secret
        self._shop_url = shop_url.rstrip("/")
        self._shop_name = shop_name
        self._http = GuardedStripeClient(timeout_s)
        self._stripe = stripe.StripeClient(
            secret_key, http_client=self._http, base_addresses={"api": api_url.rstrip("/")}, max_network_retries=0
        )

    async def authorize(self, payment: Attempt, wish: Wish) -> Report:
        if wish.token is None:
            return await self._open_page(payment, wish)
        asked: dict[str, Any] = {
            "amount": counted(payment.amount_minor, payment.currency),
            "currency": payment.currency.lower(),
            "payment_method": wish.token,
            "payment_method_types": ["card"],
            "confirm": True,
            "capture_method": "automatic" if wish.is_captured else "manual",
            "metadata": {_ATTEMPT: str(payment.id)},
        }
        if wish.return_url is not None:
            asked["return_url"] = self._address(wish.return_url)
        async with understood(is_asked_first=True):
            try:
                intent = await self._stripe.v1.payment_intents.create_async(asked, _once(payment.id))  # type: ignore[arg-type]  # plain values
            except stripe.CardError as declined:
                return _declined(declined)
            return await self._full(intent, payment)

    async def capture(self, payment: Attempt) -> Report:
        async with understood():
            intent_id = await self._intent_of(payment)
            if intent_id is None:
                raise ProviderRefusedError("nothing was paid")
            known = await self._intent(intent_id)
            if known["status"] == "requires_capture":
                known = await self._stripe.v1.payment_intents.capture_async(
                    intent_id, options=_once(payment.id, "capture")
                )
            return await self._full(known, payment)

    async def void(self, payment: Attempt) -> Report:
        async with understood():
            found = await self._found(payment)
            if found is None:
                return Report(state="voided")
            if found.state in {"captured", "refunded", "voided"}:
                return found
            if (found.reference or "").startswith("cs_") and found.state == "challenged":
                await self._tried(self._stripe.v1.checkout.sessions.expire_async(found.reference or ""))
            else:
                intent_id = await self._intent_of(payment, found)
                if intent_id is not None:
                    await self._tried(self._stripe.v1.payment_intents.cancel_async(intent_id))
            return await self._found(payment) or found

    async def refund(self, payment: Attempt, refund_id: uuid.UUID, amount_minor: int, reason: str) -> Report:
        async with understood():
            intent_id = await self._intent_of(payment)
            if intent_id is None:
                raise ProviderRefusedError("nothing was paid")
            # Stripe forgets its keys after a day, so whoever asks again looks first.
            made = await self._refund_made(intent_id, refund_id) if payment.tries else None
            if made is None:
                made = await self._refund(payment, intent_id, refund_id, amount_minor, reason)
            failure = _failure_of(made)
            if failure is not None:
                raise ProviderRefusedError(failure)
            if made["status"] != "succeeded":
                raise ProviderTroubleError(f"the refund is {made['status']}")
            return await self._full(await self._intent(intent_id), payment)

    async def look_up(self, payment: Attempt) -> Report | None:
        async with understood():
            return await self._found(payment)

    def notice(self, headers: Mapping[str, str], body: bytes) -> Notice:
        try:
            event = stripe.Webhook.construct_event(body, headers.get(SIGNATURE, ""), self._webhook_secret)
        except (ValueError, stripe.SignatureVerificationError) as problem:
            raise WebhookRefusedError("The webhook's signature is not good.") from problem
        about = _plain(event["data"]["object"])
        told = _attempt_of(about) or about.get("client_reference_id")
        reference = about.get("payment_intent") if about.get("object") in {"charge", "refund"} else about.get("id")
        is_refund = about.get("object") == "refund"
        return Notice(
            event["id"],
            event["type"],
            reference,
            _uuid(told),
            _uuid((about.get("metadata") or {}).get(_REFUND)) if is_refund else None,
            _failure_of(about) if is_refund else None,
        )

    async def close(self) -> None:
        await self._http.close_async()

    async def _open_page(self, payment: Attempt, wish: Wish) -> Report:
        back = self._address(wish.return_url)
        life_s = max(_PAGE_S_MIN, int((payment.expires_at - payment.created_at).total_seconds()))
        metadata = {_ATTEMPT: str(payment.id)}
        asked: dict[str, Any] = {
            "mode": "payment",
            "client_reference_id": str(payment.id),
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {
                        "currency": payment.currency.lower(),
                        "unit_amount": counted(payment.amount_minor, payment.currency),
                        "product_data": {"name": self._shop_name},
                    },
                }
            ],
            "success_url": back,
            "cancel_url": back,
            "expires_at": int(payment.created_at.timestamp()) + life_s,
            "metadata": metadata,
            "payment_intent_data": {
                "metadata": metadata,
                "capture_method": "automatic" if wish.is_captured else "manual",
            },
        }
        async with understood(is_asked_first=True):
            session = await self._stripe.v1.checkout.sessions.create_async(asked, _once(payment.id))  # type: ignore[arg-type]  # plain values
            return await self._of_session(session, payment)

    async def _found(self, payment: Attempt) -> Report | None:
        """The payment by its reference, or among those that were made since it began."""
        reference = payment.reference
        if reference is not None and reference.startswith("cs_"):
            return await self._of_session(await self._stripe.v1.checkout.sessions.retrieve_async(reference), payment)
        if reference is not None:
            return await self._full(await self._intent(reference), payment)
        if self._clock.now() > payment.created_at + _SEARCHABLE:
            # A page whose address nobody was told cannot have been paid at without an intent.
            query = {"query": f"metadata['{_ATTEMPT}']:'{payment.id}'"}
            found = await self._stripe.v1.payment_intents.search_async(query)  # type: ignore[arg-type]  # plain values
            return await self._full(found.data[0], payment) if found.data else None
        async for intent in _listed(self._stripe.v1.payment_intents.list_async, payment):
            if _attempt_of(intent) == str(payment.id):
                return await self._full(intent, payment)
        async for session in _listed(self._stripe.v1.checkout.sessions.list_async, payment):
            if session.get("client_reference_id") == str(payment.id):
                return await self._of_session(session, payment)
        return None

    async def _of_session(self, session: Any, payment: Attempt) -> Report:
        """What a page came to; while it is open, where it is."""
        session = _plain(session)
        if session.get("status") == "open":
            return Report(state="challenged", reference=session["id"], action_url=session["url"])
        if session.get("payment_intent") is None:
            return Report(state="voided", reference=session["id"])
        report = await self._full(await self._intent(_id(session["payment_intent"])), payment)
        return Report(**{name: getattr(report, name) for name in Report.__slots__} | {"reference": session["id"]})

    async def _full(self, intent: Any, payment: Attempt) -> Report:
        """What an intent says, with what was given back of its charge."""
        intent = _plain(intent)
        _check_same(intent, payment)
        state = _STATES.get(intent["status"], "created")
        if state == "declined" and not intent.get("last_payment_error"):
            state = "created"
        captured = (intent.get("amount_received") or intent["amount"]) if state == "captured" else 0
        authorized = intent["amount"] if state in {"authorized", "captured"} else 0
        refunded = 0
        if captured and intent.get("latest_charge") is not None:
            charge = _plain(await self._stripe.v1.charges.retrieve_async(_id(intent["latest_charge"])))
            if charge.get("amount_refunded"):
                # It counts what is still pending, and may come to nothing.
                made = [one async for one in self._refunds(charge["id"])]
                refunded = sum(one["amount"] for one in made if one["status"] == "succeeded")
        action = (intent.get("next_action") or {}).get("redirect_to_url") or {}
        error = intent.get("last_payment_error") or {}
        return Report(
            state=state,
            reference=intent["id"],
            authorized_minor=minor(authorized, payment.currency),
            captured_minor=minor(captured, payment.currency),
            refunded_minor=minor(refunded, payment.currency),
            action_url=action.get("url") if state == "challenged" else None,
            reason=error.get("decline_code") or error.get("code"),
        )

    async def _refund(
        self, payment: Attempt, intent_id: str, refund_id: uuid.UUID, amount_minor: int, reason: str
    ) -> dict[str, Any]:
        asked: dict[str, Any] = {
            "payment_intent": intent_id,
            "amount": counted(amount_minor, payment.currency),
            "metadata": {_REFUND: str(refund_id), _ATTEMPT: str(payment.id), "reason": reason[:200]},
        }
        return _plain(await self._stripe.v1.refunds.create_async(asked, _once(refund_id)))  # type: ignore[arg-type]  # plain values

    async def _refund_made(self, intent_id: str, refund_id: uuid.UUID) -> dict[str, Any] | None:
        """The refund as it stands, where it was made before."""
        charge = (await self._intent(intent_id)).latest_charge
        if charge is None:
            return None
        async for made in self._refunds(_id(charge)):
            if (made.get("metadata") or {}).get(_REFUND) == str(refund_id):
                return made
        return None

    async def _refunds(self, charge_id: str) -> AsyncIterator[dict[str, Any]]:
        """All refunds of a charge, the newest first."""
        async for made in _paged(self._stripe.v1.refunds.list_async, {"charge": charge_id, "limit": _PAGE}):
            yield made

    async def _intent(self, intent_id: str) -> Any:
        return await self._stripe.v1.payment_intents.retrieve_async(intent_id)

    async def _intent_of(self, payment: Attempt, found: Report | None = None) -> str | None:
        """The id of the intent behind a payment, of a page's too."""
        reference = payment.reference or (None if found is None else found.reference)
        if reference is None or not reference.startswith("cs_"):
            return reference
        session = await self._stripe.v1.checkout.sessions.retrieve_async(reference)
        return None if session.payment_intent is None else _id(session.payment_intent)

    async def _tried(self, change: Awaitable[Any]) -> None:
        """What is no longer possible has happened already, and is looked at afterwards."""
        try:
            await change
        except stripe.InvalidRequestError:
            return

    def _address(self, url: str | None) -> str:
        return f"{self._shop_url}{url or '/'}" if url is None or url.startswith("/") else url


def _declined(error: stripe.CardError) -> Report:
    about = error.error
    intent = None if about is None else about.payment_intent
    reason = None if about is None else about.decline_code or about.code
    return Report(state="declined", reference=None if intent is None else intent["id"], reason=reason or error.code)


async def _listed(listing: Callable[..., Awaitable[Any]], payment: Attempt) -> AsyncIterator[dict[str, Any]]:
    """What was made about the time of an attempt, the newest first. Raises ProviderTroubleError when it is too much."""
    between = {
        "gte": int((payment.created_at - _BEFORE).timestamp()),
        "lte": int((payment.created_at + _AFTER).timestamp()),
    }
    async for one in _paged(listing, {"created": between, "limit": _PAGE}):
        yield one


async def _paged(listing: Callable[..., Awaitable[Any]], asked: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
    for _ in range(_PAGES_MAX):
        page = await listing(asked)
        for one in page.data:
            yield _plain(one)
        if not page.has_more:
            return
        asked["starting_after"] = page.data[-1].id
    raise ProviderTroubleError("there are too many to find it among them; payments are searched for later")


def _failure_of(refund: Mapping[str, Any]) -> str | None:
    """Why a refund comes to nothing; None as long as it does not."""
    if refund["status"] not in {"failed", "canceled"}:
        return None
    return f"the refund is {refund['status']}: {refund.get('failure_reason') or 'no reason is told'}"


def _check_same(intent: Mapping[str, Any], payment: Attempt) -> None:
    """Raises ProviderTroubleError for an intent that is not about this payment: nothing of it may be booked."""
    told = (_attempt_of(intent) or str(payment.id), intent["currency"].upper(), intent["amount"])
    if told != (str(payment.id), payment.currency, counted(payment.amount_minor, payment.currency)):
        logger.error("payment %s is answered by %s, of another payment: %s", payment.id, intent["id"], told)
        raise ProviderTroubleError(f"{intent['id']} is another payment's")


def _attempt_of(about: Mapping[str, Any]) -> str | None:
    """The attempt that something was made for."""
    told = (about.get("metadata") or {}).get(_ATTEMPT)
    return None if told is None else str(told)


def _once(key: uuid.UUID, step: str = "") -> Any:
    return {"idempotency_key": f"{key}{step and ':' + step}"}


def _plain(value: Any) -> dict[str, Any]:
    found: dict[str, Any] = value if isinstance(value, dict) else value.to_dict()
    return found


def _id(value: Any) -> str:
    return str(value if isinstance(value, str) else value["id"])


def _uuid(text: Any) -> uuid.UUID | None:
    try:
        return uuid.UUID(str(text))
    except ValueError:
        return None
