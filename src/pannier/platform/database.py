"""The pool, and the two ways to use it: `read()` and `write()`.

A command owns its transaction: `write()` opens it, runs the command, commits, and runs the command again when the
database asks for that (40001 serialisation failure, 40P01 deadlock). While it is open `in_transaction` is set, and
`platform.http` refuses to send anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextvars import ContextVar
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import asyncpg
import msgspec

from pannier.kernel.clock import Clock
from pannier.kernel.errors import ErrorKind, PannierError
from pannier.platform.settings import Settings

if TYPE_CHECKING:
    Connection = asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
    Pool = asyncpg.Pool[asyncpg.Record]
else:
    # Generic in the stubs only.
    Connection = asyncpg.pool.PoolConnectionProxy
    Pool = asyncpg.Pool

T = TypeVar("T")
logger = logging.getLogger(__name__)

#: Whether the running task has a transaction open; nothing goes over the network then.
in_transaction: ContextVar[bool] = ContextVar("in_transaction", default=False)

RETRIES_MAX = 5
#: No attempt to find out what became of a lost command begins later than this; its client may ask again.
SETTLE_S = 5.0
_RETRY = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
#: What says that the database is not there, or is no longer: the outcome of what was under way is unknown.
CONNECTION_LOST = (
    OSError,
    asyncpg.InterfaceError,
    # The server took leave of an idle connection, and its end has not arrived yet: nothing can be sent on it.
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    # No room on its disk, no memory, no connection left; or its files cannot be read or written.
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,
)
#: Seconds to a connection that the network neither makes nor refuses.
_CONNECT_S = 4.0
# On top of the wait for a lock, for the work itself.
_PATIENCE_MARGIN_S = 2.0
# How often the database is asked for a sign of life, and how long it may take.
_WATCH_EVERY_S, _SIGN_OF_LIFE_S = 1.0, 2.0
# Seconds that a session may sit in a transaction: whoever opened it is gone then, and others wait for its locks.
_IDLE_IN_TRANSACTION_S = 5.0
#: What `patience_s` is for work that may take as long as it takes: imports, exports, audits.
UNHURRIED_S = 24 * 3600.0


class DatabaseUnavailableError(PannierError):
    """The database does not answer; nothing is known to have been stored. Try again shortly."""

    kind = ErrorKind.unavailable
    error = "DATABASE_UNAVAILABLE"
    code = "DATABASE_001"
    title = "The shop's database does not answer"


def unavailable(reason: BaseException) -> DatabaseUnavailableError:
    """The refusal a caller gets when the connection is gone; says that a retry with the same key is safe."""
    is_full = isinstance(reason, asyncpg.DiskFullError)
    logger.log(
        logging.ERROR if is_full else logging.WARNING,
        "database unavailable: %s%s: %s",
        "its disk is full, free some space: " if is_full else "",
        type(reason).__name__,
        reason,
    )
    trouble = "has no room left to store anything" if is_full else "does not answer"
    return DatabaseUnavailableError(
        f"The database {trouble} right now. Try again in a moment; a request that carried an Idempotency-Key "
        "can be repeated with the same key and is carried out once.",
        headers={"Retry-After": "2"},
    )


class Database:
    """One pool of connections to one database and schema.

    A connection whose other end has vanished without a word looks like one that is at work. So whoever takes one is
    done within `patience_s`, by default the lock timeout and 2 seconds; after that the connection is ended, the
    others of the pool are made anew, and the caller is told that the database does not answer.
    """

    def __init__(self, pool: Pool, clock: Clock, settings: Settings, beside: Pool) -> None:
        self.pool = pool
        self._beside = beside
        self.clock = clock
        self.patience_s = settings.database_lock_timeout_s + _PATIENCE_MARGIN_S
        #: For work behind the scenes, where a single statement may be long.
        self.job_patience_s = settings.database_statement_timeout_s + _PATIENCE_MARGIN_S
        self.retries = 0
        self._in_use: dict[Connection, tuple[float, Callable[[], None]]] = {}

    @classmethod
    async def connect(cls, url: str, settings: Settings, clock: Clock) -> Database:
        """Open the pool. Raises DatabaseUnavailableError when the server cannot be reached."""
        try:
            pool = await asyncpg.create_pool(
                url,
                min_size=min(2, settings.database_pool_size),
                max_size=settings.database_pool_size,
                statement_cache_size=settings.database_statement_cache,
                timeout=_CONNECT_S,
                # For what asyncpg does by itself, such as taking leave of a server that may be gone.
                command_timeout=UNHURRIED_S,
                init=_prepare_connection(settings),
                reset=_keep_as_is,
            )
            beside = await asyncpg.create_pool(
                url,
                min_size=0,
                max_size=1,
                statement_cache_size=settings.database_statement_cache,
                timeout=_CONNECT_S,
                command_timeout=settings.database_statement_timeout_s,
                init=_prepare_connection(settings),
                reset=_keep_as_is,
            )
        except CONNECTION_LOST as lost:
            raise unavailable(lost) from lost
        return cls(pool, clock, settings, beside)

    @property
    def offset(self) -> timedelta:
        """What the shop's time is ahead of the database's; an argument of every SQL function that asks the time."""
        return self.clock.offset

    async def close(self) -> None:
        """Close every connection; those in use, and dead ones, get three seconds."""
        for pool in (self._beside, self.pool):
            try:
                await asyncio.wait_for(pool.close(), 3)
            except TimeoutError:
                pool.terminate()

    @contextlib.asynccontextmanager
    async def beside(self) -> AsyncIterator[Connection]:
        """A connection that no transaction is ever made on, for what somebody inside one has to read elsewhere.

        There is one, made when it is first asked for; whoever has it waits for no other and for no lock.
        """
        try:
            async with self._beside.acquire(timeout=self.patience_s) as connection:
                yield connection
        except CONNECTION_LOST as lost:
            raise unavailable(lost) from lost

    @contextlib.asynccontextmanager
    async def acquire(self, patience_s: float | None = None) -> AsyncIterator[Connection]:
        """A connection for as long as `patience_s`; raises one of CONNECTION_LOST when that is over, or it is lost.

        Nobody is cancelled: the connection is ended under whoever waits for it, so that even a rollback does not
        wait for an answer that will not come.
        """
        patience_s = self.patience_s if patience_s is None else patience_s
        async with asyncio.timeout(patience_s):
            connection = await self.pool.acquire()
        is_over = False

        def end() -> None:
            nonlocal is_over
            is_over = True
            # It may have ended by itself, and be in the pool again.
            with contextlib.suppress(asyncpg.InterfaceError):
                connection.terminate()

        loop = asyncio.get_running_loop()
        deadline = loop.call_later(patience_s, end)
        self._in_use[connection] = (loop.time(), end)
        try:
            yield connection
        except asyncpg.InternalClientError:
            end()
            raise
        finally:
            deadline.cancel()
            del self._in_use[connection]
            if is_over:
                # Where one end has vanished, those of the idle connections may have as well.
                await self.pool.expire_connections()
            await self.pool.release(connection)

    async def watch(self) -> None:
        """Ask the database for a sign of life every second, for as long as the application runs.

        Where none comes, the line is dead: whoever has waited as long as we have need not wait any longer.
        """
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_WATCH_EVERY_S)
            asked_at: float | None = None
            try:
                async with self.acquire(_SIGN_OF_LIFE_S) as connection:
                    asked_at = loop.time()
                    await connection.execute("select 1")
            except CONNECTION_LOST as lost:
                # Without a connection to ask on, all may just be busy.
                if asked_at is None or loop.time() - asked_at < _SIGN_OF_LIFE_S / 2:
                    continue
                logger.warning("no sign of life from the database in %g s: %s", _SIGN_OF_LIFE_S, type(lost).__name__)
                for since, end in list(self._in_use.values()):
                    if since <= asked_at:
                        end()

    @contextlib.asynccontextmanager
    async def read(self, patience_s: float | None = None) -> AsyncIterator[Connection]:
        """A connection for single statements, each a transaction of its own."""
        try:
            async with self.acquire(patience_s) as connection:
                yield connection
        except CONNECTION_LOST as lost:
            raise unavailable(lost) from lost

    async def write(self, command: Callable[[Connection], Awaitable[T]], patience_s: float | None = None) -> T:
        """Run the command in one transaction and commit it.

        The command may run several times, so it changes nothing but the database. When the connection is lost the
        outcome is unknown: DatabaseUnavailableError, and the caller's idempotency record knows.
        """
        for attempt in range(RETRIES_MAX):
            try:
                async with self.acquire(patience_s) as connection, connection.transaction():
                    if patience_s is not None and patience_s > self.job_patience_s:
                        await connection.execute("set local idle_in_transaction_session_timeout = 0")
                    token = in_transaction.set(True)
                    try:
                        return await command(connection)
                    finally:
                        in_transaction.reset(token)
            except _RETRY as again:
                self.retries += 1
                if attempt == RETRIES_MAX - 1:
                    raise unavailable(again) from again
                await asyncio.sleep(0.005 * 2**attempt)
            except CONNECTION_LOST as lost:
                raise unavailable(lost) from lost
        raise AssertionError("the last attempt returns or raises")


async def _keep_as_is(_: asyncpg.Connection[asyncpg.Record]) -> None:
    """Nothing here changes a session for longer than a transaction, so giving it back costs no round trip."""


def _prepare_connection(
    settings: Settings,
) -> Callable[[asyncpg.Connection[asyncpg.Record]], Coroutine[Any, Any, None]]:
    async def prepare(connection: asyncpg.Connection[asyncpg.Record]) -> None:
        await connection.set_type_codec(
            "jsonb", schema="pg_catalog", encoder=_encode_json, decoder=msgspec.json.decode, format="text"
        )
        # SET and not start-up parameters: a transaction pooler refuses those. The shop's schema alone: where that
        # were followed by `public`, a shop without tables would work on those of another.
        await connection.execute(
            f"set search_path = {settings.database_schema};"
            f"set lock_timeout = {int(settings.database_lock_timeout_s * 1000)};"
            f"set statement_timeout = {int(settings.database_statement_timeout_s * 1000)};"
            f"set idle_in_transaction_session_timeout = {int(_IDLE_IN_TRANSACTION_S * 1000)};"
            f"set timezone = 'UTC'; set jit = off; set pannier.conversion = '{_conversion(settings)}'"
        )

    return prepare


def _conversion(settings: Settings) -> str:
    """What prices are converted into, and how, for the functions of the database; codes and numbers only."""
    if not settings.conversion_currencies:
        return ""
    return _encode_json(
        {
            "source": settings.currency,
            "targets": settings.conversion_currencies,
            "rounding": settings.conversion_rounding,
            "step_minor": settings.conversion_step_minor,
            "age_days_max": settings.conversion_age_days_max,
        }
    )


def _encode_json(value: object) -> str:
    return msgspec.json.encode(value).decode()
