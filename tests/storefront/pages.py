"""Acting on pages in a browser, and waiting for what comes of it."""

from __future__ import annotations

from playwright.async_api import Locator, Page


async def press(page: Page, what: str | Locator) -> None:
    """Click what leads to another page, and wait until that is loaded.

    A click alone comes back as soon as the answer begins, when there may be no body yet to look at.
    """
    target = page.locator(what).first if isinstance(what, str) else what
    async with page.expect_navigation():
        await target.click()


async def has_focus(page: Page, selector: str) -> None:
    """Wait until it has the focus: `autofocus` acts when the page is first painted, which may be after its load."""
    await page.wait_for_selector(f"{selector}:focus")
