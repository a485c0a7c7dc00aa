"""The pages in a real browser: no barrier that axe knows of, no sideways scrolling, everything by keyboard."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, ViewportSize

from tests.storefront.pages import press

TARGET_PX_MIN = 44
TABS_MAX = 120
ADDRESS = {
    "email": "jane@example.com",
    "name": "Jane Doe",
    "line1": "1 Main Street",
    "postal_code": "62701",
    "city": "Springfield",
}
# Of a group of radio buttons the Tab key reaches one; the arrows reach the others.
UNREACHED = """() => {
  const name = e => e.type === 'radio' ? 'radio ' + e.name : e.tagName + (e.id || e.href || e.innerText)
  window.reached ??= new Set()
  if (document.activeElement !== document.body) window.reached.add(name(document.activeElement))
  const all = [...document.querySelectorAll('a[href],button,input,select,textarea,summary')]
  return all.filter(e => !e.disabled && e.type !== 'hidden' && e.checkVisibility()).map(name)
    .filter(n => !window.reached.has(n))
}"""
FOCUS_IS_SEEN = """() => {
  const shown = e => e && getComputedStyle(e).outlineStyle !== 'none'
  const e = document.activeElement
  return e === document.body || shown(e) || shown(e.closest('.option'))
}"""
# A product's card is one big target; its name is only where the focus is.
SMALL_TARGETS = """least => [...document.querySelectorAll('a[href],button,input,select,textarea,summary')]
  .filter(e => e.type !== 'hidden' && e.checkVisibility() && !e.matches('.card h3 a, .skip'))
  .map(e => [e.outerHTML.slice(0, 80), (e.closest('label') ?? e).getBoundingClientRect()])
  .filter(([, box]) => box.height < least || box.width < least).map(([html, box]) => html + ' ' + box.height)"""


async def walk(page: Page, shop: str) -> AsyncIterator[str]:
    """Every page and every state of it that looks different; the name of each while it is open."""
    for name, path in {"list": "/", "nothing found": "/?q=zzz", "sold out": "/p/mantel-clock", "404": "/none"}.items():
        await page.goto(f"{shop}{path}")
        yield name
    await page.goto(f"{shop}/p/soy-candle")
    yield "product"
    await page.click("text=Large, Orange")
    await press(page, ".add button")
    yield "added"
    await page.goto(f"{shop}/cart")
    yield "cart"
    await page.goto(f"{shop}/p/cobalt-bowl")
    await press(page, ".add button")
    await page.goto(f"{shop}/cart")
    yield "cart of two"
    await press(page, page.locator("button[value=save]").nth(1))
    yield "cart, one saved"
    await page.click("summary")
    await page.fill("input[name=quantity]", "9")
    await press(page, "button[value=update]")
    assert "Only 4 available" in await page.inner_text("main")
    yield "cart, refused"
    await press(page, "text=Check out")
    yield "checkout"
    await press(page, "text=Place order")
    assert await page.locator("[aria-invalid]").count() == 6
    yield "checkout, refused"
    for field, value in ADDRESS.items():
        await page.fill(f"#{field}", value)
    await page.select_option("#country", "US")
    await press(page, "text=Place order")
    assert "Thank you" in await page.inner_text("h1")
    yield "order"


@pytest.mark.parametrize("scheme, width", [("light", 1280), ("dark", 1280), ("light", 320), ("dark", 320)])
async def test_no_page_has_a_barrier(browser: Browser, shop: str, scheme: Any, width: int) -> None:
    axe = Axe()
    page = await browser.new_page(color_scheme=scheme, viewport=ViewportSize(width=width, height=800))
    spoken: list[str] = []
    page.on("console", lambda message: spoken.append(message.text))
    seen = []
    async for name in walk(page, shop):
        seen.append(name)
        found = await axe.run(page)
        assert found.violations_count == 0, f"{name}: {found.generate_report()}"
        assert await page.evaluate("document.documentElement.scrollWidth") <= width, name
        assert await page.evaluate(SMALL_TARGETS, TARGET_PX_MIN) == [], name
    assert len(seen) == 13
    # Chromium says that it got a 404, 409 or 422; a breach of the content security policy it would say too.
    assert [text for text in spoken if not text.startswith("Failed to load resource")] == []
    await page.close()


async def test_every_control_is_reached_by_keyboard_and_shows_it(browser: Browser, shop: str) -> None:
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


async def reach(page: Page, selector: str) -> None:
    """Press Tab until the focus is on it."""
    for _ in range(TABS_MAX):
        await page.keyboard.press("Tab")
        if await page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{selector} is not reached")


async def follow(page: Page, selector: str) -> None:
    """Press Enter on it, and wait for the page it leads to."""
    await reach(page, selector)
    async with page.expect_navigation():
        await page.keyboard.press("Enter")


async def test_a_purchase_by_keyboard_alone(browser: Browser, shop: str) -> None:
    page = await browser.new_page(viewport=ViewportSize(width=1280, height=800))
    await page.goto(shop)
    await reach(page, ".skip")
    await page.keyboard.press("Enter")
    await follow(page, 'a[href="/p/soy-candle"]')
    await reach(page, "input[type=radio]")
    await page.keyboard.press("ArrowDown")
    for selector in (".add button", ".flash a", 'form[action="/checkout"] button'):
        await follow(page, selector)
    for field, value in ADDRESS.items():
        await reach(page, f"#{field}")
        await page.keyboard.type(value)
    await reach(page, "#country")
    await page.keyboard.type("United States")
    await follow(page, ".panel button")
    assert "Thank you" in await page.inner_text("h1")
    assert "Small, Orange" in await page.inner_text("main")
    await page.close()


# Which two of a line's parts cover each other; what is inside another part is none of them.
OVERLAPS = """() => [...document.querySelectorAll('.line')].flatMap(line => {
  const parts = [...line.querySelectorAll('.thumb,h3 a,.note,.price,.money,.field input,.btn,.pick,summary')]
    .filter(e => e.checkVisibility()).map(e => [e.outerHTML.slice(0, 60), e.getBoundingClientRect(), e])
  return parts.flatMap(([one, a, e], n) => parts.slice(n + 1)
    .filter(([, b, other]) => !e.contains(other) && !other.contains(e) && !e.matches('h3 a') && !other.matches('h3 a')
      && a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1)
    .map(([two]) => one + ' | ' + two))
})"""


@pytest.mark.parametrize("width, height_max", [(390, 330), (320, 330), (1280, 260)])
async def test_a_line_of_the_cart_is_compact_and_in_order(
    browser: Browser, shop: str, width: int, height_max: int
) -> None:
    page = await browser.new_page(viewport=ViewportSize(width=width, height=800))
    for product in ("table-lamp", "cobalt-bowl"):
        await page.goto(f"{shop}/p/{product}")
        await press(page, ".add button")
    await page.goto(f"{shop}/cart")
    assert await page.evaluate(OVERLAPS) == []
    line = page.locator(".line").first
    box = await line.bounding_box()
    assert box is not None
    assert box["height"] <= height_max
    parts = [".thumb", "h3", ".money", ".field input", ".quantity button[value=update]", "button[value=remove]"]
    tops = []
    for part in parts:
        found = await line.locator(part).bounding_box()
        assert found is not None, part
        tops.append(found["y"])
    picture, name, total, quantity, update, remove = tops
    assert abs(name - total) < 12
    assert picture <= name < quantity <= update < remove
    await page.close()
