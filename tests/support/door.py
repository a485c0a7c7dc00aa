"""A door in the shop's own SQL: whoever comes to it waits, until so many are there that they must meet.

    await with_door(db, "checkout_place")                  # before the first statement of this function
    async with closed_door(url) as door:
        crowd = asyncio.create_task(...)
        await door.crowded(2)                              # and it opens at the end of the block
    results = await crowd

A negative control shows nothing unless two are provably where the guard would have let in one. With a door it does not
depend on who is how fast; where they cannot meet it fails, and says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from typing import Any

import asyncpg

from pannier.platform.database import Database

_NUMBER = 4711
#: A place to wait at, in SQL.
WAIT = f"perform pg_advisory_xact_lock_shared({_NUMBER});"
#: Settings of a shop whose shoppers wait at a door on a slow machine without losing patience.
PATIENT: dict[str, Any] = {
    "database_lock_timeout_s": 60.0,
    "database_statement_timeout_s": 60.0,
    "completion_lease_s": 120.0,
}
_WAITING = """
    select count(*) from pg_locks l join pg_database d on d.oid = l.database
     where l.locktype = 'advisory' and l.objid = $1 and not l.granted and d.datname = current_database()
"""


class Door:
    """A closed door; `crowded` tells when enough stand before it."""

    def __init__(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        self._connection = connection

    async def crowded(self, count: int, within_s: float = 30.0) -> None:
        """Wait until `count` transactions stand before it. Fails when they do not come."""
        deadline = asyncio.get_running_loop().time() + within_s
        while (come := await self._connection.fetchval(_WAITING, _NUMBER)) < count:
            assert asyncio.get_running_loop().time() < deadline, (
                f"{come} came to the door where {count} should meet: this control controls nothing"
            )
            await asyncio.sleep(0.01)

    async def open(self) -> None:
        """Let them in before the end of the block."""
        await self._connection.execute("select pg_advisory_unlock($1)", _NUMBER)


@contextlib.asynccontextmanager
async def closed_door(url: str) -> AsyncIterator[Door]:
    """Keep the door closed for the length of the block."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("select pg_advisory_lock($1)", _NUMBER)
        yield Door(connection)
    finally:
        await connection.close()


async def with_door(db: Database, function: str) -> None:
    """Put the door before the first statement of a PL/pgSQL function."""
    async with db.read() as connection:
        source: str = await connection.fetchval(
            "select pg_get_functiondef(oid) from pg_proc where proname = $1", function
        )
        changed, count = re.subn(r"(?m)^begin$", f"begin\n  {WAIT}", source, count=1)
        assert count == 1, f"{function} has no beginning: this control controls nothing"
        await connection.execute(changed)
