"""The account's pages: without a script, without a barrier, without saying who has an account."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import async_playwright

from pannier.app import create_app
from pannier.kernel.clock import ManualClock
from pannier.kernel.ids import new_form_key
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.storefront.conftest import chromium
from tests.storefront.pages import press
from tests.support.accounts import PASSWORD, AccountShop, account_shop
from tests.support.catalogue import make_product
from tests.support.web import client_of, served

JANE = "jane@example.com"
SAME = {"Sec-Fetch-Site": "same-origin"}
ADDRESS = {"name": "Jane Doe", "line1": "1 High Street", "city": "Springfield", "postal_code": "12345", "country": "US"}


@pytest_asyncio.fixture
async def shop(db: Database, settings: Settings, clock: ManualClock) -> AsyncIterator[AccountShop]:
    async with account_shop(db, settings, clock) as found:
        yield found


async def send(browser: httpx.AsyncClient, path: str, **fields: str) -> httpx.Response:
    return await browser.post(path, data={"form_key": new_form_key(), **fields}, headers=SAME, follow_redirects=True)


async def test_a_customer_registers_signs_in_looks_and_signs_out(shop: AccountShop) -> None:
    variant = await make_product(shop.db, name="Stool", on_hand=9)
    async with client_of(shop.app, headers={"Accept": "text/html"}) as browser:
        asked = await send(browser, "/account/register", name="Jane", email=JANE, password=PASSWORD)
        await shop.deliver()
        token = shop.mailbox.token(JANE)
        opened = await browser.get(f"/account/verify?token={token}")
        unproven = await send(browser, "/account/verify", token=token, password="somebody else's words")
        confirmed = await send(browser, "/account/verify", token=token, password=PASSWORD)
        added = await send(browser, "/cart/items", variant_id=str(variant), quantity="2", back="/")
        assert "2 × Stool are in your cart" in added.text
        guest_cart = browser.cookies["pannier_cart"]
        signed_in = await send(browser, "/account/login", email=JANE, password=PASSWORD, back="/account")
        cart = await browser.get("/cart")
        await send(browser, "/account/addresses", **ADDRESS)
        account = await browser.get("/account")
        signed_out = await send(browser, "/account/logout")
        gone = await browser.get("/account")
    assert "We have sent you a mail" in asked.text
    assert opened.headers["referrer-policy"] == "no-referrer"
    assert (unproven.status_code, "is not the password" in unproven.text) == (403, True)
    assert f'value="{token}"' in unproven.text
    assert "is confirmed" in confirmed.text
    assert "You are signed in." in signed_in.text
    assert "Stool" in cart.text
    assert "1 High Street" in account.text
    assert "(this one)" in account.text
    assert "You are signed out." in signed_out.text
    assert browser.cookies["pannier_cart"] != guest_cart
    assert gone.headers["location"] == "/account/login?back=/account"


async def test_what_is_wrong_is_said_and_the_password_is_not_repeated(shop: AccountShop) -> None:
    await shop.account(JANE)
    async with client_of(shop.app, headers={"Accept": "text/html"}) as browser:
        wrong = await send(browser, "/account/login", email=JANE, password="not the password")
        nobody = await send(browser, "/account/login", email="x@example.com", password="not the password")
        weak = await send(browser, "/account/register", email="new@example.com", password="password123")
        no_mail = await send(browser, "/account/forgot", email="no address")
        old_link = await send(browser, "/account/reset", token="lt_" + "A" * 43, password="a brand new word")
    assert (wrong.status_code, nobody.status_code, weak.status_code, no_mail.status_code) == (401, 401, 422, 422)
    assert wrong.text.replace(JANE, "?").count("is not right") == nobody.text.count("is not right")
    assert all("not the password" not in page.text and "password123" not in page.text for page in (wrong, weak))
    assert 'href="#email"' in no_mail.text
    assert "too old" in old_link.text


@pytest.mark.parametrize("path", ["/account/login", "/account/register", "/account/forgot", "/account/logout"])
async def test_another_sites_form_is_not_taken(shop: AccountShop, path: str) -> None:
    await shop.account(JANE)
    async with client_of(shop.app) as browser:
        body = {"email": JANE, "password": PASSWORD}
        answer = await browser.post(path, data=body, headers={"Sec-Fetch-Site": "cross-site"})
    assert (answer.status_code, answer.json()["error"]) == (403, "FOREIGN_FORM")
    assert "set-cookie" not in answer.headers


async def test_one_goes_back_to_this_shop_only(shop: AccountShop) -> None:
    await shop.account(JANE)
    async with client_of(shop.app) as browser:
        body = {"email": JANE, "password": PASSWORD, "back": "//evil.example.com/"}
        answer = await browser.post("/account/login", data=body, headers=SAME)
    assert answer.headers["location"] == "/account"


async def test_devices_are_signed_out_and_data_is_erased_from_the_page(shop: AccountShop) -> None:
    await shop.account(JANE)
    await shop.tokens(JANE)
    async with client_of(shop.app) as browser:
        await send(browser, "/account/login", email=JANE, password=PASSWORD)
        others = await send(browser, "/account/sessions")
        wrong = await send(browser, "/account/privacy", do="erase", password="wrong")
        asked = await send(browser, "/account/privacy", do="erase", password=PASSWORD)
        kept = await send(browser, "/account/privacy", do="keep")
        export = await browser.get("/api/v1/me/export")
    assert "Every other device is signed out." in others.text
    assert "nothing was changed" in wrong.text
    assert "will be erased on" in asked.text
    assert "will be erased on" not in kept.text
    assert export.json()["account"]["email"] == JANE


async def test_axe_finds_no_barrier_and_nothing_scrolls_sideways(shop: AccountShop, tmp_path: Path) -> None:
    await shop.account(JANE, name="Jane")
    shown = Path(os.environ.get("PANNIER_TEST_SCREENSHOTS", tmp_path))
    found: list[str] = []
    with served(create_app(shop.settings)) as address:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
            for width in (320, 1280):
                page = await browser.new_page(viewport={"width": width, "height": 800}, java_script_enabled=True)
                paths = ["/account/login", "/account/register", "/account/forgot", "/account/reset?token=x"]
                for path in [*paths, "/account/verify?token=x", "/account"]:
                    if path == "/account":
                        await page.goto(f"{address}/account/login")
                        await page.fill("#email", JANE)
                        await page.fill("#password", PASSWORD)
                        await press(page, "main button")
                        await page.click("summary")
                    else:
                        await page.goto(f"{address}{path}")
                    results = await Axe().run(page)
                    found += [f"{width} {path}: {v['id']}" for v in results.response["violations"]]
                    if await page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                        found.append(f"{width} {path}: scrolls sideways")
                    name = path.strip("/").replace("/", "-").partition("?")[0]
                    await page.screenshot(path=shown / f"{name}-{width}.png", full_page=True)
            await browser.close()
    assert found == []
