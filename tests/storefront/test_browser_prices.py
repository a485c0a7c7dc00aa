"""Codes, shipping and gift cards in a real browser: no barrier that axe knows of, and everything by keyboard."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, ViewportSize

from pannier.platform.database import Database
from tests.storefront.pages import has_focus, press
from tests.storefront.test_browser import (
    ADDRESS,
    FOCUS_IS_SEEN,
    SMALL_TARGETS,
    TABS_MAX,
    TARGET_PX_MIN,
    UNREACHED,
    follow,
    reach,
)
from tests.storefront.test_priced_purchase import furnish


async def walk(page: Page, shop: str) -> AsyncIterator[str]:
    """Every state of the pages that has to do with prices; the name of each while it is open."""
    await page.goto(f"{shop}/p/cobalt-bowl")
    await page.fill("#quantity", "2")
    await press(page, ".add button")
    await page.goto(f"{shop}/cart")
    yield "cart"
    await page.fill("#code", "NOSUCH")
    await press(page, "#codes >> text=Apply")
    await has_focus(page, "#code")
    yield "code refused"
    await page.fill("#code", "HELLO5")
    await press(page, "#codes >> text=Apply")
    await page.select_option("#country", "US")
    await press(page, "text=Estimate")
    await page.check("input[value=express]")
    await press(page, "#delivery >> text=Choose this way")
    yield "estimated"
    await press(page, "text=Check out")
    await press(page, "button[value=order]")
    yield "checkout, refused"
    for field, value in ADDRESS.items():
        await page.fill(f"#{field}", value)
    await page.fill("#gift_card", "NOSUCHCARD")
    await press(page, "button[value=gift_card]")
    yield "gift card refused"
    await page.fill("#gift_card", "GIFT-2026-ABCD")
    await press(page, "button[value=gift_card]")
    yield "checkout"
    await press(page, "button[value=order]")
    assert "Thank you" in await page.inner_text("h1")
    yield "order"


@pytest.mark.parametrize("scheme, width", [("light", 1280), ("dark", 1280), ("light", 320), ("dark", 320)])
async def test_no_page_of_prices_has_a_barrier(
    browser: Browser, shop: str, db: Database, scheme: Any, width: int
) -> None:
    await furnish(db)
    axe = Axe()
    page = await browser.new_page(color_scheme=scheme, viewport=ViewportSize(width=width, height=800))
    seen = []
    async for name in walk(page, shop):
        seen.append(name)
        found = await axe.run(page)
        assert found.violations_count == 0, f"{name}: {found.generate_report()}"
        assert await page.evaluate("document.documentElement.scrollWidth") <= width, name
        assert await page.evaluate(SMALL_TARGETS, TARGET_PX_MIN) == [], name
    assert len(seen) == 7
    await page.close()


async def test_every_control_of_prices_is_reached_by_keyboard(browser: Browser, shop: str, db: Database) -> None:
    await furnish(db)
    page = await browser.new_page(viewport=ViewportSize(width=1280, height=800))
    async for name in walk(page, shop):
        await page.evaluate("document.activeElement.blur()")
        for _ in range(TABS_MAX):
            await page.keyboard.press("Tab")
            assert await page.evaluate(FOCUS_IS_SEEN), name
            if not await page.evaluate(UNREACHED):
                break
        assert await page.evaluate(UNREACHED) == [], name
    await page.close()


async def test_enter_in_a_field_of_the_checkout_orders_nothing(browser: Browser, shop: str, db: Database) -> None:
    await furnish(db)
    page = await browser.new_page(viewport=ViewportSize(width=1280, height=800))
    await page.goto(f"{shop}/p/cobalt-bowl")
    await press(page, ".add button")
    await page.goto(f"{shop}/cart")
    await follow(page, 'form[action="/checkout"] button')
    await reach(page, "#email")
    await page.keyboard.type("jane@example.com")
    async with page.expect_navigation():
        await page.keyboard.press("Enter")
    assert "Checkout" in await page.inner_text("h1")
    assert await page.input_value("#email") == "jane@example.com"
    await page.close()


async def test_a_delivery_that_the_total_does_not_have_yet_says_so(browser: Browser, shop: str, db: Database) -> None:
    await furnish(db)
    page = await browser.new_page(viewport=ViewportSize(width=390, height=800))
    await page.goto(f"{shop}/p/cobalt-bowl")
    await press(page, ".add button")
    await page.goto(f"{shop}/cart")
    await page.select_option("#country", "US")
    await press(page, "text=Estimate")
    await press(page, "text=Check out")
    assert await page.is_checked("input[value=standard]")
    assert await page.is_hidden(".uncounted")
    await page.check("input[value=express]")
    assert await page.is_visible(".uncounted")
    await press(page, ".recount")
    assert await page.is_hidden(".uncounted")
    assert "Shipping\n$12.90" in await page.inner_text(".totals")
    await page.close()
