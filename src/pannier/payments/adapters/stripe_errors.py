"""Stripe's errors as ours."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import stripe

from pannier.payments.ports import ProviderRefusedError, ProviderTroubleError

# Somebody is asking the same this very moment: what comes of it is not known yet.
_PASSING: Final = frozenset({"idempotency_key_in_use", "lock_timeout"})
_NOT_FOUND: Final = 404
logger = logging.getLogger(__name__)


@asynccontextmanager
async def understood(*, is_asked_first: bool = False) -> AsyncIterator[None]:
    """Stripe's errors as ours: what may have been done or not, and what will not be.

    Where the shop's own key is not good, or something that was there is not found by it, the shop has to be put in
    order: nothing is refused for good. `is_asked_first`: nothing was made yet, so the shopper may pay in another way.
    """
    try:
        yield
    except (stripe.AuthenticationError, stripe.PermissionError) as locked:
        logger.error("Stripe refuses the shop's key: %s", _text(locked))
        if is_asked_first:
            raise ProviderRefusedError("the shop's account is not in order") from locked
        raise ProviderTroubleError("the key is refused") from locked
    except stripe.IdempotencyError as trouble:
        raise ProviderTroubleError(_text(trouble)) from trouble
    except (stripe.InvalidRequestError, stripe.CardError) as refused:
        if refused.code in _PASSING or (refused.http_status == _NOT_FOUND and not is_asked_first):
            raise ProviderTroubleError(_text(refused)) from refused
        raise ProviderRefusedError(_text(refused)) from refused
    except stripe.StripeError as trouble:
        raise ProviderTroubleError(_text(trouble)) from trouble


def _text(error: stripe.StripeError) -> str:
    return str(error.user_message or error)[:300]
