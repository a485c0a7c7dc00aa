"""A shop with accounts for every test that asks."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from pannier.kernel.clock import ManualClock
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.support.accounts import AccountShop, account_shop


@pytest_asyncio.fixture
async def shop(db: Database, settings: Settings, clock: ManualClock) -> AsyncIterator[AccountShop]:
    async with account_shop(db, settings, clock) as found:
        yield found
