"""What wishlists need done beside requests."""

from __future__ import annotations

from pannier.accounts import MailPort
from pannier.wishlist.noticing import NoticeService

#: Seconds between two looks for what came back or became cheaper, and for notices that are due.
LOOK_INTERVAL_S = 5.0
MAIL_INTERVAL_S = 5.0
PRUNE_INTERVAL_S = 3600.0


async def look(notices: NoticeService) -> None:
    """Note what is news."""
    await notices.look()


async def tell(notices: NoticeService, port: MailPort) -> None:
    """Send the notices that are due."""
    await notices.send_due(port)


async def prune(notices: NoticeService) -> None:
    """Forget notices of long ago."""
    await notices.prune()
