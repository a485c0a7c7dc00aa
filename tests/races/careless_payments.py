"""Shops with one guard of a payment off, each in processes of its own."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

from pannier.app.factory import create_app
from pannier.checkout import rules, steps
from pannier.checkout.looking import Decision
from pannier.checkout.repository import Found
from pannier.orders import paying
from pannier.payments.adapters import stripe
from pannier.platform.settings import Settings


def _never_told(key: uuid.UUID, step: str = "") -> Any:  # which is what it leaves out
    return {}


def without_claim(settings: Settings) -> Any:
    """Whoever completes a checkout does not look whether somebody is at it."""
    complete = steps.complete

    def carelessly(found: Found, *asked: Any) -> Decision:
        if found.session is not None and found.session.status in rules.PAYING:
            found = replace(found, attempt=None, session=replace(found.session, status="incomplete"))
        return complete(found, *asked)

    steps.complete = carelessly  # type: ignore[assignment]  # in a process that is this test's own
    return create_app(settings)


def without_key(settings: Settings) -> Any:
    """The provider is not told that it was asked the same before."""
    stripe._once = _never_told  # in a process that is this test's own
    return create_app(settings)


def without_look_up(settings: Settings) -> Any:
    """Whoever takes over a payment does not ask what became of it, and takes it for never made."""
    stripe.StripeProvider.look_up = _nothing  # type: ignore[assignment, method-assign]  # in a process that is this test's own
    return create_app(settings)


def without_looking(settings: Settings) -> Any:
    """Whoever pays what an order has due does not look whether somebody is at it."""
    paying.find_paying_attempt = _nothing  # type: ignore[assignment, attr-defined]  # in a process that is this test's own
    return create_app(settings)


async def _nothing(*_: Any) -> None:
    return None
