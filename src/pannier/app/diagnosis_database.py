"""What `pannier doctor` asks the database."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pannier.app.diagnosis_disk import disk
from pannier.app.diagnosis_settings import Finding, is_public, is_remote
from pannier.kernel.clock import SystemClock
from pannier.kernel.errors import PannierError
from pannier.platform import migrate

if TYPE_CHECKING:
    import asyncpg

    from pannier.platform.settings import Settings

    Connection = asyncpg.Connection[Any]

POSTGRESQL_MIN = 15
SKEW_NOTE_S, SKEW_PROBLEM_S = 1.0, 5.0
_PROBE_S = 3.0
_LIMITS = """
select current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer
         as allowed,
       (select rolconnlimit from pg_roles where rolname = current_user) as of_role,
       (select datconnlimit from pg_database where datname = current_database()) as of_database,
       (select count(*) from pg_stat_activity
         where backend_type = 'client backend' and usename is distinct from current_user) as others
"""
#: What every session of ours sets for itself, and behind a transaction pooler has to be the role's.
SESSION_SETTINGS = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")


def of_database(url: str, settings: Settings) -> Iterator[Finding]:
    """Everything that is to be asked of the database at `url`."""
    from pannier.app.commands.shop import ask_database

    try:
        findings = asyncio.run(ask_database(url, lambda connection: _ask(connection, settings)))
    except PannierError as error:
        first, *more = error.message.splitlines()
        yield Finding("database", "problem", first, "\n".join(more))
        return
    yield from findings


async def _ask(connection: Connection, settings: Settings) -> list[Finding]:
    pooled = [] if settings.database_url is None else await _pooler(connection, settings)
    # In one transaction, so that a transaction pooler answers from one session.
    async with connection.transaction(readonly=True):
        await connection.execute(f"set local search_path = {settings.database_schema}")
        return [
            await _version(connection),
            *pooled,
            await _schema(connection, settings),
            clock_finding(*await _clock(connection)),
            await _connections(connection, settings),
            *await _weaknesses(connection, settings),
            *await _prices(connection, settings),
        ]


async def _version(connection: Connection) -> Finding:
    version = str(await connection.fetchval("show server_version")).split()[0]
    number = await connection.fetchval("select current_setting('server_version_num')::integer")
    if number < POSTGRESQL_MIN * 10_000:
        return Finding("server", "problem", f"PostgreSQL {version}", f"Pannier needs {POSTGRESQL_MIN} or newer.")
    return Finding("server", "ok", f"PostgreSQL {version}")


async def _schema(connection: Connection, settings: Settings) -> Finding:
    found, needed = await migrate.current(connection), migrate.head()
    if found == needed and await migrate.is_current(connection):
        return Finding("tables", "ok", f"at {found}, as this version needs")
    if found is not None and not any((migrate.shipped("migrations") / "versions").glob(f"{found}_*.py")):
        advice = "Run the Pannier that migrated it, or a newer one; this one is too old for it."
        return Finding("tables", "problem", f"at {found}, which this version does not know; it needs {needed}", advice)
    advice = "Run `pannier migrate`; make a backup first if there are orders in it."
    if settings.database_url is None:
        advice = "The next `pannier serve` or `pannier migrate` brings them up to date."
    elif not await connection.fetchval("select has_schema_privilege(current_user, $1, 'create')",
                                       settings.database_schema):  # fmt: skip
        advice += f" Its user may not make tables in the schema {settings.database_schema}: grant that first."
    told = f"at {found or 'nothing'}, this version needs {needed}"
    if found == needed:
        told = f"at {found}, but SQL functions of another version"
    return Finding("tables", "problem", told, advice)


async def _prices(connection: Connection, settings: Settings) -> list[Finding]:
    """Whether anything is priced in the shop's currency: the tables know of it what the settings do not."""
    if not await connection.fetchval("select to_regclass('price') is not null"):
        return []
    found = sorted(row["currency"] for row in await connection.fetch("select distinct currency from price"))
    if not found or settings.currency in found:
        return []
    told = f"no product has a price in {settings.currency}; there are prices in {', '.join(found)}"
    advice = f"Nothing can be bought. Set PANNIER_CURRENCY={found[0]}, or import prices in {settings.currency}."
    return [Finding("prices", "problem", told, advice)]


async def _clock(connection: Connection) -> tuple[float, float]:
    """(seconds that the database's clock is ahead of ours, seconds that asking took)."""
    clock = SystemClock()
    began = time.perf_counter()
    before = clock.now()
    theirs = await connection.fetchval("select clock_timestamp()")
    trip_s = time.perf_counter() - began
    return (theirs - before).total_seconds() - trip_s / 2, trip_s


def clock_finding(skew_s: float, trip_s: float) -> Finding:
    """How far the clocks are apart, and what comes of it."""
    # What lies within the round trip is no difference anybody can measure.
    apart_s = max(0.0, abs(skew_s) - trip_s / 2)
    which = "ahead of" if skew_s > 0 else "behind"
    told = f"the database's clock is {apart_s:.1f} s {which} this machine's" if apart_s > 0.1 else "both clocks agree"
    if apart_s < SKEW_NOTE_S:
        return Finding("clock", "ok", told)
    end = "early" if skew_s > 0 else "late"
    advice = (
        f"Holds, sales and checkouts end by the database's clock: {apart_s:.0f} s too {end} by this one,\n"
        "and the times in log and ledger differ. Run a time service on both (chrony, systemd-timesyncd);\n"
        "`timedatectl` tells whether one runs."
    )
    return Finding("clock", "problem" if apart_s >= SKEW_PROBLEM_S else "note", told, advice)


async def _connections(connection: Connection, settings: Settings) -> Finding:
    row = await connection.fetchrow(_LIMITS)
    assert row is not None
    limits = [row["allowed"] - row["others"], row["of_role"], row["of_database"]]
    allowed = min(limit for limit in limits if limit >= 0)
    wanted = settings.workers * settings.database_pool_size
    told = f"{wanted} wanted ({settings.workers} × {settings.database_pool_size}), {allowed} to be had"
    # A command or two wants one as well.
    if wanted > allowed - 2:
        advice = "Lower PANNIER_WORKERS or PANNIER_DATABASE_POOL_SIZE, or raise max_connections of the server"
        advice += "." if allowed == limits[0] else " and the limit of the role or database (`connection limit`)."
        return Finding("connections", "problem", told, f"{advice} With too few, requests are answered 503.")
    return Finding("connections", "ok", told)


async def _weaknesses(connection: Connection, settings: Settings) -> list[Finding]:
    """What a server of one's own should not be left with. The embedded one is set up by us."""
    if settings.database_url is None:
        return []
    found = []
    unsafe = [
        row["name"]
        for row in await connection.fetch(
            "select name from pg_settings where name in ('fsync', 'full_page_writes', 'synchronous_commit')"
            " and setting = 'off' order by name"
        )
    ]
    if unsafe:
        found.append(Finding(
            "durability", "problem" if is_public(settings) else "note", f"off on the server: {', '.join(unsafe)}",
            "Orders that were confirmed can be lost in a power cut. Turn them on in postgresql.conf.",
        ))  # fmt: skip
    if await connection.fetchval("select rolsuper from pg_roles where rolname = current_user") and is_public(settings):
        found.append(Finding(
            "role", "note", "the shop's role is a superuser of the server",
            "It needs to own its schema and no more: alter role NAME nosuperuser.",
        ))  # fmt: skip
    is_encrypted = await connection.fetchval("select ssl from pg_stat_ssl where pid = pg_backend_pid()")
    if is_remote(settings.database_url) and not is_encrypted:
        found.append(Finding(
            "encryption", "note", "the way to the database leaves this machine and is not encrypted",
            "Add ?sslmode=verify-full to PANNIER_DATABASE_URL, or keep that network to yourselves.",
        ))  # fmt: skip
    return found + await _disk_of_server(connection)


async def _disk_of_server(connection: Connection) -> list[Finding]:
    """The room it has, where it stands on this machine and tells us."""
    may_ask = "select pg_has_role(current_user, 'pg_read_all_settings', 'member')"
    if await connection.fetchval("select inet_server_addr()") is not None or not await connection.fetchval(may_ask):
        return []
    place = Path(str(await connection.fetchval("show data_directory")))
    with contextlib.suppress(OSError):
        return [disk(place)] if place.is_dir() else []  # noqa: ASYNC240 # a command that does nothing else meanwhile
    return []


async def _pooler(connection: Connection, settings: Settings) -> list[Finding]:
    """Whether a transaction pooler such as PgBouncer stands between."""
    if not await is_transaction_pooled(connection, settings.database_url or ""):
        return []
    lacking = [
        row["name"]
        for row in await connection.fetch(
            "select name from pg_settings where name = any($1) and source not in"
            " ('configuration file', 'database', 'user', 'database user')",
            [*SESSION_SETTINGS],
        )
    ]
    told = "a pooler gives every transaction a session of its own (PgBouncer: pool_mode = transaction)"
    advice = []
    if settings.database_statement_cache:
        advice.append("Set PANNIER_DATABASE_STATEMENT_CACHE=0, or statements fail that another session prepared.")
    if lacking:
        advice.append(f"What a session sets is lost there: give it to the role. Missing: {', '.join(sorted(lacking))}.")
    advice.append("docs/howto/run-in-production.md, Behind a pooler, has the statements, and says what else differs.")
    return [Finding("pooler", "problem" if settings.database_statement_cache else "note", told, "\n".join(advice))]


async def is_transaction_pooled(connection: Connection, url: str) -> bool:
    """Whether a session is given to somebody else while we are not in a transaction.

    A second connection that opens a transaction gets a session. It is a pooler when that is the one which the first had
    a moment ago, or when the first then has another one.
    """
    import asyncpg

    pid = "select pg_backend_pid()"
    try:
        async with asyncio.timeout(_PROBE_S):
            second = await asyncpg.connect(url, statement_cache_size=0)
            try:
                before = await connection.fetchval(pid)
                async with second.transaction():
                    taken = await second.fetchval(pid)
                    return bool(taken == before or await connection.fetchval(pid) != before)
            finally:
                await second.close()
    except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False
