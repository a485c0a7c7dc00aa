"""The outbox: every event at least once, in order per aggregate, whatever commits when."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import asyncpg
import pytest

from pannier.kernel.clock import ManualClock
from pannier.kernel.events import Event
from pannier.kernel.ids import uuid7
from pannier.platform.database import Database
from pannier.platform.outbox import Consumer, Notifier, Pruned, consume, lag, prune, read
from tests.support.waiting import asked_until_given, wait_until_async

if TYPE_CHECKING:
    from pannier.platform.database import Connection

CART_1, CART_2 = uuid.UUID(int=1), uuid.UUID(int=2)
MONTH = timedelta(days=30)


async def write(conn: Connection, aggregate: uuid.UUID, version: int) -> None:
    await conn.execute(
        "insert into event (aggregate_id, version, aggregate_kind, id, type, data, actor, at)"
        " values ($1, $2, 'cart', $3, 'cart.changed', $4, 'guest', clock_timestamp())",
        aggregate,
        version,
        uuid7(),
        {"version": version},
    )


async def given_out(db: Database) -> None:
    """Wait until no transaction is older than the newest event, as of a vacuum, or of another test's database's end.

    Where one ends between two looks of `event_horizon`, that cannot tell whose it was, and holds back till it is asked
    again; what is held back is not lost, but these tests look once.
    """

    async def may_be_given() -> bool | None:
        async with db.read() as connection:
            oldest = "pg_snapshot_xmin(pg_current_snapshot())"
            newest = "coalesce((select max(transaction_id) from event), pg_snapshot_xmax(pg_current_snapshot()))"
            found = await connection.fetchval(f"select {oldest} >= {newest}")
        return True if found else None

    await asked_until_given(may_be_given)


async def written(db: Database, *events: tuple[uuid.UUID, int], is_held: bool = False) -> None:
    """Write events, each in a transaction; `is_held`: an older one of the test's own is under way."""
    for aggregate, version in events:
        await db.write(lambda conn, a=aggregate, v=version: write(conn, a, v))  # type: ignore[misc] # bound early
    if not is_held:
        await given_out(db)


@contextlib.asynccontextmanager
async def open_transaction(db: Database) -> AsyncIterator[Connection]:
    """A transaction that has its id already, as one that waits for a lock on a cart has."""
    async with db.pool.acquire() as conn:
        transaction = conn.transaction()
        await transaction.start()
        await conn.fetchval("select pg_current_xact_id()")
        yield conn
        await transaction.commit()


class Seen:
    """A handler that remembers what it was given."""

    def __init__(self) -> None:
        self.batches: list[list[Event]] = []

    async def __call__(self, events: Sequence[Event]) -> None:
        self.batches.append(list(events))

    @property
    def keys(self) -> list[tuple[int, int]]:
        return [(event.aggregate_id.int, event.version) for batch in self.batches for event in batch]


async def test_events_come_as_they_were_written(db: Database) -> None:
    await written(db, (CART_1, 1), (CART_2, 1), (CART_1, 2))
    seen = Seen()
    assert not await consume(db, "mailer", seen)
    assert seen.keys == [(1, 1), (2, 1), (1, 2)]
    event = seen.batches[0][2]
    assert (event.type, event.aggregate_kind, event.actor, event.data) == (
        "cart.changed",
        "cart",
        "guest",
        {"version": 2},
    )
    assert not await consume(db, "mailer", seen)
    assert len(seen.batches) == 1


async def test_who_reads_one_kind_passes_by_the_others(db: Database) -> None:
    await written(db, (CART_1, 1), (CART_2, 1), (CART_1, 2))
    await db.pool.execute("update event set aggregate_kind = 'order' where aggregate_id = $1", CART_2)
    rows = await db.pool.fetch("select aggregate_id, version, places from event_read('0', 0, 10, 'cart')")
    assert [tuple(row) for row in rows] == [(CART_1, 1, 3), (CART_1, 2, 3)]
    (row,) = await db.pool.fetch("select id, places from event_read('0', 0, 10, 'stock')")
    assert tuple(row) == (None, 3)


async def test_batches_follow_each_other(db: Database) -> None:
    await written(db, *[(CART_1, version) for version in range(1, 8)])
    seen = Seen()
    while await consume(db, "mailer", seen, batch=3):
        pass
    assert seen.keys == [(1, version) for version in range(1, 8)]
    assert [len(batch) for batch in seen.batches] == [3, 3, 1]


async def test_a_transaction_that_commits_last_is_not_passed_over(db: Database) -> None:
    await given_out(db)
    seen = Seen()
    async with open_transaction(db) as slow:
        await write(slow, CART_1, 1)
        await written(db, (CART_2, 1), is_held=True)
        await consume(db, "mailer", seen)
        # What a cursor over the sequence alone would have done at this moment: the negative control.
        async with db.read() as conn:
            newest = await conn.fetchval("select max(sequence) from event")
    async with db.read() as conn:
        passed_over = await conn.fetch("select aggregate_id from event where sequence > $1", newest)
    assert seen.keys == []
    assert passed_over == []
    await given_out(db)
    await consume(db, "mailer", seen)
    assert seen.keys == [(1, 1), (2, 1)]


async def test_a_long_transaction_of_another_database_holds_nobody_up(db: Database, other_database_url: str) -> None:
    """Its id is from the same counter, so by that alone it would."""
    await given_out(db)
    other = await asyncpg.connect(other_database_url)
    try:
        transaction = other.transaction()
        await transaction.start()
        running = await other.fetchval("select pg_current_xact_id()::text::bigint")
        await written(db, (CART_1, 1), is_held=True)
        async with db.read() as conn:
            oldest = await conn.fetchval("select pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
        seen = Seen()
        await consume(db, "mailer", seen)
        await transaction.rollback()
    finally:
        await other.close()
    assert oldest <= running
    assert seen.keys == [(1, 1)]


async def test_a_late_version_with_an_early_transaction_comes_after_its_predecessors(db: Database) -> None:
    await given_out(db)
    async with open_transaction(db) as early:
        await written(db, (CART_1, 1), (CART_1, 2), (CART_2, 1), is_held=True)
        await write(early, CART_1, 3)
    await written(db, (CART_1, 4))
    for batch in (1, 2, 3, 100):
        seen = Seen()
        while await consume(db, f"reader-{batch}", seen, batch):
            pass
        await consume(db, f"reader-{batch}", seen, batch)
        assert [key for key in seen.keys if key[0] == 1] == [(1, 1), (1, 2), (1, 3), (1, 4)]
        assert seen.keys.count((2, 1)) == 1
    async with db.read() as conn:
        places = await conn.fetch("select version from event where aggregate_id = $1 order by transaction_id", CART_1)
    # The negative control: their places alone have the third first.
    assert [row["version"] for row in places] == [3, 1, 2, 4]


async def test_a_predecessor_that_is_not_yet_safe_to_read_comes_along(db: Database) -> None:
    """Version 1 has a place behind a transaction that still runs; version 2 has one before it."""
    await given_out(db)
    seen = Seen()
    async with open_transaction(db) as first, open_transaction(db) as running:
        await written(db, (CART_1, 1), is_held=True)
        await write(first, CART_1, 2)
        await write(running, CART_2, 1)
        # `first` commits while `running` goes on.
        await first.execute("commit; begin")
        await consume(db, "mailer", seen)
        assert seen.keys == [(1, 1), (1, 2)]
    await given_out(db)
    await consume(db, "mailer", seen)
    assert seen.keys == [(1, 1), (1, 2), (2, 1)]


async def test_a_crash_between_handling_and_storing_repeats(db: Database) -> None:
    await written(db, (CART_1, 1), (CART_1, 2))
    seen = Seen()

    async def crashing(events: Sequence[Event]) -> None:
        await seen(events)
        raise ConnectionAbortedError("the process died")

    with pytest.raises(ConnectionAbortedError):
        await consume(db, "mailer", crashing, batch=1)
    assert await consume(db, "mailer", seen, batch=1)
    assert seen.keys == [(1, 1), (1, 1)]
    assert seen.batches[0][0].id == seen.batches[1][0].id


async def test_consumers_are_independent(db: Database) -> None:
    await written(db, (CART_1, 1))
    quick, slow = Seen(), Seen()
    await consume(db, "quick", quick)
    await written(db, (CART_1, 2))
    await consume(db, "quick", quick)
    assert (await lag(db, "quick")).events == 0
    behind = await lag(db, "slow")
    assert (behind.events, behind.oldest_s > 0) == (2, True)
    await consume(db, "slow", slow)
    assert quick.keys == slow.keys == [(1, 1), (1, 2)]


async def test_two_processes_under_one_name_take_turns(db: Database) -> None:
    await written(db, (CART_1, 1))
    entered, leave, idle = asyncio.Event(), asyncio.Event(), Seen()

    async def busy(_: Sequence[Event]) -> None:
        entered.set()
        await leave.wait()

    first = asyncio.create_task(consume(db, "mailer", busy))
    await entered.wait()
    assert not await consume(db, "mailer", idle)
    leave.set()
    await first
    assert not await consume(db, "mailer", idle)
    assert idle.batches == []


async def test_a_consumer_that_is_cancelled_gives_its_turn_back(db: Database) -> None:
    await written(db, (CART_1, 1))
    entered, seen = asyncio.Event(), Seen()

    async def endless(_: Sequence[Event]) -> None:
        entered.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(consume(db, "mailer", endless))
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await consume(db, "mailer", seen)
    assert seen.keys == [(1, 1)]


async def test_many_writers_lose_nothing_and_keep_the_order_of_each_aggregate(db: Database) -> None:
    carts = [uuid.UUID(int=number) for number in range(1, 6)]
    seen, is_over = Seen(), asyncio.Event()

    async def writer(number: int) -> None:
        for step in range(8):
            # In one order, as the write path locks carts; the id of the transaction comes before its locks.
            chosen = sorted({carts[(number + step) % 5], carts[(number * 3 + step) % 5]}, key=lambda cart: cart.int)

            async def command(conn: Connection, chosen: list[uuid.UUID] = chosen) -> None:
                await conn.fetchval("select pg_current_xact_id()")
                for cart in chosen:
                    await conn.fetchval("select pg_advisory_xact_lock($1)", cart.int)
                    newest = await conn.fetchval(
                        "select coalesce(max(version), 0) from event where aggregate_id = $1", cart
                    )
                    await write(conn, cart, newest + 1)

            await db.write(command)

    async def reader() -> None:
        while not is_over.is_set():
            await consume(db, "mailer", seen, batch=3)

    reading = asyncio.create_task(reader())
    await asyncio.gather(*(writer(number) for number in range(6)))
    is_over.set()
    await reading
    while await consume(db, "mailer", seen, batch=3):
        pass
    async with db.read() as conn:
        total = await conn.fetchval("select count(*) from event")
    assert len(seen.keys) == len(set(seen.keys)) == total
    for cart in carts:
        versions = [version for aggregate, version in seen.keys if aggregate == cart.int]
        assert versions == list(range(1, len(versions) + 1))


async def test_what_everybody_has_read_is_pruned_after_a_while(db: Database, clock: ManualClock) -> None:
    await written(db, (CART_1, 1), (CART_1, 2), (CART_2, 1), (CART_1, 3))
    await consume(db, "quick", Seen())
    assert await prune(db, MONTH) == Pruned(0, 0)
    clock.advance(MONTH)
    await consume(db, "slow", Seen(), batch=2)
    assert await prune(db, MONTH) == Pruned(2, 1)
    await consume(db, "slow", Seen())
    assert await prune(db, MONTH) == Pruned(2, 1)
    assert await prune(db, MONTH) == Pruned(0, 0)
    async with db.read() as conn:
        kept = await conn.fetch("select aggregate_id, version from event order by 1")
    # The newest of each stays: the next version is counted from it.
    assert [(row["aggregate_id"].int, row["version"]) for row in kept] == [(1, 3), (2, 1)]


async def test_pruning_goes_by_the_batch_and_without_consumers(db: Database, clock: ManualClock) -> None:
    await written(db, *[(CART_1, version) for version in range(1, 8)])
    clock.advance(MONTH)
    assert await prune(db, MONTH, batch=2) == Pruned(7, 6)
    async with db.read() as conn:
        assert [event.version for event in (await read(conn, (0, 0), 10)).events] == [7]


async def test_a_poke_wakes_the_consumers_of_every_process(db: Database) -> None:
    seen, notifier = Seen(), Notifier(db, every_s=0.01)
    consumer = Consumer(db, "mailer", seen, poll_s=600)
    # It looks once when it begins to listen; from then on only a poke can wake it.
    await written(db, (CART_1, 1))
    tasks = [asyncio.create_task(consumer.run()), asyncio.create_task(notifier.run())]
    await wait_until_async(lambda: seen.keys == [(1, 1)])
    await written(db, (CART_1, 2))
    for _ in range(100):
        notifier.poke()
    before = notifier.sent
    await wait_until_async(lambda: seen.keys == [(1, 1), (1, 2)])
    assert notifier.sent - before <= 5
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_consumer_finds_by_itself_what_it_was_not_told_of(db: Database) -> None:
    seen = Seen()
    task = asyncio.create_task(Consumer(db, "mailer", seen, poll_s=0.01).run())
    await written(db, (CART_1, 1))
    await wait_until_async(lambda: seen.keys == [(1, 1)])
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert seen.keys == [(1, 1)]
