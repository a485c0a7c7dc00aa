"""Brings a database to the shape this version needs, and back: Alembic for tables, repeatable files for functions.

The SQL functions live in `.sql` files beside their capability. Each is applied again when its text has changed, in
the transaction of the migration, so tables and the functions over them never disagree.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg

from pannier.platform.settings import Settings

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy.engine import Connection

_PACKAGE = Path(__file__).resolve().parent.parent
_ROUTINE = re.compile(r"^create or replace function ([a-z_][a-z0-9_]*)", re.MULTILINE | re.IGNORECASE)
_REVISION = re.compile(r"""^(revision|down_revision)(?:: [^=]+)? = ["'](\w+)["']""", re.MULTILINE)
# Any number will do, as long as every process that migrates this database takes the same one.
_LOCK = 0x70616E6E_696572


_NAMES_OF_ROUTINES = """
    with gone as (delete from sql_function_file where path = any($1) returning routines)
    select distinct r.signature from gone, unnest(gone.routines) r(signature)
     where to_regprocedure(r.signature) is not null
"""
# By their arguments, since others may have functions of the same name: those this transaction has just written.
_JUST_DEFINED = """
    select p.oid::regprocedure::text from pg_proc p
     where p.proname::text = any($1) and p.pronamespace = current_schema()::regnamespace
       and p.xmin = pg_current_xact_id()::xid
     order by 1
"""


def shipped(name: str) -> Path:
    """A directory that stands at the top of the repository and inside an installed package."""
    inside = _PACKAGE / name
    return inside if inside.is_dir() else _PACKAGE.parent.parent / name


def function_files() -> Iterator[tuple[str, str]]:
    """The repeatable files as (path within the package, text), in one order on every machine."""
    for path in sorted(_PACKAGE.glob("*/sql/*.sql")):
        yield path.relative_to(_PACKAGE).as_posix(), path.read_text(encoding="utf-8")


async def upgrade(url: str, settings: Settings, target: str = "head") -> None:
    """Migrate forward to `target`. Several processes may call it at once: one works, the others find it done."""
    await asyncio.to_thread(_run, "upgrade", url, settings, target)


async def downgrade(url: str, settings: Settings, target: str) -> None:
    """Migrate back to `target` (`base` takes everything away)."""
    await asyncio.to_thread(_run, "downgrade", url, settings, target)


def head() -> str:
    """The revision this version of the program needs: the one that no other replaces.

    Read from the files, because importing Alembic for it would double the time a shop takes to start.
    """
    named: dict[str, set[str]] = {"revision": set(), "down_revision": set()}
    for path in (shipped("migrations") / "versions").glob("*.py"):
        for name, revision in _REVISION.findall(path.read_text(encoding="utf-8")):
            named[name].add(revision)
    newest = sorted(named["revision"] - named["down_revision"])
    if len(newest) != 1:
        raise ValueError(f"migrations {' and '.join(newest)} both come last: let one be the down_revision of the other")
    return newest[0]


async def current(connection: asyncpg.pool.PoolConnectionProxy[Any] | asyncpg.Connection[Any]) -> str | None:
    """The revision the database is at; None when it has never been migrated."""
    if await connection.fetchval("select to_regclass('alembic_version')") is None:
        return None
    revision: str | None = await connection.fetchval("select version_num from alembic_version")
    return revision


async def is_current(connection: asyncpg.pool.PoolConnectionProxy[Any] | asyncpg.Connection[Any]) -> bool:
    """Whether tables and functions are those of this version of the program."""
    if await current(connection) != head():
        return False
    applied = {r["path"]: r["sha256"] for r in await connection.fetch("select path, sha256 from sql_function_file")}
    return applied == {path: _digest(text) for path, text in function_files()}


def _run(direction: str, url: str, settings: Settings, target: str) -> None:
    # Alembic and SQLAlchemy take 0.3 s to import, and a server that finds its database current needs neither.
    from alembic import command

    getattr(command, direction)(_config(url, settings), target)


def _config(url: str, settings: Settings) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(shipped("migrations")))
    config.attributes.update(url=url, schema=settings.database_schema)
    return config


def run_online(config: Config) -> None:
    """What `migrations/env.py` does: connect, take the lock, migrate, apply functions, all in one transaction."""
    asyncio.run(_run_online(config))


async def _run_online(config: Config) -> None:
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import NullPool

    async def connect() -> Any:
        return await asyncpg.connect(config.attributes["url"], timeout=30)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_migrate, config)
    finally:
        await engine.dispose()


def _migrate(connection: Connection, config: Config) -> None:
    from alembic import context

    schema = config.attributes["schema"]
    # The driver opens its transaction with the first statement that goes through SQLAlchemy; scripts go past it.
    connection.exec_driver_sql("select 1")
    run_script(connection, f'create schema if not exists "{schema}"; set local search_path = "{schema}"')
    run_script(connection, f"select pg_advisory_xact_lock({_LOCK})")
    context.configure(connection=connection, version_table_schema=schema)
    context.run_migrations()
    if context.get_context().get_current_revision() == head():
        _apply_functions(connection)


def _apply_functions(connection: Connection) -> None:
    rows = connection.exec_driver_sql("select path, sha256 from sql_function_file").all()
    applied = {str(path): str(sha256) for path, sha256 in rows}
    files = dict(function_files())
    # Files call each other's functions, so bodies are checked when they run, not in the order they arrive.
    run_script(connection, "set local check_function_bodies = off")
    changed = {path: text for path, text in files.items() if applied.get(path) != _digest(text)}
    gone = [path for path in applied if path in changed or path not in files]
    # What they defined goes first: a function may get another result, which CREATE OR REPLACE refuses, or another file.
    for routine in connection.exec_driver_sql(_NAMES_OF_ROUTINES, (gone,)).scalars().all():
        run_script(connection, f"drop routine {routine}")
    for path, text in changed.items():
        run_script(connection, text)
        defined = connection.exec_driver_sql(_JUST_DEFINED, (sorted(set(_ROUTINE.findall(text))),)).scalars().all()
        connection.exec_driver_sql(
            "insert into sql_function_file (path, sha256, routines) values ($1, $2, $3)",
            (path, _digest(text), list(defined)),
        )


def run_up(connection: Connection, revision: str) -> None:
    """Carry a revision out: the files of `migrations/sql/<revision>_up/` in order."""
    for part in sorted((shipped("migrations") / "sql" / f"{revision}_up").glob("*.sql")):
        run_script(connection, part.read_text(encoding="utf-8"))


def run_down(connection: Connection, revision: str) -> None:
    """Take a revision back by `migrations/sql/<revision>_down.sql`, the functions first, which may stand on its types.

    They are those of the newest version and come back with it.
    """
    paths = connection.exec_driver_sql("select path from sql_function_file").scalars().all()
    for routine in connection.exec_driver_sql(_NAMES_OF_ROUTINES, (list(paths),)).scalars().all():
        run_script(connection, f"drop routine if exists {routine} cascade")
    run_script(connection, (shipped("migrations") / "sql" / f"{revision}_down.sql").read_text(encoding="utf-8"))


def run_script(connection: Connection, script: str) -> None:
    """Run several statements at once, without parameters, in the connection's transaction."""
    adapted: Any = connection.connection.dbapi_connection
    adapted.run_async(lambda raw: raw.execute(script))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
