"""Carts that nobody shops with any more: warned of, called abandoned, and active again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pannier.cart import CartService
from pannier.kernel.clock import ManualClock
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.support.books import faults
from tests.support.buyers import Buyer, flags
from tests.support.catalogue import figures, make_product

HOUR = timedelta(hours=1)


@pytest.fixture
def carts(db: Database, settings: Settings) -> CartService:
    return CartService(db, settings)


async def _events(db: Database, cart: str | None) -> list[str]:
    async with db.read() as connection:
        rows = await connection.fetch("select type from event where aggregate_id = $1 order by version", cart)
    return [row["type"] for row in rows]


async def _data(db: Database, cart: str | None) -> Any:
    async with db.read() as connection:
        return await connection.fetchval(
            "select data from event where aggregate_id = $1 order by version desc limit 1", cart
        )


async def test_a_cart_is_called_abandoned_once_and_the_next_write_makes_it_active(
    carts: CartService, db: Database, clock: ManualClock
) -> None:
    buyer, variant = Buyer(carts), await make_product(db)
    await buyer.add(variant)
    clock.advance(20 * HOUR)
    cart = await buyer.add(variant)
    clock.advance(5 * HOUR)
    assert await carts.call_abandoned() == 0, "it was written to 5 hours ago"
    clock.advance(20 * HOUR)
    assert await carts.call_abandoned() == 1
    assert await carts.call_abandoned() == 0
    seen = await buyer.cart()
    assert (seen.status, seen.version, seen.updated_at) == ("abandoned", 3, cart.updated_at)
    assert await _events(db, cart.id) == ["cart.changed", "cart.changed", "cart.abandoned"]

    back = await buyer.add(variant)
    assert (back.status, back.id, back.total_quantity) == ("active", cart.id, 3)
    assert (await _data(db, cart.id))["came_back"] is True
    clock.advance(25 * HOUR)
    assert await carts.call_abandoned() == 1
    assert await faults(db) == {}


async def test_an_empty_cart_is_nothing_to_be_abandoned(carts: CartService, db: Database, clock: ManualClock) -> None:
    buyer = Buyer(carts)
    await buyer.add(await make_product(db))
    await buyer.clear()
    clock.advance(30 * HOUR)
    assert await carts.call_abandoned(batch=1) == 0
    await buyer.add(await make_product(db))
    clock.advance(30 * HOUR)
    assert await carts.call_abandoned() == 1


async def test_many_are_called_abandoned_batch_by_batch(carts: CartService, db: Database, clock: ManualClock) -> None:
    variant = await make_product(db, on_hand=20)
    buyers = [Buyer(carts) for _ in range(5)]
    for buyer in buyers:
        await buyer.add(variant)
    clock.advance(25 * HOUR)
    assert await carts.call_abandoned(batch=2) == 5
    assert {(await buyer.cart()).status for buyer in buyers} == {"abandoned"}


async def test_where_the_shop_says_never_nothing_is_abandoned_or_warned_of(
    db: Database, settings: Settings, clock: ManualClock
) -> None:
    never = {"cart_abandoned_after_hours": 0.0, "cart_expiry_warning_hours": 0.0}
    carts = CartService(db, settings.model_copy(update=never))
    buyer = Buyer(carts)
    await buyer.add(await make_product(db))
    clock.advance(timedelta(days=29))
    assert (await carts.call_abandoned(), await carts.warn_of_expiry()) == (0, 0)
    assert (await buyer.cart()).status == "active"


async def test_a_shopper_is_warned_once_for_each_expiry(carts: CartService, db: Database, clock: ManualClock) -> None:
    buyer, variant = Buyer(carts), await make_product(db)
    cart = await buyer.add(variant)
    clock.advance(timedelta(days=27))
    assert await carts.warn_of_expiry() == 0
    clock.advance(timedelta(days=2))
    assert await carts.warn_of_expiry() == 1
    assert await carts.warn_of_expiry() == 0
    assert await _events(db, cart.id) == ["cart.changed", "cart.expiring"]
    await buyer.add(variant)
    clock.advance(timedelta(days=29))
    assert await carts.warn_of_expiry() == 1
    clock.advance(timedelta(days=2))
    assert (await carts.warn_of_expiry(), await carts.expire_due()) == (0, 1)
    assert await faults(db) == {}


async def test_a_cart_with_saved_lines_is_archived(carts: CartService, db: Database, clock: ManualClock) -> None:
    buyer = Buyer(carts)
    item = (await buyer.add(await make_product(db))).items[0].id
    from tests.cart.test_saved import save

    cart = await buyer.change([save(item)])
    clock.advance(timedelta(days=31))
    assert await carts.expire_due() == 1
    async with db.read() as connection:
        kept = await connection.fetchval("select status::text from cart where id = $1", cart.id)
    assert kept == "expired"
    assert await faults(db) == {}


async def test_lines_whose_hold_ran_out_are_saved_where_the_shop_says_so(
    db: Database, settings: Settings, clock: ManualClock
) -> None:
    carts = CartService(db, settings.model_copy(update={"hold_expired": "save"}))
    first, second, untracked = await make_product(db), await make_product(db), await make_product(db, on_hand=None)
    buyer = Buyer(carts)
    await buyer.add(first, 2)
    await buyer.add(untracked)
    touched = (await buyer.add(second, 3)).items[2].id
    clock.advance(timedelta(minutes=16))
    cart = await buyer.cart()
    assert flags(cart) == [["hold_expired"], [], ["hold_expired"]]
    cart = await buyer.set(touched, 2)
    assert [(item.variant_id, item.quantity) for item in cart.items] == [(str(untracked), 1), (str(second), 2)]
    assert [(item.quantity, item.reason) for item in cart.saved_items] == [(2, "hold_expired")]
    assert [message.code for message in cart.messages] == ["SAVED_HOLD_EXPIRED"]
    assert ((await figures(db, first)).held, (await figures(db, second)).held) == (0, 2)
    assert [change["op"] for change in (await _data(db, cart.id))["changes"]] == ["set", "save"]
    assert await faults(db) == {}


async def test_a_refused_write_saves_them_too_and_says_what_it_was(
    db: Database, settings: Settings, clock: ManualClock
) -> None:
    carts = CartService(db, settings.model_copy(update={"hold_expired": "save"}))
    variant, scarce = await make_product(db), await make_product(db, on_hand=0)
    buyer = Buyer(carts)
    await buyer.add(variant, 2)
    clock.advance(timedelta(minutes=16))
    with pytest.raises(Exception, match="Sold out"):
        await buyer.add(scarce)
    cart = await buyer.cart()
    assert (len(cart.items), len(cart.saved_items), cart.version) == (0, 1, 2)
    assert (await _events(db, cart.id))[-1] == "cart.hold_expired"
    assert await faults(db) == {}
