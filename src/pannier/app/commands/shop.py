"""The shop that a command works on: its settings, and its database with tables of this version."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from pannier.app.commands.errors import DatabaseAheadError, DatabaseBehindError, DatabaseUnreachableError

if TYPE_CHECKING:
    import asyncpg

    from pannier.app.commands.terminal import Terminal
    from pannier.platform.database import Database
    from pannier.platform.settings import Settings

T = TypeVar("T")

JsonOption = Annotated[bool, typer.Option("--json", help="Write the result as one JSON value on standard output.")]
DataDirOption = Annotated[
    Path | None,
    typer.Option("--data-dir", metavar="DIR", help="Folder of the embedded PostgreSQL; PANNIER_DATA_DIR otherwise."),
]

_CONNECT_S = 10


@dataclass(frozen=True, slots=True)
class SchemaState:
    """Where a database's tables are. `found` is None before the first migration."""

    found: str | None
    needed: str
    is_current: bool
    is_known: bool = True

    @property
    def is_ahead(self) -> bool:
        """Whether a newer Pannier has been there."""
        return not self.is_known


def in_shop(settings: Settings, terminal: Terminal, action: Callable[[Database], Awaitable[T]]) -> T:
    """Run `action` on the shop's database, whether or not `pannier serve` runs, and return what it returns."""
    with shop_url(settings, terminal) as url:
        return asyncio.run(_run(url, settings, action))


@contextlib.contextmanager
def shop_url(settings: Settings, terminal: Terminal) -> Iterator[str]:
    """The URL of the shop's database with tables of this version.

    The embedded database is started if it does not run, and migrated if need be. Raises DatabaseBehindError for an
    outside database that is not at this version: only `pannier migrate` changes that one.
    """
    if settings.database_url is not None:
        require_current(schema_state(settings.database_url, settings))
        yield settings.database_url
        return
    from pannier.platform.embedded import lease

    with lease(settings.data_dir, report=terminal.note) as url:
        bring_up_to_date(url, settings, terminal)
        yield url


def bring_up_to_date(url: str, settings: Settings, terminal: Terminal) -> None:
    """Migrate the embedded database when it is behind. Raises DatabaseAheadError."""
    state = schema_state(url, settings)
    if state.is_current:
        return
    if state.is_ahead:
        require_current(state)
    from pannier.platform import migrate

    if state.found is not None and state.found != state.needed:
        terminal.note(f"Migrating the database from {state.found} to {state.needed}.")
    asyncio.run(migrate.upgrade(url, settings))


def require_current(state: SchemaState) -> None:
    """Raise DatabaseBehindError or DatabaseAheadError unless the database is at this version."""
    if state.is_current:
        return
    if state.is_ahead:
        raise DatabaseAheadError(
            f"The database is at {state.found}, which this Pannier does not know; it needs {state.needed}.\n"
            "Run the Pannier that migrated it, or a newer one.",
            details={"found": state.found, "needed": state.needed},
        )
    has = "has no tables yet" if state.found is None else f"is at {state.found}"
    if state.found == state.needed:
        has = "has SQL functions of another version"
    raise DatabaseBehindError(
        f"The database {has}; this Pannier needs {state.needed}.\n"
        "Run `pannier migrate` (make a backup first if there are orders in it), then try again.",
        details={"found": state.found, "needed": state.needed},
    )


def schema_state(url: str, settings: Settings) -> SchemaState:
    """Where the tables are. Raises DatabaseUnreachableError."""
    from pannier.platform import migrate

    async def ask(connection: asyncpg.Connection[Any]) -> tuple[str | None, bool]:
        await connection.execute(f"set search_path = {settings.database_schema}")
        found = await migrate.current(connection)
        return found, found == migrate.head() and await migrate.is_current(connection)

    found, is_current = asyncio.run(ask_database(url, ask))
    if is_current:
        return SchemaState(found, found or "", is_current)
    known = migrate.shipped("migrations") / "versions"
    is_known = found is None or any(known.glob(f"{found}_*.py"))
    return SchemaState(found, migrate.head(), is_current, is_known)


async def ask_database(url: str, ask: Callable[[asyncpg.Connection[Any]], Awaitable[T]]) -> T:
    """Ask on a connection of its own. Raises DatabaseUnreachableError, with what to do about it."""
    import asyncpg

    try:
        # Without prepared statements that outlive a transaction: a transaction pooler would mix them up.
        connection = await asyncpg.connect(url, timeout=_CONNECT_S, statement_cache_size=0)
    except (OSError, TimeoutError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        from pannier.app.commands.reaching import why_unreachable

        raise DatabaseUnreachableError(why_unreachable(url, error, _CONNECT_S)) from error
    try:
        return await ask(connection)
    finally:
        await connection.close()


def actor() -> str:
    """Who is at the keyboard, for the ledger and the events."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):
        return "cli"


async def _run(url: str, settings: Settings, action: Callable[[Database], Awaitable[T]]) -> T:
    from pannier.kernel.clock import SystemClock
    from pannier.platform.database import Database

    database = await Database.connect(url, settings, SystemClock())
    try:
        return await action(database)
    finally:
        await database.close()
