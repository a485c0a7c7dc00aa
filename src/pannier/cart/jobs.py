"""What carts need done beside requests."""

from __future__ import annotations

from pannier.cart.history_service import HistoryService
from pannier.cart.service import CartService

#: Seconds between two rounds of `touch`.
TOUCH_INTERVAL_S = 10.0
#: Seconds between two rounds of `keep_history`. Readers see what is still in the outbox, so nothing waits for it.
HISTORY_INTERVAL_S = 5.0
#: Seconds between two looks for carts that are idle.
IDLE_INTERVAL_S = 60.0


async def clean_up(carts: CartService) -> None:
    """Warn of carts that are about to expire, and close those whose time is up.

    Reads and writes decide the latter themselves; this gives back and tidies.
    """
    await carts.warn_of_expiry()
    await carts.expire_due()


async def notice_idle(carts: CartService) -> None:
    """Call carts abandoned that nobody shops with any more."""
    await carts.call_abandoned()


async def touch(carts: CartService) -> None:
    """Remember that carts were looked at."""
    await carts.touch_seen()


async def keep_history(history: HistoryService) -> None:
    """Copy the events of carts from the outbox, which is pruned, to where they stay."""
    await history.take()
