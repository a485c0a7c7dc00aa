"""Is the process up, and may it be sent requests.

`/health/live` asks nothing of anybody: a process that answers it is not to be killed. `/health/ready`
asks the database and the migrations, and says no while the process drains, so that a load balancer
takes it out before its last request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter

import msgspec

from pannier.platform import migrate
from pannier.platform.database import Database

CHECK_TIMEOUT_S = 2.0

Check = Callable[[], Awaitable[str | None]]
"""Answers None when all is well, else what is wrong; may raise."""


class CheckResult(msgspec.Struct, omit_defaults=True):
    """`latency_ms` is how long the check took."""

    status: str
    latency_ms: float
    reason: str | None = None


class HealthReport(msgspec.Struct):
    """`status` is "ok" only when every check is."""

    status: str
    checks: dict[str, CheckResult]


async def examine(checks: Mapping[str, Check]) -> HealthReport:
    """Run all checks at once, each for CHECK_TIMEOUT_S at most."""
    results = await asyncio.gather(*(_run(check) for check in checks.values()))
    is_well = all(result.status == "ok" for result in results)
    return HealthReport("ok" if is_well else "failing", dict(zip(checks, results, strict=True)))


async def _run(check: Check) -> CheckResult:
    started = perf_counter()
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            reason = await check()
    except TimeoutError:
        reason = f"no answer within {CHECK_TIMEOUT_S:g} s"
    except Exception as error:  # noqa: BLE001 - whatever a check raises is its result
        # The class only: messages of drivers name hosts and users, and anybody may read this.
        reason = type(error).__name__
    latency_ms = round((perf_counter() - started) * 1000, 2)
    return CheckResult("ok" if reason is None else "failing", latency_ms, reason)


def connection_check(database: Database) -> Check:
    """The database answers a statement on a pooled connection."""

    async def answers() -> None:
        async with database.read() as connection:
            await connection.fetchval("SELECT 1")

    return answers


class SchemaCheck:
    """Tables and functions are those of this version of the program.

    All is compared until it was right once; from then on only the revision, since a probe comes every
    few seconds and the checksums of the function files do not change under a running process.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._expected: str | None = None

    async def __call__(self) -> str | None:
        """What is wrong with the schema, None for nothing."""
        async with self._database.read() as connection:
            found = await migrate.current(connection)
            if found is not None and found == self._expected:
                return None
            # Alembic is imported for this, and that takes a while.
            needed = await asyncio.to_thread(migrate.head)
            if found == needed and await migrate.is_current(connection):
                self._expected = needed
                return None
        return f"the schema is at {found or 'nothing'}, this version needs {needed}: run 'pannier migrate'"
