"""What orders need done beside requests."""

from __future__ import annotations

from pannier.orders.refunding import RefundService

#: Seconds between two looks for refunds that a crash, or a provider that did not answer, left pending.
REFUND_INTERVAL_S = 20.0


async def give_refunds(refunds: RefundService) -> None:
    """Give what is due."""
    await refunds.give_due()
