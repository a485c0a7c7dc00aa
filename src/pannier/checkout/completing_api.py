"""The short cut to completing a checkout, which is what a shop under load does most beside looking at carts.

It takes requests of the common form, and passes on all else to `complete_checkout` of `checkout/api.py`, which
describes the route and judges what is malformed: so nothing is refused here, and nothing is refused differently.
"""

from __future__ import annotations

import re
import uuid

import msgspec
import pydantic

from pannier.checkout.schemas import CompleteCheckout, MoneyInput
from pannier.checkout.service import CheckoutAnswer, CheckoutService
from pannier.platform.hot import HotRequest, HotResponse, HotRoute
from pannier.platform.idempotency import Key, key_of, replay_headers
from pannier.platform.principal import Principal

_UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


async def carry_out(
    checkouts: CheckoutService, asker: Principal, checkout_id: uuid.UUID, body: CompleteCheckout, key: Key | None
) -> CheckoutAnswer:
    """What `CheckoutService.complete` makes of a body. Raises what that does, and ForbiddenError."""
    if body.external_reference is not None:
        asker.require("staff")
    expected = body.expected_total
    return await checkouts.complete(
        asker,
        checkout_id,
        payment_method=body.payment_method,
        payment_token=body.payment_token,
        return_url=body.return_url,
        expected_total=(expected.amount, expected.currency) if isinstance(expected, MoneyInput) else expected,
        external_reference=body.external_reference,
        key=key,
    )


async def complete_at_once(request: HotRequest) -> HotResponse | None:
    """Complete a checkout; None where the request is not of the common form."""
    body = _body_of(request)
    if body is None:
        return None
    key = request.header("idempotency-key")
    known = key_of(request.principal, key, method="POST", target=request.scope["path"], body=request.body)
    checkouts, checkout_id = request.service(CheckoutService), uuid.UUID(request.param)
    answer = (await carry_out(checkouts, request.principal, checkout_id, body, known)).answer
    headers = [(name.lower().encode(), value.encode()) for name, value in replay_headers(answer).items()]
    return HotResponse(answer.body, answer.status, headers)


def _body_of(request: HotRequest) -> CompleteCheckout | None:
    """The body of a request of the common form."""
    # Of a header that was sent twice, FastAPI takes the first.
    is_plain = len(request.headers) == len(request.scope["headers"]) and _UUID.fullmatch(request.param) is not None
    if not is_plain or request.headers.get(b"content-type") != b"application/json":
        return None
    try:
        return CompleteCheckout.model_validate(msgspec.json.decode(request.body))
    except (msgspec.DecodeError, pydantic.ValidationError, UnicodeDecodeError, RecursionError):
        return None


HOT_ROUTES = (HotRoute("POST", "/api/v1/checkouts/{checkout_id}/complete", complete_at_once, None),)
