"""What runs beside the requests."""

from __future__ import annotations

from pannier.checkout.drafts import DraftService
from pannier.checkout.service import CheckoutService

#: Seconds between two looks for sessions whose time is up. Whoever reads or changes one sees it by himself.
EXPIRE_INTERVAL_S = 60.0


async def resume(checkouts: CheckoutService) -> None:
    """Carry on completions that a crash has left, payments that wait for their shopper, and refunds."""
    await checkouts.completion.resume()


async def expire(drafts: DraftService) -> None:
    """Close sessions whose time is up, and tell of it."""
    await drafts.expire_due()
