"""Tidying up what ran out: a convenience. Stock is right without it, see sql/sweep.sql."""

from __future__ import annotations

from pannier.inventory import repository
from pannier.inventory.models import SweepResult
from pannier.platform.database import Database

#: Holds let go in one transaction: few enough that nobody waits for it.
BATCH = 200


async def sweep(db: Database, *, is_alone: bool = False, batch: int = BATCH) -> SweepResult:
    """Let go of every hold that has run out, batch by batch.

    With `is_alone` it leaves the work to another process that is at it already.
    """
    holds = reservations = 0
    while True:
        done = await db.write(
            lambda conn: repository.sweep(conn, batch, is_alone=is_alone, offset=db.offset), db.job_patience_s
        )
        holds += done.holds
        reservations += done.reservations
        if not done.was_alone or (done.holds == 0 and done.reservations < batch):
            return SweepResult(holds, reservations, done.was_alone)
