"""The databases that tests get, and how they go."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from tests.support import database, postgres, scratch


def name_of(url: str) -> str:
    """The database that a URL names."""
    return urlsplit(url).path[1:]


async def test_a_database_goes_with_whoever_is_connected_to_it(server_url: str, empty_url: str) -> None:
    guest = await asyncpg.connect(empty_url)
    await database.drop(server_url, name_of(empty_url))
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await asyncpg.connect(empty_url)
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await guest.execute("select 1")
    guest.terminate()


async def test_what_our_role_may_not_end_by_force_goes_for_a_plain_drop(
    server_url: str, empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as the server's own process that tidies tables up, where a server is not set as ours are."""
    name = name_of(empty_url)
    guest = await asyncpg.connect(empty_url)
    refused: list[str] = []
    execute = postgres.execute

    async def refusing(url: str, *statements: str) -> None:
        if any("(force)" in statement for statement in statements):
            refused.append(url)
            raise asyncpg.InsufficientPrivilegeError("permission denied to terminate process")
        await execute(url, *statements)

    monkeypatch.setattr(postgres, "execute", refusing)
    await database.drop(server_url, name)
    assert refused == [server_url]
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await asyncpg.connect(empty_url)
    guest.terminate()


async def test_no_server_of_ours_tidies_up_while_a_test_ends(server_url: str) -> None:
    connection = await asyncpg.connect(server_url)
    assert database.VARIABLE in os.environ or await connection.fetchval("show autovacuum") == "off"
    await connection.close()


def test_files_are_kept_in_memory_only_where_there_is_plenty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert scratch.has_room(tmp_path, room_bytes=1)
    assert not scratch.has_room(tmp_path, room_bytes=1 << 60)
    assert not scratch.has_room(tmp_path / "absent", room_bytes=1)
    monkeypatch.setattr(scratch, "_RAM_DISK", tmp_path / "absent")
    directory = scratch.scratch_directory()
    assert directory.is_dir()
    directory.rmdir()
