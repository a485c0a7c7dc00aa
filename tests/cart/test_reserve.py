"""A cart that is held on demand, and one from which goes what can no longer be had."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from pannier.app import create_app
from pannier.cart import CartService, Command
from pannier.cart.errors import FeatureDisabledError
from pannier.cart.service import Outcome
from pannier.inventory import Cause, InsufficientStockError, InventoryService
from pannier.kernel.clock import ManualClock
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.support.books import faults
from tests.support.buyers import Buyer
from tests.support.catalogue import figures, make_product
from tests.support.web import client_of

MakeBuyer = Callable[[], Buyer]
STAFF = Cause("staff")


@pytest.fixture
def shop(settings: Settings) -> Settings:
    """Carts hold nothing unless they are asked to."""
    return settings.model_copy(update={"hold_at": "order", "enable_cart_reserve": True})


@pytest.fixture
def buyer(db: Database, shop: Settings) -> MakeBuyer:
    return lambda: Buyer(CartService(db, shop))


async def reserve(who: Buyer, minutes: float | None = None) -> Outcome:
    ttl = None if minutes is None else timedelta(minutes=minutes)
    return await who.carts.reserve(Command(who.owner, "cart.reserved"), ttl)


async def test_the_whole_cart_is_held_and_free_again_at_the_end(
    buyer: MakeBuyer, db: Database, clock: ManualClock
) -> None:
    stool, lamp, free = (
        await make_product(db, on_hand=5),
        await make_product(db, on_hand=3),
        await make_product(db, on_hand=None),
    )
    ann, bob = buyer(), buyer()
    for variant, units in ((stool, 2), (lamp, 3), (free, 9)):
        await ann.add(variant, units)

    held = await reserve(ann, 5)

    assert held.cart.hold_expires_at is not None
    assert ((await figures(db, stool)).held, (await figures(db, lamp)).held) == (2, 3)
    with pytest.raises(InsufficientStockError):
        await bob.add(lamp)
    clock.advance(timedelta(minutes=5))
    assert (await bob.add(lamp, 3)).total_quantity == 3
    assert await faults(db) == {}


async def test_it_stands_in_place_of_an_earlier_one(buyer: MakeBuyer, db: Database, clock: ManualClock) -> None:
    stool = await make_product(db, on_hand=5)
    ann = buyer()
    await ann.add(stool, 2)
    await reserve(ann, 5)
    await ann.add(stool, 2)
    clock.advance(timedelta(minutes=4))

    await reserve(ann, 5)

    clock.advance(timedelta(minutes=4))
    assert (await InventoryService(db, Settings()).held_for([stool]))[stool].for_carts == 4
    assert await faults(db) == {}


async def test_one_product_short_and_nothing_changes(buyer: MakeBuyer, db: Database) -> None:
    stool, lamp = await make_product(db, on_hand=5), await make_product(db, on_hand=3)
    ann, bob = buyer(), buyer()
    await ann.add(stool, 2)
    await reserve(ann)
    await ann.add(lamp, 3)
    await bob.add(lamp, 1)
    await reserve(bob)

    with pytest.raises(InsufficientStockError) as refused:
        await reserve(ann)

    assert [(item["variant_id"], item["available"]) for item in refused.value.details["items"]] == [(str(lamp), 2)]
    assert ((await figures(db, stool)).held, (await figures(db, lamp)).held) == (2, 1)
    assert await faults(db) == {}


async def test_it_lasts_no_longer_than_the_shop_allows(
    buyer: MakeBuyer, db: Database, clock: ManualClock, shop: Settings
) -> None:
    stool = await make_product(db, on_hand=5)
    ann = buyer()
    await ann.add(stool)
    await reserve(ann, 100_000)
    clock.advance(timedelta(seconds=shop.hold_cap_s))
    assert (await ann.cart()).hold_expires_at is None


async def test_a_shop_that_does_not_offer_it_refuses(db: Database, settings: Settings) -> None:
    with pytest.raises(FeatureDisabledError):
        await reserve(Buyer(CartService(db, settings)))


async def test_what_can_no_longer_be_had_in_full_is_saved_for_later(
    buyer: MakeBuyer, db: Database, shop: Settings
) -> None:
    stool, lamp = await make_product(db, on_hand=5), await make_product(db, on_hand=3)
    ann = buyer()
    await ann.add(stool, 2)
    await ann.add(lamp, 3)
    await InventoryService(db, shop).count(lamp, 2, STAFF)

    outcome = await ann.carts.refresh(Command(ann.owner, "cart.refreshed"))

    assert [(result.variant_id, result.op) for result in outcome.answer.results] == [(str(lamp), "save")]
    assert [item.variant_id for item in outcome.cart.items] == [str(stool)]
    assert [(item.variant_id, item.quantity, item.reason) for item in outcome.cart.saved_items] == [
        (str(lamp), 3, "out_of_stock")
    ]
    again = await ann.carts.refresh(Command(ann.owner, "cart.refreshed"))
    assert (again.cart.version, again.answer.results) == (outcome.cart.version, [])


async def test_a_cart_learns_that_less_is_left_than_it_was_promised(
    buyer: MakeBuyer, db: Database, shop: Settings
) -> None:
    stool = await make_product(db, on_hand=5)
    ann = buyer()
    cart = await ann.add(stool, 4)
    await reserve(ann)
    await InventoryService(db, shop).count(stool, 3, STAFF, is_truth=True)

    shown = (await ann.cart()).items[0].availability

    assert (shown.available, shown.flags) == (3, ["insufficient_stock"])
    with pytest.raises(InsufficientStockError) as refused:
        await ann.set(cart.items[0].id, 5)
    assert refused.value.details == {
        "requested": 5, "available": 3, "fits": 3, "more": 0, "variant_id": str(stool)
    }  # fmt: skip
    assert (await ann.set(cart.items[0].id, 3)).items[0].availability.flags == []
    assert await faults(db) == {}


@pytest_asyncio.fixture
async def client(shop: Settings, clock: ManualClock) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(shop, clock=clock)
    async with app.running(), client_of(app) as http:
        yield http


async def test_over_http(client: httpx.AsyncClient, db: Database) -> None:
    stool = await make_product(db, on_hand=5)

    async def post(path: str, body: Any = None, **headers: str) -> httpx.Response:
        return await client.post(f"/api/v1/cart/{path}", json=body, headers=headers)

    assert (await post("reserve")).json()["error"] == "CART_NOT_FOUND"
    await post("items", {"variant_id": str(stool), "quantity": 2})
    first = await post("reserve", {"ttl_s": 60}, **{"Idempotency-Key": "k"})
    assert (first.status_code, (await figures(db, stool)).held) == (200, 2)
    again = await post("reserve", {"ttl_s": 60}, **{"Idempotency-Key": "k"})
    assert again.headers["idempotent-replayed"] == "true"
    assert (await post("reserve", {"ttl_s": 0})).status_code == 422
    assert (await post("refresh")).json()["total_quantity"] == 2
