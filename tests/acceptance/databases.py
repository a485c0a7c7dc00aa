"""Databases for cases: each case finds one that is, table by table and row by row, as it was after migrating.

A copy of a migrated database takes a second or two, and a case takes a third of that. So a copy is used again: what
a case has left in it is taken away, and then every table is compared with the fresh one. A copy that differs in
anything is thrown away.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg

from pannier.kernel.ids import uuid7
from pannier.platform import migrate
from pannier.platform.settings import Settings
from tests.support.postgres import drop, execute, with_database

_TABLES = """
    select c.oid::regclass::text from pg_class c
     where c.relkind in ('r', 'p') and not c.relispartition and c.relnamespace = current_schema()::regnamespace
     order by 1
"""
_SEQUENCES = "select coalesce(json_agg(s order by s.sequencename)::text, '') from pg_sequences s"

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]


@dataclass(frozen=True)
class Fresh:
    """A migrated database that nobody connects to: its name, and what every table of it looks like."""

    name: str
    looks: Mapping[str, str]
    #: The rows that migrating has put into tables, as JSON.
    rows: Mapping[str, str]


@asynccontextmanager
async def migrated(server_url: str) -> AsyncIterator[Fresh]:
    """Migrate a database to make copies of; it is gone when it is left."""
    name = f"cases_{uuid7().hex}"
    url = with_database(server_url, name)
    await execute(server_url, f"create database {name} template template0")
    try:
        await migrate.upgrade(url, Settings(database_url=url))
        yield await describe(server_url, name)
    finally:
        await drop(server_url, name)


async def describe(server_url: str, name: str) -> Fresh:
    """A migrated database that is there already."""
    connection = await asyncpg.connect(with_database(server_url, name))
    try:
        looks = await looks_of(connection)
        rows = {table: await _rows(connection, table) for table in looks if table}
    finally:
        await connection.close()
    return Fresh(name, looks, {table: text for table, text in rows.items() if text != "[]"})


class Copies:
    """Copies of a fresh database that are used again as long as they are like it."""

    def __init__(self, server_url: str, of: Fresh) -> None:
        self._server_url = server_url
        self._of = of
        self._free: list[str] = []
        self._made: set[str] = set()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[str]:
        """The URL of a copy that nobody else has, as good as new."""
        name = self._free.pop() if self._free else await self._make()
        url = with_database(self._server_url, name)
        yield url
        if await reset(url, self._of):
            self._free.append(name)
        else:
            await self._drop(name)

    async def close(self) -> None:
        for name in list(self._made):
            await self._drop(name)

    async def _make(self) -> str:
        name = f"case_{uuid7().hex}"
        await execute(self._server_url, f"create database {name} template {self._of.name} strategy file_copy")
        self._made.add(name)
        return name

    async def _drop(self, name: str) -> None:
        self._made.discard(name)
        await drop(self._server_url, name)


async def reset(url: str, to: Fresh) -> bool:
    """Take away what was left in a copy; whether it is now like the fresh database in every table."""
    connection = await asyncpg.connect(url)
    try:
        before = await looks_of(connection)
        changed = [table for table in before if table and before[table] != to.looks.get(table)]
        async with connection.transaction():
            for sequence in await connection.fetch("select sequencename::text from pg_sequences"):
                await connection.execute(f"alter sequence {sequence[0]} restart")
            if changed:
                await connection.execute(f"truncate {', '.join(changed)} restart identity cascade")
            await _put_back(connection, to)
        return await looks_of(connection) == to.looks
    except asyncpg.PostgresError:
        # It can be made like a fresh one in another way: by being a fresh one.
        return False
    finally:
        await connection.close()


async def looks_of(connection: Connection) -> dict[str, str]:
    """A digest of the rows of each table; under no name, that of all sequences."""
    tables = [row[0] for row in await connection.fetch(_TABLES)]
    each = [
        f"select '{table}', md5(coalesce(string_agg(x::text, '|' order by x::text), '')) from {table} x"
        for table in tables
    ]
    found = await connection.fetch(" union all ".join(each))
    return {"": await connection.fetchval(_SEQUENCES), **{row[0]: row[1] for row in found}}


async def _put_back(connection: Connection, to: Fresh) -> None:
    for table, rows in to.rows.items():
        if await connection.fetchval(f"select not exists (select 1 from {table})"):
            await connection.execute(
                f"insert into {table} select * from json_populate_recordset(null::{table}, $1)", rows
            )


async def _rows(connection: Connection, table: str) -> str:
    text: str = await connection.fetchval(f"select coalesce(json_agg(x), '[]')::text from {table} x")
    return text
