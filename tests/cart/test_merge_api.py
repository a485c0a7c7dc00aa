"""Merging over HTTP, by somebody who has signed in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from pannier.kernel.clock import ManualClock
from pannier.kernel.ids import new_cart_token
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.support.accounts import AccountShop, account_shop
from tests.support.books import faults
from tests.support.catalogue import make_product


@asynccontextmanager
async def _signed_in(shop: AccountShop) -> AsyncIterator[httpx.AsyncClient]:
    await shop.account()
    token = (await shop.tokens())["access_token"]
    async with shop.client(Authorization=f"Bearer {token}") as client:
        yield client


async def test_preview_merge_and_undo(db: Database, settings: Settings, clock: ManualClock) -> None:
    variant = str(await make_product(db, on_hand=9))
    guest_token = new_cart_token()
    async with account_shop(db, settings, clock) as shop, _signed_in(shop) as jane:
        async with shop.client(Authorization=f"Bearer {guest_token}") as guest:
            await guest.post("cart/items", json={"variant_id": variant, "quantity": 2})
        await jane.post("cart/items", json={"variant_id": variant, "quantity": 3})
        body = {"cart_token": guest_token}
        look = (await jane.post("cart/merge/preview", json=body | {"strategy": "maximum"})).json()
        assert [(item["quantity"], item["set_aside"]) for item in look["items"]] == [(3, 0)]
        key = {"Idempotency-Key": "at-the-till"}
        done = await jane.post("cart/merge", json=body, headers=key)
        assert (done.status_code, done.json()["cart"]["total_quantity"]) == (200, 5)
        again = await jane.post("cart/merge", json=body, headers=key)
        assert (again.json(), again.headers["idempotent-replayed"]) == (done.json(), "true")
        assert (await jane.post("cart/merge", json=body)).json()["status"] == "nothing"
        async with shop.client(Authorization=f"Bearer {guest_token}") as guest:
            assert (await guest.get("cart")).json()["id"] is None
        undone = (await jane.post("cart/merge/undo", headers={"Idempotency-Key": "oops"})).json()
        assert (undone["cart"]["total_quantity"], undone["guest_cart"]["total_quantity"]) == (3, 2)
        async with shop.client(Authorization=f"Bearer {undone['cart_token']}") as guest:
            assert (await guest.get("cart")).json()["total_quantity"] == 2
        replay = (await jane.post("cart/merge/undo", headers={"Idempotency-Key": "oops"})).json()
        assert replay == undone | {"cart_token": None}
        late = await jane.post("cart/merge/undo")
        assert (late.status_code, late.json()["details"]["reason"]) == (409, "undone")
    async with db.read() as connection:
        kept = await connection.fetchval("select string_agg(answer, ' ') from idempotency_record")
        assert undone["cart_token"] not in kept
    assert await faults(db) == {}


@pytest.mark.parametrize("path", ["cart/merge", "cart/merge/preview", "cart/merge/undo"])
async def test_switched_off_it_says_so(db: Database, settings: Settings, clock: ManualClock, path: str) -> None:
    async with account_shop(db, settings, clock, enable_cart_merge=False) as shop, _signed_in(shop) as jane:
        answer = await jane.post(path)
    assert (answer.status_code, answer.json()["error"]) == (403, "CART_MERGE_DISABLED")


async def test_a_token_that_is_none_is_refused(db: Database, settings: Settings, clock: ManualClock) -> None:
    async with account_shop(db, settings, clock) as shop, _signed_in(shop) as jane:
        for body in ({"cart_token": "ct_short"}, {"strategy": "mine"}, {"cart": 1}):
            assert (await jane.post("cart/merge", json=body)).status_code == 422
