"""A shop with customers who wish for things."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from pannier.kernel.clock import ManualClock
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.support.accounts import AccountShop, account_shop
from tests.support.wishers import JANE, Wisher


@pytest_asyncio.fixture
async def shop(db: Database, settings: Settings, clock: ManualClock) -> AsyncIterator[AccountShop]:
    async with account_shop(db, settings, clock, rate_limits=False) as found:
        yield found


@pytest_asyncio.fixture
async def jane(shop: AccountShop) -> AsyncIterator[Wisher]:
    """A customer who is signed in."""
    await shop.account(JANE)
    async with shop.client(**(await shop.bearer(JANE))) as client:
        yield Wisher(client)
