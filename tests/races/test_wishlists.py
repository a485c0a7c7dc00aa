"""The same wishlist on several devices at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from pannier.kernel.clock import ManualClock
from pannier.platform.database import Connection, Database
from pannier.platform.settings import Settings
from pannier.wishlist import Owner, Wishlist, repository
from tests.support.accounts import AccountShop, account_shop
from tests.support.books import faults
from tests.support.catalogue import make_product
from tests.support.wishers import Wisher

DEVICES = 8


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"database_pool_size": DEVICES + 4})


@pytest_asyncio.fixture
async def jane(db: Database, settings: Settings, clock: ManualClock) -> AsyncIterator[tuple[AccountShop, Wisher]]:
    async with account_shop(db, settings, clock, rate_limits=False) as shop:
        await shop.account()
        async with shop.client(**(await shop.bearer())) as client:
            yield shop, Wisher(client)


async def test_hearts_that_say_what_they_want_agree(jane: tuple[AccountShop, Wisher], db: Database) -> None:
    _, wisher = jane
    variant = await make_product(db)
    for on in (True, False, True):
        told = await asyncio.gather(*(wisher.heart(variant, on=on) for _ in range(DEVICES)))
        assert {answer["on_list"] for answer in told} == {on}
        assert len(await wisher.items()) == on
    assert await wisher.names() == ["Wishlist"]
    assert await faults(db) == {}


async def test_hearts_that_are_only_pressed_take_turns(jane: tuple[AccountShop, Wisher], db: Database) -> None:
    _, wisher = jane
    variant = await make_product(db)
    told = await asyncio.gather(*(wisher.heart(variant) for _ in range(DEVICES)))
    assert Counter(answer["on_list"] for answer in told) == {True: DEVICES // 2, False: DEVICES // 2}
    assert await wisher.items() == []


async def test_without_the_owners_lock_they_do_not(
    jane: tuple[AccountShop, Wisher], db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: whoever comes sees the lists as they were, and goes on when another has seen them, too."""
    _, wisher = jane
    both_have_seen = asyncio.Barrier(2)

    async def lock(connection: Connection, owner: Owner) -> list[Wishlist]:
        found = await repository.lists(connection, owner)
        await both_have_seen.wait()
        return found

    monkeypatch.setattr(repository, "lock", lock)
    variant = await make_product(db)
    told = await asyncio.gather(*(wisher.heart(variant) for _ in range(2)), return_exceptions=True)
    assert sum(isinstance(answer, Exception) for answer in told) == 1


async def test_all_added_twice_under_one_key_are_added_once(jane: tuple[AccountShop, Wisher], db: Database) -> None:
    _, wisher = jane
    variants = [await make_product(db, on_hand=50) for _ in range(3)]
    for variant in variants:
        await wisher.wish(variant, quantity=2)
    body, key = {"keep": True}, {"Idempotency-Key": "all"}
    told = await asyncio.gather(
        *(wisher.http.post("wishlists/default/cart", json=body, headers=key) for _ in range(DEVICES))
    )
    codes = Counter(answer.status_code for answer in told)
    assert codes[200] >= 1
    assert set(codes) <= {200, 409}, "who comes while the first is under way is told to wait"
    assert len({answer.content for answer in told if answer.status_code == 200}) == 1
    cart = await wisher.send("GET", "/cart")
    assert [item["quantity"] for item in cart["items"]] == [2, 2, 2]
    assert await faults(db) == {}


async def test_more_at_once_make_no_more_lists_than_there_may_be(
    jane: tuple[AccountShop, Wisher], db: Database
) -> None:
    shop, wisher = jane
    names = [f"List {n}" for n in range(shop.settings.wishlist_max + 4)]
    told = await asyncio.gather(*(wisher.http.post("wishlists", json={"name": name}) for name in names))
    assert Counter(answer.status_code for answer in told) == {201: shop.settings.wishlist_max, 409: 4}
    assert await faults(db) == {}
