"""A real PostgreSQL for every test that asks: one server per run, one fresh migrated database per test.

    database_url    the URL of a database of this test's own, migrated
    fresh_database  more of them, each for a block
    empty_url       the same without a table
    settings        settings that name it, with a short list of what tests want otherwise
    clock           a clock that only the test moves
    db              a pool on it

`PANNIER_TEST_DATABASE_URL` names a server to use instead of the embedded one; its role may create databases.
With `--oldest-postgresql` it is the oldest one we promise to work with (tests/support/oldest.py).
"""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio

from pannier.kernel.clock import ManualClock
from pannier.kernel.ids import uuid7
from pannier.platform import migrate
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.support.oldest import OPTION, OldestServer
from tests.support.postgres import PostgresServer, drop, execute, with_database

__all__ = ["VARIABLE", "drop", "execute", "with_database"]

VARIABLE = "PANNIER_TEST_DATABASE_URL"
_KEY: pytest.StashKey[PostgresServer | OldestServer] = pytest.StashKey()


def _server_url(config: pytest.Config) -> str:
    """The URL of this run's server; starts it when nobody has."""
    named = getattr(config, "workerinput", {}).get("database_url")
    if not config.getoption(OPTION):
        named = os.environ.get(VARIABLE) or named
    if named:
        return str(named)
    if _KEY not in config.stash:
        config.stash[_KEY] = OldestServer() if config.getoption(OPTION) else PostgresServer()
    return config.stash[_KEY].url


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """With several test processes, the one that starts them owns the server."""
    node.workerinput["database_url"] = _server_url(node.config)


def pytest_unconfigure(config: pytest.Config) -> None:
    if _KEY in config.stash:
        config.stash[_KEY].stop()


@pytest.fixture(scope="session")
def server_url(request: pytest.FixtureRequest) -> str:
    return _server_url(request.config)


@pytest.fixture(scope="session")
def _template(server_url: str) -> Iterator[str]:
    """A migrated database that tests copy; one per test process, since a template must be idle to be copied."""
    name = f"template_{uuid7().hex}"
    url = with_database(server_url, name)
    asyncio.run(execute(server_url, f"create database {name} template template0"))
    asyncio.run(migrate.upgrade(url, Settings(database_url=url)))
    yield name
    asyncio.run(drop(server_url, name))


async def _fresh(server_url: str, template: str) -> AsyncIterator[str]:
    name = f"test_{uuid7().hex}"
    await execute(server_url, f"create database {name} template {template} strategy file_copy")
    yield with_database(server_url, name)
    await drop(server_url, name)


Fresh = Callable[[], AbstractAsyncContextManager[str]]


@pytest.fixture(scope="session")
def fresh_database(server_url: str, _template: str) -> Fresh:
    """For those who keep one longer than a test: `async with fresh_database() as url`."""
    return lambda: asynccontextmanager(_fresh)(server_url, _template)


@pytest_asyncio.fixture
async def database_url(server_url: str, _template: str) -> AsyncIterator[str]:
    async for url in _fresh(server_url, _template):
        yield url


@pytest_asyncio.fixture
async def other_database_url(server_url: str, _template: str) -> AsyncIterator[str]:
    """A second one, for tests with two shops."""
    async for url in _fresh(server_url, _template):
        yield url


@pytest_asyncio.fixture
async def empty_url(server_url: str) -> AsyncIterator[str]:
    async for url in _fresh(server_url, "template0"):
        yield url


@functools.cache
def _given() -> Settings:
    return Settings(database_url="postgresql:///nowhere", admin_token="a-token-for-tests-only")


@pytest.fixture
def settings(database_url: str) -> Settings:
    # Copied, because a setting that is not given is looked for in many places, which takes as long as a test.
    return _given().model_copy(update={"database_url": database_url})


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest_asyncio.fixture
async def db(settings: Settings, clock: ManualClock) -> AsyncIterator[Database]:
    assert settings.database_url is not None
    database = await Database.connect(settings.database_url, settings, clock)
    yield database
    await database.close()
