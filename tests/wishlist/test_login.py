"""Wishlists of guests, where the shop has them, and what becomes of them at login."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest_asyncio

from pannier.accounts import Account
from pannier.app.keeping import prune_guest_lists
from pannier.kernel.clock import ManualClock
from pannier.kernel.ids import new_cart_token
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.support.accounts import SAME_SITE, AccountShop, account_shop
from tests.support.books import faults
from tests.support.catalogue import make_product
from tests.support.wishers import JANE, Wisher


@pytest_asyncio.fixture
async def shop(db: Database, settings: Settings, clock: ManualClock) -> AsyncIterator[AccountShop]:
    """A shop where guests have wishlists, too."""
    async with account_shop(db, settings, clock, rate_limits=False, wishlist_login="optional") as found:
        await found.account(JANE)
        yield found


async def owned(db: Database) -> list[tuple[str, str, int]]:
    """(owner, name, items) of every list."""
    async with db.read() as connection:
        rows = await connection.fetch(
            "select case when user_id is null then 'guest' else 'customer' end as owner, name,"
            " (select coalesce(sum(quantity), 0)::int from wishlist_item i where i.wishlist_id = w.id) as units"
            " from wishlist w order by is_default desc, created_at"
        )
    return [tuple(row) for row in rows]


async def test_a_guest_has_lists_by_a_cookie_that_the_cart_knows_too(shop: AccountShop, db: Database) -> None:
    variant = await make_product(db)
    async with shop.client(**SAME_SITE) as client:
        guest = Wisher(client)
        assert await guest.names() == []
        await guest.heart(variant)
        assert len(client.cookies) == 1
        cookie = dict(client.cookies)
        await guest.send("POST", "/cart/items", {"variant_id": str(variant)})
        assert dict(client.cookies) == cookie
        assert [item["variant_id"] for item in await guest.items()] == [str(variant)]
        refused = await guest.send(
            "POST", "/wishlists/default/items", {"variant_id": str(variant), "notify": {"price_drop": True}}, 401
        )
        assert refused["code"] == "WISH_007"
    assert await faults(db) == {}


async def test_a_cookie_that_nobody_knows_is_not_taken(shop: AccountShop, db: Database) -> None:
    planted = new_cart_token()
    async with shop.client(**SAME_SITE, Cookie=f"pannier_cart={planted}") as client:
        answer = await client.post("wishlists/hearts/toggle", json={"variant_id": str(await make_product(db))})
    assert answer.status_code == 200
    assert planted not in answer.headers["set-cookie"]


async def test_a_bearer_token_of_the_clients_own_is_taken(shop: AccountShop, db: Database) -> None:
    variant = await make_product(db)
    token = {"Authorization": f"Bearer {new_cart_token()}"}
    async with shop.client(**token) as client:
        await Wisher(client).heart(variant)
    async with shop.client(**token) as client:
        assert [item["variant_id"] for item in await Wisher(client).items()] == [str(variant)]


async def test_two_devices_that_sign_in_at_once_bring_the_lists_along_once(shop: AccountShop, db: Database) -> None:
    both, mine, theirs = [await make_product(db) for _ in range(3)]
    async with shop.client(**(await shop.bearer(JANE))) as client:
        jane = Wisher(client)
        jane_id = (await jane.send("GET", "/me"))["user_id"]
        await jane.wish(both, quantity=1)
        await jane.wish(mine)
    async with shop.client(**SAME_SITE) as client:
        guest = Wisher(client)
        await guest.wish(both, quantity=4)
        await guest.wish(theirs)
        gifts = await guest.send("POST", "/wishlists", {"name": "Gifts"}, 201)
        await guest.wish(mine, gifts["id"])
        shared = await guest.send("POST", "/wishlists/default/share", status=201)
        token = client.cookies[shop.settings.cart_cookie_name]
    login = shop.app.state.pannier.identity.login
    account = Account(uuid.UUID(jane_id), JANE, "", "customer", "active", shop.db.clock.now())
    await asyncio.gather(*(login(account, token) for _ in range(4)))
    assert await owned(db) == [("customer", "Wishlist", 6), ("customer", "Gifts", 1)]
    async with shop.client() as client:
        shown = await Wisher(client).send("GET", f"/shared-wishlists/{shared['token']}")
        assert len(shown["items"]) == 3
    assert await faults(db) == {}


async def test_a_customer_without_lists_gets_the_guests_as_they_are(shop: AccountShop, db: Database) -> None:
    token = new_cart_token()
    async with shop.client(Authorization=f"Bearer {token}") as client:
        await Wisher(client).wish(await make_product(db), quantity=2)
    async with shop.client(**(await shop.bearer(JANE))) as client:
        jane = Wisher(client)
        merged = await jane.send("POST", "/wishlists/guests/merge", {"cart_token": token})
        assert (merged["merged"], [found["name"] for found in merged["wishlists"]]) == (1, ["Wishlist"])
        assert (await jane.send("POST", "/wishlists/guests/merge", {"cart_token": token}))["merged"] == 0
        assert (await jane.send("POST", "/wishlists/guests/merge"))["merged"] == 0
    assert await owned(db) == [("customer", "Wishlist", 2)]
    assert await faults(db) == {}


async def test_a_list_of_a_guest_who_is_gone_is_gone_some_day(
    shop: AccountShop, db: Database, clock: ManualClock
) -> None:
    async with shop.client(Authorization=f"Bearer {new_cart_token()}") as client:
        await Wisher(client).heart(await make_product(db))
        clock.advance(timedelta(days=shop.settings.cart_session_ttl_days, hours=1))
        assert await prune_guest_lists(db, shop.settings.cart_session_ttl_days) == 0, "the cart is open still"
        await shop.app.state.pannier.carts.expire_due()
        assert await prune_guest_lists(db, 0) == 0
        assert await prune_guest_lists(db, shop.settings.cart_session_ttl_days) == 1
    assert await owned(db) == []
