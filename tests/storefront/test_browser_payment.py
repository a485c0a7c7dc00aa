"""Paying in a real browser: to the gateway's page and back, declined, and left for later."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, ViewportSize

from pannier.checkout.revising import Edit
from pannier.orders import RefundService
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.storefront.pages import press
from tests.storefront.test_browser import ADDRESS, SMALL_TARGETS, TARGET_PX_MIN
from tests.support.books import faults
from tests.support.catalogue import make_product
from tests.support.revisers import reviser_of
from tests.support.shop import STAFF, Shop, count

AXE = Axe()


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"payment_methods": ("invoice", "test")})


async def look(page: Page, name: str, width: int) -> None:
    """No barrier, nothing cut off, nothing too small to hit."""
    found = await AXE.run(page)
    assert found.violations_count == 0, f"{name}: {found.generate_report()}"
    assert await page.evaluate("document.documentElement.scrollWidth") <= width, name
    assert await page.evaluate(SMALL_TARGETS, TARGET_PX_MIN) == [], name


async def order(page: Page, shop: str) -> None:
    """Everything is told, and she is about to pay."""
    await page.goto(f"{shop}/p/table-lamp")
    await press(page, ".add button")
    await page.goto(f"{shop}/cart")
    await press(page, "text=Check out")
    for field, value in ADDRESS.items():
        await page.fill(f"#{field}", value)
    await page.select_option("#country", "US")
    await page.click("text=Test payment")
    await press(page, "text=Place order")
    await page.wait_for_url("**/pay/test/tp_*")


async def choose(page: Page, what: str) -> None:
    await press(page, page.get_by_role("button", name=what, exact=True))


@pytest.mark.parametrize("scheme, width", [("light", 390), ("dark", 1280)])
async def test_paid_at_once_declined_first_and_later(
    browser: Browser, shop: str, db: Database, scheme: Any, width: int
) -> None:
    page = await browser.new_page(color_scheme=scheme, viewport=ViewportSize(width=width, height=800))
    spoken: list[str] = []
    page.on("console", lambda message: spoken.append(message.text))
    suffix = f"{scheme}-{width}"

    await order(page, shop)
    await look(page, f"gateway-{suffix}", width)
    await choose(page, "Pay")
    assert "Thank you" in await page.inner_text("h1")

    await order(page, shop)
    await choose(page, "Decline")
    assert "The payment was declined, and nothing was charged." in await page.inner_text("main")
    await look(page, f"declined-{suffix}", width)
    await page.click("text=Invoice")
    await press(page, "text=Place order")
    assert "Thank you" in await page.inner_text("h1")

    await order(page, shop)
    gateway = page.url
    await choose(page, "Go back without paying")
    assert "Your payment is waiting for you." in await page.inner_text("main")
    await look(page, f"waiting-{suffix}", width)
    await press(page, "text=Go on to pay")
    assert page.url == gateway
    await choose(page, "Pay, and never come back")
    assert "It is paid." in await page.inner_text("main")
    await look(page, f"paid-{suffix}", width)
    await press(page, "text=Back to the shop")
    assert "Thank you" in await page.inner_text("h1")

    assert [text for text in spoken if not text.startswith("Failed to load resource")] == []
    assert await count(db, "orders") == 3
    assert await faults(db) == {}
    await page.close()


async def test_what_an_order_has_due_is_declined_and_then_paid(
    browser: Browser, shop: str, db: Database, settings: Settings
) -> None:
    page = await browser.new_page(viewport=ViewportSize(width=390, height=800))
    await order(page, shop)
    await choose(page, "Pay")
    address, lamp = page.url, await make_product(db, on_hand=5, price_minor=700)
    reviser = reviser_of(Shop.of(db, settings), RefundService(db))
    await reviser.edit(STAFF, address.rpartition("/")[2], Edit(added=[(lamp, 1)]))

    await page.goto(address)
    assert "$7.00, beside the $" in await page.inner_text("main")
    await look(page, "due", 390)
    await choose(page, "Pay $7.00")
    await choose(page, "Decline")
    assert page.url == address
    assert "The payment was declined, and nothing was charged." in await page.inner_text("body")
    await choose(page, "Pay $7.00")
    await choose(page, "Pay")

    assert page.url == address
    assert "Your payment is there. Thank you." in await page.inner_text("body")
    assert "Still to pay" not in await page.inner_text("main")
    await look(page, "settled", 390)
    assert await faults(db) == {}
    await page.close()
