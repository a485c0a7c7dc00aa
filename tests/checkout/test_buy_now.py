"""Buying at once: a checkout of one line that leaves the cart alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest_asyncio

from pannier.app import create_app
from pannier.cart import CartService
from pannier.kernel.clock import ManualClock
from pannier.kernel.ids import new_cart_token
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.contracts.standing import READY
from tests.support.books import faults
from tests.support.catalogue import figures, make_product
from tests.support.web import served

PATH = "/api/v1/buy-now"


@pytest_asyncio.fixture
async def client(settings: Settings, db: Database) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {new_cart_token()}"}
    with served(create_app(settings)) as url:
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as client:
            yield client


async def _buy(client: httpx.AsyncClient, variant: Any, quantity: int = 1, **options: Any) -> httpx.Response:
    body = {"variant_id": str(variant), "quantity": quantity, "checkout": READY, **options}
    return await client.post(PATH, json=body)


async def test_it_leaves_the_cart_alone_and_holds_its_own(client: httpx.AsyncClient, db: Database) -> None:
    kept, wanted = await make_product(db), await make_product(db, price_minor=700)
    before = (await client.post("/api/v1/cart/items", json={"variant_id": str(kept)})).json()
    begun = await _buy(client, wanted, 2)
    session = begun.json()
    assert (begun.status_code, session["status"]) == (201, "ready_for_complete")
    assert [(line["quantity"], line["total_price"]["amount"]) for line in session["line_items"]] == [(2, 1400)]
    assert ((await figures(db, kept)).held, (await figures(db, wanted)).held) == (1, 2)
    cart = (await client.get("/api/v1/cart")).json()
    assert (cart["id"], cart["version"], len(cart["items"])) == (before["id"], before["version"], 1)

    done = (await client.post(f"/api/v1/checkouts/{session['id']}/complete", json={})).raise_for_status().json()
    assert done["status"] == "completed"
    assert (await client.get("/api/v1/cart")).json()["version"] == before["version"]
    stock = await figures(db, wanted)
    assert (stock.on_hand, stock.held) == (98, 0)
    assert await faults(db) == {}


async def test_two_at_once_are_two_checkouts(client: httpx.AsyncClient, db: Database) -> None:
    variant = await make_product(db, on_hand=3)
    first, second = (await _buy(client, variant)).json(), (await _buy(client, variant)).json()
    assert first["id"] != second["id"]
    assert (await client.get("/api/v1/cart")).json()["id"] is None
    refused = await _buy(client, variant, 2)
    assert (refused.status_code, refused.json()["error"]) == (409, "INSUFFICIENT_STOCK")
    assert (await figures(db, variant)).held == 2
    assert await faults(db) == {}


async def test_giving_it_up_gives_the_units_back(client: httpx.AsyncClient, db: Database) -> None:
    variant = await make_product(db)
    session = (await _buy(client, variant, 3)).json()
    (await client.post(f"/api/v1/checkouts/{session['id']}/cancel")).raise_for_status()
    assert (await figures(db, variant)).held == 0
    assert await faults(db) == {}


async def test_a_repeated_request_is_one_checkout(client: httpx.AsyncClient, db: Database) -> None:
    variant = await make_product(db)
    client.headers["Idempotency-Key"] = "once"
    first, again = await _buy(client, variant), await _buy(client, variant)
    assert first.json()["id"] == again.json()["id"]
    assert again.headers["idempotent-replayed"] == "true"
    assert (await _buy(client, variant, 2)).json()["error"] == "IDEMPOTENCY_CONFLICT"
    assert (await figures(db, variant)).held == 1


async def test_what_cannot_be_bought_holds_nothing(client: httpx.AsyncClient, db: Database) -> None:
    variant = await make_product(db)
    wrong = {**READY, "payment_method": "barter"}
    refused = await _buy(client, variant, checkout=wrong)
    assert (refused.status_code, refused.json()["error"]) == (409, "PAYMENT_METHOD_UNAVAILABLE")
    assert (await _buy(client, variant, 0)).json()["error"] == "INVALID_QUANTITY"
    assert (await figures(db, variant)).held == 0
    async with db.read() as connection:
        assert await connection.fetchval("select count(*) from cart") == 0


async def test_a_guest_without_a_token_gets_one(client: httpx.AsyncClient, db: Database, settings: Settings) -> None:
    variant = await make_product(db)
    async with httpx.AsyncClient(base_url=client.base_url, timeout=30) as guest:
        session = (await _buy(guest, variant)).json()
        assert settings.cart_cookie_name in guest.cookies
        done = await guest.post(f"/api/v1/checkouts/{session['id']}/complete", json={})
        assert done.json()["status"] == "completed"
    somebody = await client.get(f"/api/v1/checkouts/{session['id']}")
    assert somebody.status_code == 404


async def test_one_that_is_forgotten_runs_out(
    client: httpx.AsyncClient, db: Database, settings: Settings, clock: ManualClock
) -> None:
    variant = await make_product(db)
    await _buy(client, variant)
    carts = CartService(db, settings)
    clock.advance(timedelta(hours=2))
    assert (await carts.warn_of_expiry(), await carts.expire_due()) == (0, 1)
    assert (await figures(db, variant)).held == 0
    assert await faults(db) == {}
