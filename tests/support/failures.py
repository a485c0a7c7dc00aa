"""What a database does at the worst moment."""

from __future__ import annotations

import asyncio

import asyncpg

from pannier.platform.database import Database

_END = (
    "select count(pg_terminate_backend(pid)) from pg_stat_activity "
    "where wait_event_type = 'Lock' and query like $1 and datname = current_database()"
)


async def block_records(url: str) -> asyncpg.Connection[asyncpg.Record]:
    """A session that lets nobody write an idempotency record until it is closed: others wait at their last step."""
    blocker = await asyncpg.connect(url)
    await blocker.execute("begin; lock table idempotency_record in share mode")
    return blocker


async def end_waiting(db: Database, query: str) -> int:
    """End the backends that wait for a lock in such a statement, as soon as there are any; answers how many."""
    for _ in range(1000):
        async with db.read() as connection:
            ended: int = await connection.fetchval(_END, f"%{query}%")
        if ended:
            return ended
        await asyncio.sleep(0.01)
    return 0
