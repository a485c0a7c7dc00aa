"""Amounts as Stripe counts them, which is not always as ISO 4217 does."""

from __future__ import annotations

from typing import Final

from pannier.kernel.money import format_amount
from pannier.payments.ports import ProviderRefusedError

# https://docs.stripe.com/currencies: what it counts otherwise than ISO 4217 does, and what it takes no single units of.
_COUNTED_IN_HUNDREDTHS: Final = frozenset({"ISK", "UGX"})
_COUNTED_IN_WHOLES: Final = frozenset({"MGA"})
_COUNTED_IN_TENS: Final = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})


def counted(amount_minor: int, currency: str) -> int:
    """The amount as Stripe counts it. Raises ProviderRefusedError for one that it cannot take."""
    step = 100 if currency in _COUNTED_IN_WHOLES else 10 if currency in _COUNTED_IN_TENS else 1
    if amount_minor % step:
        smallest, asked = format_amount(step, currency), format_amount(amount_minor, currency)
        raise ProviderRefusedError(f"{asked} {currency} cannot be paid by Stripe, which takes multiples of {smallest}")
    if currency in _COUNTED_IN_WHOLES:
        return amount_minor // 100
    return amount_minor * 100 if currency in _COUNTED_IN_HUNDREDTHS else amount_minor


def minor(amount: int, currency: str) -> int:
    """The minor units of what Stripe has counted."""
    if currency in _COUNTED_IN_WHOLES:
        return amount * 100
    return amount // 100 if currency in _COUNTED_IN_HUNDREDTHS else amount
