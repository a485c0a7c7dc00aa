"""What the search takes in after the change that brought it: new words, and products that came into stock or left."""

from __future__ import annotations

from pannier.catalog import search_repository
from pannier.platform.database import Database

#: Between two looks: so long a new word is none that a mistyped one is compared with.
CATCH_UP_INTERVAL_S = 2.0
#: Tasks of one transaction: few enough that nobody waits for it.
BATCH = 500


async def catch_up(db: Database, *, batch: int = BATCH) -> int:
    """Take in all that the index was told of, batch by batch; answers how many tasks that were.

    Another process that is at it already does the rest, and what is being written at this moment waits for next time.
    """
    total = 0
    while done := await db.write(lambda connection: search_repository.catch_up(connection, batch), db.job_patience_s):
        total += done
    return total
