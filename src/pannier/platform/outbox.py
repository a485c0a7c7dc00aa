"""Reading the outbox: every event at least once, in order per aggregate, to each consumer at its own pace.

Events are written in the transaction of the change they tell of. A consumer keeps a cursor, the place
`(transaction, sequence)` up to which it has handled everything. Neither number alone would do: a transaction that
took a low sequence may commit last, and would be passed over. See sql/outbox.sql.

    await consume(db, "mailer", handle)            # one batch; True when there may be more
    await Consumer(db, "mailer", handle).run()     # for ever: woken by NOTIFY, looking anyway now and then

The handler is called again with the same events when the process dies before the cursor is stored, so it must know
an event again by `id`, or do the same thing twice without harm.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import asyncpg

from pannier.kernel.events import Event
from pannier.platform.database import CONNECTION_LOST, UNHURRIED_S, Database, DatabaseUnavailableError

if TYPE_CHECKING:
    from pannier.platform.database import Connection

Handler = Callable[[Sequence[Event]], Awaitable[None]]

CHANNEL = "pannier_event"
#: How long a consumer waits before it looks without having been told; also what hides a lost NOTIFY.
POLL_S = 2.0
#: At most one NOTIFY per process in this time: it takes a lock of the whole database at commit.
NOTIFY_EVERY_S = 0.05
LAG_COUNT_MAX = 10_000

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a consumer is behind. `events` stops counting at LAG_COUNT_MAX."""

    events: int
    oldest_s: float


@dataclass(frozen=True, slots=True)
class Pruned:
    """Events that the pruner has passed in one step, and those it has deleted."""

    passed: int
    deleted: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Events, and the place up to which that was everything. `is_full` when there may be more behind it."""

    events: Sequence[Event]
    end: tuple[int, int]
    is_full: bool


async def read(conn: Connection, after: tuple[int, int], places: int) -> Batch:
    """The events at the next places, of transactions that are all over, in order per aggregate.

    More than `places` when an earlier version of an aggregate has a later place: it is given with the later version,
    and not again at its own place.
    """
    rows = await conn.fetch("select * from event_read($1::text::xid8, $2, $3)", str(after[0]), after[1], places)
    if not rows:
        return Batch([], after, is_full=False)
    events = [
        Event(
            id=row["id"],
            type=row["type"],
            aggregate_kind=row["aggregate_kind"],
            aggregate_id=row["aggregate_id"],
            version=row["version"],
            data=row["data"],
            actor=row["actor"],
            device=row["device"],
            correlation_id=row["correlation_id"],
            at=row["at"],
            position=(int(row["transaction_id"]), row["sequence"]),
        )
        for row in rows
        if row["id"] is not None
    ]
    end = int(rows[0]["end_transaction"]), rows[0]["end_sequence"]
    return Batch(events, end, is_full=rows[0]["places"] == places)


async def consume(db: Database, consumer: str, handler: Handler, batch: int = 500) -> bool:
    """Hand the next events to the handler, then store how far it came. True when there may be more.

    The handler runs outside any transaction and may use the network. What it raises is raised, and the same
    events come again. Two processes under one name do not disturb the order: only the one that has the consumer's
    lock is given anything, and the other is told that there is nothing.
    """
    async with _turn(db, consumer) as conn:
        if conn is None:
            return False
        place = await _cursor(conn, consumer)
        found = await read(conn, place, batch)
        if found.events:
            await handler(found.events)
        if found.end != place:
            await _store(conn, consumer, found.end)
    return found.is_full


async def lag(db: Database, consumer: str) -> Lag:
    """How far a consumer is behind; a transaction that is still running may hold it up."""
    async with db.read() as conn:
        row = await conn.fetchrow("select * from event_lag($1, $2, $3)", consumer, LAG_COUNT_MAX, db.offset)
    assert row is not None
    return Lag(row["waiting"], row["oldest_s"])


async def forget_consumer(db: Database, consumer: str) -> None:
    """Keep nothing for a consumer that is no more. One of its name that comes again begins with what is there then."""
    async with db.read() as conn:
        await conn.execute("delete from event_cursor where consumer = $1", consumer)


async def prune(db: Database, keep: timedelta, batch: int = 5000) -> Pruned:
    """Delete events that every consumer has and that are older than `keep`, but never an aggregate's newest."""
    total = Pruned(0, 0)
    while True:
        row = await db.write(
            lambda conn: conn.fetchrow("select * from event_prune($1, $2, $3)", batch, keep, db.offset),
            db.job_patience_s,
        )
        assert row is not None
        total = Pruned(total.passed + row["passed"], total.deleted + row["gone"])
        if row["passed"] < batch:
            return total


async def _cursor(conn: Connection, consumer: str) -> tuple[int, int]:
    row = await conn.fetchrow(
        "select transaction_id::text as transaction_id, sequence from event_cursor where consumer = $1", consumer
    )
    if row is None:
        await conn.execute("insert into event_cursor (consumer) values ($1) on conflict do nothing", consumer)
        return 0, 0
    return int(row["transaction_id"]), row["sequence"]


async def _store(conn: Connection, consumer: str, place: tuple[int, int]) -> None:
    await conn.execute(
        "update event_cursor set transaction_id = $2::text::xid8, sequence = $3, updated_at = clock_timestamp()"
        " where consumer = $1",
        consumer,
        str(place[0]),
        place[1],
    )


@contextlib.asynccontextmanager
async def _turn(db: Database, consumer: str) -> AsyncIterator[Connection | None]:
    """The connection of the one process whose turn it is; None in the others.

    The lock is the session's and not a transaction's: while the handler works none may be open, or it would hold
    up every reader of the outbox, which goes by the oldest transaction that runs.
    """
    # Not db.read(), which takes every OSError within it for one of the database: the handler may have its own.
    async with db.pool.acquire() as conn:
        name = f"pannier.consume:{consumer}"
        locked = "(hashtextextended(current_schema() || $1, 0))"
        if not await conn.fetchval(f"select pg_try_advisory_lock{locked}", name):
            yield None
            return
        is_unlocked = False
        try:
            yield conn
        finally:
            try:
                if not conn.is_closed():
                    await conn.execute(f"select pg_advisory_unlock{locked}", name)
                    is_unlocked = True
            finally:
                if not is_unlocked:
                    # The pool would give the connection out again with the consumer's lock on it.
                    conn.terminate()


class Notifier:
    """Tells consumers, in whatever process, that there are new events: once for however many commits.

    Call `poke()` after a commit; it costs nothing and never waits. One task per process runs `run()`.
    """

    def __init__(self, db: Database, every_s: float = NOTIFY_EVERY_S) -> None:
        self._db = db
        self._every_s = every_s
        self._poked = asyncio.Event()
        self.sent = 0

    def poke(self) -> None:
        """There are new events, and they are committed."""
        self._poked.set()

    async def run(self) -> None:
        """Send for as long as the application runs. A NOTIFY that cannot be sent is left to the consumers' polling."""
        while True:
            await self._poked.wait()
            self._poked.clear()
            try:
                async with self._db.read() as conn:
                    await conn.execute(f"notify {CHANNEL}")
                self.sent += 1
            except DatabaseUnavailableError:
                _logger.info("no NOTIFY while the database is away; consumers look by themselves")
            await asyncio.sleep(self._every_s)


class Consumer:
    """Runs one consumer for ever: after a NOTIFY, and every `poll_s` seconds in case one was lost."""

    def __init__(self, db: Database, name: str, handler: Handler, *, batch: int = 500, poll_s: float = POLL_S) -> None:
        self._db = db
        self._name = name
        self._handler = handler
        self._batch = batch
        self._poll_s = poll_s
        self._woken = asyncio.Event()

    async def run(self) -> None:
        """Ends by being cancelled, or with what the handler or the database raised; its job starts it again."""
        async with self._listening():
            while True:
                self._woken.clear()
                while await consume(self._db, self._name, self._handler, self._batch):
                    pass
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), self._poll_s)

    @contextlib.asynccontextmanager
    async def _listening(self) -> AsyncIterator[None]:
        def wake(*_: Any) -> None:
            self._woken.set()

        async with self._db.read(UNHURRIED_S) as conn:
            await conn.add_listener(CHANNEL, wake)
            try:
                yield
            finally:
                with contextlib.suppress(*CONNECTION_LOST, asyncpg.PostgresError):
                    await conn.remove_listener(CHANNEL, wake)
