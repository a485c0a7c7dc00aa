"""Signing in on several devices at once, with one guest's cart: nothing is lost and nothing doubled."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable
from typing import TypeVar

import pytest

from pannier.cart import Cart, CartService, MergeRequest, MergeService
from pannier.cart.merge_service import decoded
from pannier.kernel.errors import PannierError
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.support.books import faults
from tests.support.buyers import Buyer
from tests.support.catalogue import figures, make_product
from tests.support.door import PATIENT, closed_door, with_door

T = TypeVar("T")
DEVICES = 12
_NO_LOCKS = """
    create or replace function cart_rewrite_lock(p_carts uuid[], p_variants uuid[], p_offset interval)
    returns timestamptz language plpgsql as $$
    begin
      return clock_timestamp() + p_offset;
    end $$
"""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """So many connections that all are inside at once."""
    changes = {"database_pool_size": DEVICES + 6, "cart_max_items": 0, "batch_lanes": 4}
    return settings.model_copy(update=changes | PATIENT)


async def together(*acts: Awaitable[T]) -> list[T | BaseException]:
    return await asyncio.gather(*acts, return_exceptions=True)


def quantity(cart: Cart) -> int:
    return sum(item.quantity for item in (*cart.items, *cart.saved_items))


class House:
    """A shop with a guest who is about to sign in as Ada."""

    def __init__(self, db: Database, settings: Settings) -> None:
        self.carts = CartService(db, settings)
        self.merges = MergeService(db, settings, self.carts)
        self.guest, self.ada = Buyer(self.carts), Buyer(self.carts, user_id="ada")

    async def login(self) -> str:
        return decoded(await self.merges.merge(MergeRequest("ada", self.guest.owner.token))).status


async def _crowd(db: Database, settings: Settings, has_cart: bool) -> tuple[Counter[str], int, bool]:
    """What each device was told, the units Ada then has, and whether the books are right."""
    house = House(db, settings)
    shared, other = await make_product(db), await make_product(db, on_hand=5)
    if has_cart:
        await house.ada.add(shared, 2)
    await house.guest.add(shared, 3)
    await house.guest.add(other, 5)
    told = Counter(str(t) for t in await together(*(house.login() for _ in range(DEVICES))))
    cart = await house.ada.cart()
    held = [(await figures(db, variant)).held for variant in (shared, other)]
    return told, quantity(cart), await faults(db) == {} and held == [5 if has_cart else 3, 5]


@pytest.mark.parametrize("has_cart", [True, False])
async def test_one_of_many_logins_merges(db: Database, settings: Settings, has_cart: bool) -> None:
    told, units, is_right = await _crowd(db, settings, has_cart)
    assert told == {"merged": 1, "nothing": DEVICES - 1}
    assert units == (10 if has_cart else 8)
    assert is_right


async def test_without_the_locks_they_do_not_agree(db: Database, settings: Settings) -> None:
    """The control: it is the locks that make one of many. Two have read both carts before either writes."""
    async with db.read() as connection:
        await connection.execute(_NO_LOCKS)
    await with_door(db, "cart_merge_apply")
    house = House(db, settings)
    await house.ada.add(await make_product(db), 2)
    await house.guest.add(await make_product(db), 3)
    async with closed_door(settings.database_url or "") as door:
        devices = asyncio.create_task(together(house.login(), house.login()))
        await door.crowded(2)
    told = Counter(str(t) for t in await devices)
    assert told != {"merged": 1, "nothing": 1}, "both were inside, and still only one merged"


async def test_what_is_added_meanwhile_is_in_one_cart_or_the_other(db: Database, settings: Settings) -> None:
    house = House(db, settings)
    variants = [await make_product(db, on_hand=1000) for _ in range(4)]
    await house.guest.add(variants[0], 1)
    await house.ada.add(variants[1], 1)
    acts: list[Awaitable[object]] = []
    for n in range(DEVICES):
        acts.append(house.guest.add(variants[n % 4], 1))
        acts.append(house.ada.add(variants[(n + 1) % 4], 1))
        if n % 4 == 0:
            acts.append(house.login())
    told = await together(*acts)
    assert [t for t in told if isinstance(t, BaseException)] == []
    assert quantity(await house.ada.cart()) + quantity(await house.guest.cart()) == 2 + 2 * DEVICES
    assert sum([(await figures(db, variant)).held for variant in variants]) == 2 + 2 * DEVICES
    # Whatever came after the last login is merged by the next one.
    await house.login()
    assert quantity(await house.ada.cart()) == 2 + 2 * DEVICES
    assert await faults(db) == {}


async def test_nobody_snatches_what_passes_from_cart_to_cart(db: Database, settings: Settings) -> None:
    house = House(db, settings)
    last = await make_product(db, on_hand=4)
    await house.guest.add(last, 4)
    others = [Buyer(house.carts) for _ in range(DEVICES)]
    told = await together(*(other.add(last, 1) for other in others), house.login())
    refused = Counter(t.error for t in told if isinstance(t, PannierError))
    assert refused == {"INSUFFICIENT_STOCK": DEVICES}
    cart = await house.ada.cart()
    assert [(item.quantity, item.availability.flags) for item in cart.items] == [(4, [])]
    assert await faults(db) == {}


async def test_two_merges_that_meet_do_not_wait_in_a_circle(db: Database, settings: Settings) -> None:
    """Many users sign in, each with a guest's cart of the same products in another order, while others shop them."""
    variants = [await make_product(db, on_hand=1000) for _ in range(5)]
    houses = [House(db, settings) for _ in range(DEVICES)]
    for n, house in enumerate(houses):
        house.ada = Buyer(house.carts, user_id=f"user {n}")
        for variant in variants if n % 2 else reversed(variants):
            await house.guest.add(variant, 1)
            await house.ada.add(variant, 1)
    before = db.retries
    requests = [
        house.merges.merge(MergeRequest(f"user {n}", house.guest.owner.token)) for n, house in enumerate(houses)
    ]
    told = await together(*requests, *(house.ada.add(variants[0], 1) for house in houses))
    assert [t for t in told if isinstance(t, BaseException)] == []
    assert db.retries == before
    assert [quantity(await house.ada.cart()) for house in houses] == [11] * DEVICES
    assert await faults(db) == {}
