"""Between the application and PostgreSQL: counts how often one waits for the other.

    async with counting(database_url) as wire:
        db = await Database.connect(wire.url, ...)
        wire.start_over()
        ...
        assert wire.round_trips <= 2

A round trip ends with ReadyForQuery: once per simple query, once per Sync, whatever was sent before it. BEGIN and
COMMIT are queries like any other, and so is what a pool sends to give a connection back.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

_READY_FOR_QUERY = b"Z"


@dataclass
class Wire:
    """`url` leads to the same database through here."""

    url: str = ""
    round_trips: int = 0
    bytes_up: int = 0
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def start_over(self) -> None:
        self.round_trips = self.bytes_up = 0


@contextlib.asynccontextmanager
async def counting(database_url: str) -> AsyncIterator[Wire]:
    """A way to the database that counts; it is closed with the block."""
    wire = Wire()
    parts = urlsplit(database_url)
    place = parse_qs(parts.query).get("host", [""])[0]

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if place:
            there = await asyncio.open_unix_connection(f"{place}/.s.PGSQL.{parts.port or 5432}")
        else:
            there = await asyncio.open_connection(parts.hostname, parts.port or 5432)
        for task in (
            asyncio.create_task(_up(wire, reader, there[1])),
            asyncio.create_task(_down(wire, there[0], writer)),
        ):
            wire.tasks.add(task)

    with TemporaryDirectory(prefix="wire-") as directory:
        server = await asyncio.start_unix_server(accept, Path(directory) / ".s.PGSQL.5432")
        query = {name: values[0] for name, values in parse_qs(parts.query).items()} | {"host": directory}
        host = f"{parts.username}@" if parts.username else ""
        wire.url = urlunsplit(parts._replace(netloc=host, query=urlencode(query)))
        try:
            yield wire
        finally:
            server.close()
            for task in wire.tasks:
                task.cancel()
            await asyncio.gather(*wire.tasks, return_exceptions=True)


async def _up(wire: Wire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.closing(writer):
        while data := await reader.read(65536):
            wire.bytes_up += len(data)
            writer.write(data)


async def _down(wire: Wire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Every message of the server is a letter, a length that counts itself, and the rest."""
    with contextlib.closing(writer), contextlib.suppress(asyncio.IncompleteReadError):
        while True:
            head = await reader.readexactly(5)
            rest = await reader.readexactly(int.from_bytes(head[1:]) - 4)
            wire.round_trips += head[:1] == _READY_FOR_QUERY
            writer.write(head + rest)
