"""What runs beside the requests."""

from __future__ import annotations

from pannier.checkout.service import CheckoutService


async def resume(checkouts: CheckoutService) -> None:
    """Carry on completions that a crash has left, payments that wait for their shopper, and refunds."""
    await checkouts.completion.resume()
