"""Shop B: the application of the page as it stands there, its users, and its flags on and off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import jwt
import pytest

from pannier.app import factory
from pannier.cart import CartService
from pannier.kernel.clock import ManualClock
from pannier.platform.database import Database
from tests.docs.pages import blocks
from tests.journeys.devices import contents, device
from tests.journeys.shop_pages import open_shop, page, settings_of, variables
from tests.support.catalogue import make_product
from tests.support.web import served

PAGE = "inside-your-fastapi-app"
JANE = {"email": "jane@example.com", "password": "three grey herons"}
JANES_ID = "9b2c1c9e-0000-4000-8000-000000000001"
SHOP = "/shop/api/v1"


@contextmanager
def application(
    monkeypatch: pytest.MonkeyPatch, database_url: str, clock: ManualClock, **flags: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The page's code behind a real server, with the page's settings; its address and its names."""
    for name, value in {**variables(page(PAGE)), **flags, "PANNIER_DATABASE_URL": database_url}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(factory, "SystemClock", lambda: clock)
    (source,) = [block.text for block in blocks(page(PAGE)) if block.mark == "python"]
    # A module of that name, where its annotations are looked up.
    names: dict[str, Any] = {"__name__": "main"}
    exec(compile(source, "main.py", "exec"), names)  # it is our own text
    with served(names["app"], lifespan="on") as address:
        yield address, names


def lasts(expires: int | None, clock: ManualClock) -> timedelta:
    """How long a cookie is kept from now on."""
    return timedelta(seconds=(expires or 0) - clock.now().timestamp())


async def test_a_guest_fills_a_cart_and_signs_in_at_the_application(
    database_url: str, db: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    lamp, rug = await make_product(db, name="Lamp", on_hand=5), await make_product(db, name="Rug", on_hand=5)
    with application(monkeypatch, database_url, clock) as (address, _):
        async with device(address, prefix=SHOP) as browser, device(address, "app", prefix=SHOP) as app:
            cart = await browser.add(lamp, 2, attributes={"shade": "green"})
            assert cart["owner"]["kind"] == "guest"
            (cookie,) = browser.http.cookies.jar
            assert (cookie.name, cookie.path) == ("cart_session", "/shop")
            assert timedelta(days=6, hours=23) < lasts(cookie.expires, clock) <= timedelta(days=7)

            wrong = await browser.http.post(f"{address}/auth/jwt/login", json={**JANE, "password": "a guess"})
            signed_in = (await browser.http.post(f"{address}/auth/jwt/login", json=JANE)).json()
            assert (wrong.status_code, wrong.json()) == (400, {"detail": "LOGIN_BAD_CREDENTIALS"})
            app.signed_in(signed_in["access_token"])
            await app.add(rug)
            token = browser.http.cookies["cart_session"]
            merged = await app.send("POST", "/cart/merge", {"cart_token": token})
            assert sorted(contents(merged["cart"])) == [("Lamp", 2), ("Rug", 1)]
            assert merged["cart"]["owner"] == {"kind": "user", "user_id": JANES_ID}
            assert (await browser.cart())["items"] == []
            size = await browser.http.get(f"{address}/users/{JANES_ID}/cart-size")
            assert size.json() == 3

            # The application's own routes and errors stay its own; a token of its for mails is none for the shop.
            assert (await browser.http.get(f"{address}/nothing")).json() == {"detail": "Not Found"}
            payload = {"sub": JANES_ID, "aud": ["fastapi-users:verify"], "exp": clock.now() + timedelta(hours=1)}
            secret = variables(page(PAGE))["PANNIER_JWT_SECRET"]
            app.signed_in(jwt.encode(payload, secret, algorithm="HS256"))
            assert (await app.add(rug, status=401))["error"] == "INVALID_TOKEN"


async def test_a_guests_cart_is_gone_after_seven_days_without_a_change(
    database_url: str, db: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    lamp = await make_product(db, name="Lamp", on_hand=5)
    with application(monkeypatch, database_url, clock) as (address, names):
        async with device(address, prefix=SHOP) as browser:
            first = await browser.add(lamp)
            clock.advance(timedelta(days=6))
            assert (await browser.add(lamp))["id"] == first["id"]
            clock.advance(timedelta(days=8))
            assert (await browser.cart())["items"] == []
            assert await CartService(db, names["shop"].state.pannier.settings).expire_due() == 1
            assert (await browser.add(lamp))["id"] != first["id"]


async def test_limits_are_told_with_what_is_allowed(
    database_url: str, db: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    lamp, rug = await make_product(db, name="Lamp", on_hand=500), await make_product(db, name="Rug", on_hand=500)
    with application(monkeypatch, database_url, clock) as (address, _):
        async with device(address, prefix=SHOP) as browser:
            each = await browser.add(lamp, 100, status=409)
            await browser.add(lamp, 99)
            all_of_it = await browser.add(rug, 2, status=409)
            none = await browser.add(rug, 0, status=400)
    assert (each["error"], each["details"]["maximum"], all_of_it["details"]["maximum"]) == ("LIMIT_EXCEEDED", 99, 100)
    assert (none["error"], none["code"]) == ("INVALID_QUANTITY", "CART_001")


async def test_what_answers_when_a_flag_is_off(
    database_url: str, db: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    lamp = await make_product(db, name="Lamp", on_hand=5)
    off = {
        "PANNIER_ENABLE_GUEST_CARTS": "false",
        "PANNIER_ENABLE_CART_MERGE": "false",
        "PANNIER_ENABLE_CART_VALIDATION": "false",
    }
    with application(monkeypatch, database_url, clock, **off) as (address, _):
        async with device(address, prefix=SHOP) as browser, device(address, "app", prefix=SHOP) as app:
            assert (await browser.cart())["items"] == []
            assert (await browser.add(lamp, status=401))["error"] == "LOGIN_REQUIRED"
            app.signed_in((await app.http.post(f"{address}/auth/jwt/login", json=JANE)).json()["access_token"])
            assert contents(await app.add(lamp)) == [("Lamp", 1)]
            for path, body in (("merge", {"cart_token": "ct_" + "A" * 43}), ("merge/preview", {}), ("merge/undo", {})):
                assert (await app.send("POST", f"/cart/{path}", body, 403))["error"] == "CART_MERGE_DISABLED"
            assert (await app.send("POST", "/cart/reserve", {}, 404))["error"] == "FEATURE_DISABLED"
            assert (await app.send("GET", "/cart/validate", status=404))["error"] == "FEATURE_DISABLED"
            agreed = {"consent_token": "0" * 64}
            assert (await app.send("POST", "/cart/accept-changes", agreed, 404))["error"] == "FEATURE_DISABLED"
            assert (await app.send("POST", "/auth/login", JANE, 404))["error"] == "ACCOUNTS_OFF"


async def test_what_answers_when_they_are_on(
    database_url: str, db: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(PAGE, monkeypatch, database_url, access_log="off", enable_accounts=True)
    lamp = await make_product(db, name="Lamp", on_hand=5)
    with open_shop(settings, clock) as (_, address):
        async with device(address) as browser:
            await browser.add(lamp)
            assert (await browser.send("GET", "/cart/validate"))["is_valid"]
            assert (await browser.send("POST", "/auth/login", JANE, 401))["error"] == "BAD_CREDENTIALS"
            assert (await browser.send("POST", "/cart/merge", {}, 401))["error"] == "LOGIN_REQUIRED"
