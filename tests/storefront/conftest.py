"""A shop with the demo catalogue, and somebody who looks at its pages."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from pannier.app import PannierApp, create_app
from pannier.catalog import seed_demo
from pannier.kernel.clock import ManualClock
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.storefront.reader import ORIGIN, Reader
from tests.support.demo import demo_stock
from tests.support.web import served


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"database_pool_size": 3})


@pytest_asyncio.fixture
async def app(settings: Settings, clock: ManualClock, db: Database) -> AsyncIterator[PannierApp]:
    await seed_demo(db, demo_stock(db, settings), currency=settings.currency)
    app = create_app(settings, clock=clock)
    async with app.running():
        yield app


@pytest_asyncio.fixture
async def reader(app: PannierApp) -> AsyncIterator[Reader]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url=ORIGIN) as c:
        yield Reader(c)


def chromium() -> str:
    found = shutil.which("chromium")
    assert found, "install Debian's chromium: `make test` does, or says how"
    return found


@pytest_asyncio.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        # Root, which containers often are, may use Chromium without its sandbox only; the pages are our own.
        browser = await playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield browser
        await browser.close()


@pytest_asyncio.fixture
async def shop(settings: Settings, db: Database) -> AsyncIterator[str]:
    """The address of a shop with the demo catalogue."""
    await seed_demo(db, demo_stock(db, settings), currency=settings.currency)
    with served(create_app(settings)) as address:
        yield address
