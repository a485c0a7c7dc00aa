"""The pages of wishlists in a real browser: no barrier that axe knows of, no sideways scrolling, all by keyboard."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, ViewportSize

from pannier.accounts import StaffAccounts
from pannier.kernel.ids import hash_token, new_link_token
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from pannier.platform.tokens.own import OwnTokens
from tests.storefront.pages import press
from tests.storefront.test_browser import FOCUS_IS_SEEN, SMALL_TARGETS, TABS_MAX, TARGET_PX_MIN, UNREACHED
from tests.support.accounts import PASSWORD, QUICK

JANE = "jane@example.com"
LOOKS = [("light", 1280), ("dark", 1280), ("light", 320), ("dark", 320)]


async def signed_in(browser: Browser, shop: str, db: Database, settings: Settings) -> Any:
    """What the browser of a customer keeps, who has four things on her list."""
    page = await browser.new_page()
    await page.goto(f"{shop}/account/login")
    async with db.read() as connection:
        secret = await connection.fetchval("select secret from account_key")
    staff = StaffAccounts(db, settings, OwnTokens(secret, audience="pannier:public", access_ttl_s=600))
    staff._passwords = QUICK
    await staff.create(JANE, PASSWORD)
    await page.fill("input[name=email]", JANE)
    await page.fill("input[name=password]", PASSWORD)
    await press(page, "main button")
    for slug in ("cobalt-bowl", "oak-stool", "soy-candle"):
        await page.goto(f"{shop}/p/{slug}")
        await press(page, "button[formaction$='/wishlist/hearts']")
    await page.goto(f"{shop}/p/mantel-clock")
    await press(page, "button[name=tell]")
    await page.goto(f"{shop}/wishlist")
    await page.click("text=Begin another list")
    await page.fill("#new-name", "Gifts for a long winter evening with friends")
    await press(page, "text=Begin it")
    state = await page.context.storage_state()
    await page.close()
    return state


async def walk(page: Page, shop: str, token: str) -> AsyncIterator[str]:
    """Every page of wishlists and every state that looks different; the name of each while it is open."""
    await page.goto(shop)
    yield "list with hearts"
    await page.goto(f"{shop}/p/mantel-clock")
    yield "sold out and watched"
    await page.goto(f"{shop}/p/soy-candle")
    yield "a product with options"
    await page.goto(f"{shop}/wishlist")
    for summary in await page.locator("main summary").all():
        await summary.click()
    yield "wishlist, opened up"
    await press(page, page.locator("button[value=remove]").nth(1))
    yield "taken off, with undo"
    await press(page, "text=Undo")
    assert "It is back on your list." in await page.inner_text(".said")
    await press(page, "button[value=all]")
    assert "1 stayed on your list" in await page.inner_text(".said")
    yield "all but one in the cart"
    for _ in range(3):
        await page.goto(f"{shop}/cart")
        await press(page, page.locator("button:has-text('Move to wishlist')").first)
    await page.goto(f"{shop}/wishlist")
    await press(page, "button[value=share]")
    yield "shared"
    link = await page.input_value("#link")
    await press(page, "button[value=revoke] >> nth=0")
    await press(page, "nav[aria-label='Your lists'] a >> nth=1")
    yield "an empty list"
    await page.goto(f"{shop}/wishlist")
    await press(page, "button[value=share]")
    await page.goto(await page.input_value("#link"))
    yield "somebody's list"
    await page.goto(f"{shop}/wishlist/unsubscribe?token={token}")
    yield "the end of notices"
    await page.goto(f"{shop}/p/cobalt-bowl")
    await press(page, ".add button")
    await page.goto(f"{shop}/cart")
    await press(page, "button[value=remove]")
    yield "removed from the cart, with undo"
    assert "/wishlist/shared/" in link


async def unsubscribe_token(db: Database) -> str:
    token = new_link_token()
    async with db.read() as connection:
        await connection.execute(
            "insert into wishlist_unsubscribe (token_hash, user_id, item_ids, created_at)"
            " values ($1, 'x', '{}', now())",
            hash_token(token),
        )
    return token


@pytest.mark.timeout(300)
async def test_no_page_of_wishlists_has_a_barrier(
    browser: Browser,
    shop: str,
    db: Database,
    settings: Settings,
) -> None:
    axe, token = Axe(), await unsubscribe_token(db)
    state = await signed_in(browser, shop, db, settings)
    spoken: list[str] = []
    scheme: Any
    for scheme, width in LOOKS:
        context = await browser.new_context(
            color_scheme=scheme, viewport=ViewportSize(width=width, height=800), storage_state=state
        )
        page, seen = await context.new_page(), []
        page.on("console", lambda message: spoken.append(message.text))
        async for name in walk(page, shop, token):
            seen.append(name)
            found = await axe.run(page)
            assert found.violations_count == 0, f"{name}: {found.generate_report()}"
            assert await page.evaluate("document.documentElement.scrollWidth") <= width, name
            assert await page.evaluate(SMALL_TARGETS, TARGET_PX_MIN) == [], name
        assert len(seen) == 11
        state = await context.storage_state()
        await context.close()
    assert [text for text in spoken if not text.startswith("Failed to load resource")] == []


@pytest.mark.timeout(300)
async def test_every_control_of_wishlists_is_reached_by_keyboard(
    browser: Browser,
    shop: str,
    db: Database,
    settings: Settings,
) -> None:
    token = await unsubscribe_token(db)
    context = await browser.new_context(storage_state=await signed_in(browser, shop, db, settings))
    page = await context.new_page()
    async for name in walk(page, shop, token):
        await page.evaluate("document.activeElement.blur()")
        for _ in range(TABS_MAX):
            await page.keyboard.press("Tab")
            assert await page.evaluate(FOCUS_IS_SEEN), name
            if not await page.evaluate(UNREACHED):
                break
        assert await page.evaluate(UNREACHED) == [], name
    await context.close()
