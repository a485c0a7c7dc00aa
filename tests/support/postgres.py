"""An embedded PostgreSQL for those who test, and databases that are made and dropped on a server."""

from __future__ import annotations

import shutil
import time
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from pannier.platform.embedded import EmbeddedServer
from pannier.platform.embedded.binaries import find_binaries
from pannier.platform.embedded.home import make_home, socket_directory
from pannier.platform.embedded.process import run
from tests.support.scratch import FOR_TESTS, scratch_directory

_DROP_S = 60.0
_END_OURS = "select pg_terminate_backend(pid) from pg_stat_activity where datname = '{}' and usename = current_user"


class PostgresServer:
    """A server of its own, which is gone without a trace when it is stopped."""

    def __init__(self) -> None:
        self._directory = scratch_directory()
        home, account = make_home(self._directory / "data", lambda _: None)
        lines = (f"{name} = {value}\n" for name, value in FOR_TESTS.items())
        (home.path / "local.conf").write_text("".join(lines), encoding="utf-8")
        self._server = EmbeddedServer(self._directory / "data")
        try:
            self.url = self._server.start()
            psql = find_binaries(account).program("psql")
            options = ["--no-psqlrc", "--quiet", "--username=postgres", "--dbname=postgres"]
            options += [f"--host={socket_directory(home, account)}", "--command=alter role pannier createdb"]
            done = run(account, [psql, *options])
            assert done.returncode == 0, done.stdout
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        self._server.stop()
        shutil.rmtree(self._directory, ignore_errors=True)


def with_database(url: str, name: str) -> str:
    """The URL with another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


async def execute(url: str, *statements: str) -> None:
    """Carry statements out one by one, on a connection of their own."""
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def drop(server_url: str, name: str) -> None:
    """Drop a database and whoever is connected to it.

    Somebody else's server may be tidying it up at that moment. No ordinary role may end that by force; it goes by
    itself for a plain drop.
    """
    deadline = time.monotonic() + _DROP_S
    statements = [f"drop database if exists {name} with (force)"]
    while True:
        try:
            return await execute(server_url, *statements)
        except (asyncpg.InsufficientPrivilegeError, asyncpg.ObjectInUseError):
            if time.monotonic() > deadline:
                raise
            statements = [_END_OURS.format(name), f"drop database if exists {name}"]
