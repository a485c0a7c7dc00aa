"""A disk that is full, in the two ways a soak can have one."""

from __future__ import annotations

import asyncio
import contextlib

import asyncpg
import psutil
import pytest

from pannier.platform.embedded import EmbeddedServer
from soak.volume import DATA_DIR, MountedVolume, volume
from tests.support.embedded import value
from tests.support.waiting import wait_until


async def test_where_nothing_can_be_mounted_the_disk_is_full_all_the_same() -> None:
    """The other way to fill a disk: PostgreSQL's processes may write no more, until they may again."""
    with volume(8, may_mount=False) as disk, EmbeddedServer(disk.path / DATA_DIR) as server:
        assert "no file system can be mounted" in disk.how
        postgres = psutil.Process(server.pid)
        disk.fill([postgres, *postgres.children()])
        with pytest.raises((asyncpg.PostgresError, OSError)):
            await _store(server.url)
        disk.free([postgres, *postgres.children()])
        await asyncio.to_thread(wait_until, lambda: _is_stored(server), 60)
        assert await value(server.url, "select count(*) from goods") == 99


async def _store(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("create table goods as select n from generate_series(1, 99) n")
    finally:
        connection.terminate()


def _is_stored(server: EmbeddedServer) -> bool:
    """Start it where it has ended, and try again; it may be in recovery."""
    server.ensure_running()
    with contextlib.suppress(asyncpg.PostgresError, OSError):
        asyncio.run(_store(server.url))
        return True
    return False


def test_a_mounted_disk_is_full_and_has_room_again() -> None:
    with volume(8) as disk:
        if isinstance(disk, MountedVolume):
            disk.fill([])
            with pytest.raises(OSError, match="No space left"):
                (disk.path / "more").write_bytes(b"x" * 4096)
            disk.free([])
        (disk.path / "more").write_bytes(b"x" * 4096)
        assert (disk.path / "more").stat().st_size == 4096
        assert disk.how.startswith("The disk is ")
