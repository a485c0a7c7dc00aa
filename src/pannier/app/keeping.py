"""What is kept for a while only: answers to Idempotency-Keys, events that every consumer has, lists of guests,
webhooks of payments, what an order service has taken."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from pannier.orders import HandoverService
from pannier.orders.jobs import keep_no_events
from pannier.payments import PaymentService
from pannier.platform import outbox
from pannier.platform.database import Database
from pannier.platform.settings import Settings

if TYPE_CHECKING:
    from pannier.platform.database import Connection

#: Seconds between two rounds of pruning.
PRUNE_INTERVAL_S = 600.0
BATCH = 5000


async def prune(db: Database, settings: Settings, payments: PaymentService, handovers: HandoverService) -> None:
    """Delete what is past its time, in small transactions; several processes at it do not wait for each other."""
    await prune_answers(db, timedelta(hours=settings.idempotency_ttl_hours))
    await keep_no_events(db, handovers)
    await outbox.prune(db, timedelta(days=settings.event_ttl_days))
    await handovers.prune(timedelta(days=settings.event_ttl_days))
    await prune_guest_lists(db, settings.cart_session_ttl_days)
    await payments.prune()


async def prune_answers(db: Database, keep: timedelta, batch: int = BATCH) -> int:
    """Delete answers to Idempotency-Keys that are older than `keep`; answers how many."""
    total = 0
    while True:
        gone: int = await db.write(
            lambda conn: conn.fetchval("select idempotency_prune($1, $2, $3)", batch, keep, db.offset),
            db.job_patience_s,
        )
        total += gone
        if gone < batch:
            return total


async def prune_guest_lists(db: Database, ttl_days: float, batch: int = 500) -> int:
    """Take away wishlists of guests who have no cart any more and whom nobody has seen for so long; 0 is never.

    Answers how many. A guest who still shops keeps them, however old they are.
    """
    total = 0
    while ttl_days:
        before = db.clock.now() - timedelta(days=ttl_days)
        tag = await db.write(partial(_delete_guest_lists, before=before, batch=batch))
        gone = int(tag.rpartition(" ")[2])
        total += gone
        if gone < batch:
            break
    return total


async def _delete_guest_lists(connection: Connection, before: datetime, batch: int) -> str:
    return await connection.execute(
        """
        delete from wishlist where id in (
          select w.id from wishlist w
           where w.token_hash is not null and w.updated_at < $1 and not exists (
             select 1 from cart c where c.token_hash = w.token_hash and c.status in ('active', 'abandoned'))
           order by w.updated_at limit $2 for update skip locked)
        """,
        before,
        batch,
    )
