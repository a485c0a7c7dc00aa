"""Lines to the database that go dead: who waits is told in time, and the pool is well again afterwards."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest
import pytest_asyncio

from pannier.kernel.clock import ManualClock
from pannier.platform.database import Database, DatabaseUnavailableError
from pannier.platform.embedded.home import SOCKET_NAME
from pannier.platform.settings import Settings
from soak.proxy import Proxy
from tests.support.waiting import wait_until_async

#: What PostgreSQL says to an idle connection when it is told to stop; the end of the line comes a moment later.
_FAREWELL_FIELDS = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0"
_FAREWELL = b"E" + (len(_FAREWELL_FIELDS) + 4).to_bytes(4, "big") + _FAREWELL_FIELDS


@pytest_asyncio.fixture
async def line(settings: Settings) -> AsyncIterator[Proxy]:
    """The line from `db` to the database, in the test's hands."""
    assert settings.database_url is not None
    parts = urlsplit(settings.database_url)
    host = parse_qs(parts.query).get("host", [""])[0]
    target = f"{host}/{SOCKET_NAME}" if host else (parts.hostname or "localhost", parts.port or 5432)
    async with Proxy(target, is_database=True).listening() as proxy:
        yield proxy


@pytest_asyncio.fixture
async def db(settings: Settings, clock: ManualClock, line: Proxy) -> AsyncIterator[Database]:
    """A pool of a few connections, all of which were used."""
    parts = urlsplit(settings.database_url or "")
    user = parts.username or "pannier"
    secret = f":{parts.password}" if parts.password else ""
    url = f"postgresql://{user}{secret}@127.0.0.1:{line.port}{parts.path}?sslmode=disable"
    changes = {"database_lock_timeout_s": 0.2, "database_pool_size": 4, "database_url": url}
    database = await Database.connect(url, settings.model_copy(update=changes), clock)
    await asyncio.gather(*(_ask(database) for _ in range(4)))
    yield database
    await database.close()


async def _ask(db: Database, statement: str = "select 1") -> object:
    async with db.read() as connection:
        return await connection.fetchval(statement)


async def test_who_waits_on_a_dead_line_is_told_in_time_and_the_next_one_is_served(db: Database, line: Proxy) -> None:
    line.lose()
    async with asyncio.timeout(db.patience_s + 5):
        with pytest.raises(DatabaseUnavailableError):
            await _ask(db)
        # Every idle connection was as dead as the one that was found to be.
        assert await asyncio.gather(*(_ask(db) for _ in range(8))) == [1] * 8


async def test_a_transaction_on_a_dead_line_does_not_wait_for_its_rollback(db: Database, line: Proxy) -> None:
    async def command(connection: asyncpg.pool.PoolConnectionProxy[asyncpg.Record]) -> None:
        await connection.execute("select 1")
        line.lose()
        await connection.execute("select 1")

    async with asyncio.timeout(db.patience_s + 5):
        with pytest.raises(DatabaseUnavailableError):
            await db.write(command)
    assert await _ask(db) == 1


async def test_the_watch_ends_what_waits_on_a_dead_line_before_its_time(db: Database, line: Proxy) -> None:
    db.patience_s = 600.0
    watch = asyncio.create_task(db.watch())
    line.lose()
    async with asyncio.timeout(20):
        with pytest.raises(DatabaseUnavailableError):
            await _ask(db)
    watch.cancel()
    assert await _ask(db) == 1


async def test_the_watch_leaves_alone_who_is_at_work(db: Database, line: Proxy) -> None:
    watch = asyncio.create_task(db.watch())
    db.patience_s = 600.0
    # Longer than the watch takes to ask and to lose its patience.
    assert await _ask(db, "select 7 from pg_sleep(3.5)") == 7
    assert not watch.done()
    watch.cancel()


async def test_a_farewell_on_an_idle_connection_is_no_fault_of_ours(db: Database, line: Proxy) -> None:
    """The message of a server that stops may be there before the end of the line is."""
    for link in line._links:
        link.to_client.write(_FAREWELL)
        link.is_dead = True
    turns = itertools.count()
    await wait_until_async(lambda: next(turns) > 5)
    outcomes = await asyncio.gather(*(_ask(db) for _ in range(4)), return_exceptions=True)
    assert all(outcome == 1 or isinstance(outcome, DatabaseUnavailableError) for outcome in outcomes), outcomes
    assert await asyncio.gather(*(_ask(db) for _ in range(4))) == [1] * 4


async def test_a_session_that_was_left_in_a_transaction_lets_go_of_its_locks(db: Database, line: Proxy) -> None:
    async with db.read() as connection:
        assert await connection.fetchval("show idle_in_transaction_session_timeout") == "5s"


async def test_an_import_may_think_for_as_long_as_it_likes(db: Database) -> None:
    async def command(connection: asyncpg.pool.PoolConnectionProxy[asyncpg.Record]) -> object:
        return await connection.fetchval("show idle_in_transaction_session_timeout")

    assert await db.write(command, 3600.0) == "0"
    assert await db.write(command) == "5s"
