"""Keeping the process's copy of whose access has ended."""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pannier.platform.database import Database, DatabaseUnavailableError
from pannier.platform.tokens.ended import EndedAccess, Ending, user_subject

if TYPE_CHECKING:
    from pannier.platform.database import Connection

#: Seconds between two looks: for so long an ended session may act in another process.
INTERVAL_S = 1.0
#: Whoever is to be erased is shut out at that moment, and erased when every request that began before it is over.
SHUT_OUT_BEFORE = timedelta(seconds=10)
#: How long it is known whose tokens of an outside issuer were made before their user was erased here.
_USERS_KEPT = timedelta(days=30)
# Known beforehand, so that every process shuts them out at the same moment.
_AHEAD = timedelta(minutes=1)


class EndedSessions:
    """The database's list, and the process's copy of it."""

    def __init__(self, db: Database, access: EndedAccess) -> None:
        self._db = db
        self.access = access

    async def refresh(self) -> None:
        """Read the list anew."""
        async with self._db.read() as connection:
            self.access.replace(await endings(connection, self._db.clock.now()))

    async def catch_up(self) -> None:
        """`refresh` after a change of our own; where the database is gone by now the next look will do."""
        with contextlib.suppress(DatabaseUnavailableError):
            await self.refresh()


async def endings(connection: Connection, now: datetime) -> list[Ending]:
    """Sessions that were ended lately, users who were erased, and those whose erasure is about to begin."""
    rows = await connection.fetch(
        "select subject, ended_at as at, is_final from access_ended where until > $1 union all"
        " select sha256(convert_to('user:' || user_id, 'UTF8')), due_at, true from erasure where due_at < $2",
        now,
        now + _AHEAD,
    )
    return [Ending(bytes(row["subject"]), row["at"], row["is_final"]) for row in rows]


async def end_user(connection: Connection, user_id: str, now: datetime) -> None:
    """No token of the user's that was made until now is good."""
    await connection.execute(
        "insert into access_ended (subject, ended_at, until, is_final) values ($1, $2, $3, false)"
        " on conflict (subject) do update set ended_at = excluded.ended_at, until = excluded.until",
        user_subject(user_id),
        now,
        now + _USERS_KEPT,
    )
