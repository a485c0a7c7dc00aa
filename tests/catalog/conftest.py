"""A second shop, to import into what the first one exported."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from pannier.kernel.clock import ManualClock
from pannier.platform.database import Database
from pannier.platform.settings import Settings


@pytest_asyncio.fixture
async def other_db(other_database_url: str, clock: ManualClock) -> AsyncIterator[Database]:
    database = await Database.connect(other_database_url, Settings(database_url=other_database_url), clock)
    yield database
    await database.close()
