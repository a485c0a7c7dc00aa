"""What tests of the embedded server share: places to put it, and a question to ask it."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg


@contextlib.contextmanager
def open_directory() -> Iterator[Path]:
    """A directory that the database's user may enter, unlike pytest's own temporary ones."""
    with tempfile.TemporaryDirectory(prefix="pannier-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


async def value(url: str, query: str) -> object:
    """The first value that `query` returns, on a connection of its own."""
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()
