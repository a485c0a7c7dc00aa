"""What accounts need done beside requests."""

from __future__ import annotations

from pannier.accounts import repository
from pannier.platform.database import Database

#: Seconds between two looks for mails that are due.
MAIL_INTERVAL_S = 2.0
PRUNE_INTERVAL_S = 3600.0


async def prune(db: Database) -> None:
    """Delete links, sessions, mails and counted attempts whose time is over."""
    now = db.clock.now()
    await db.write(lambda connection: repository.prune(connection, now), db.job_patience_s)
