"""Carts whose time is up, and those that are kept alive by being looked at."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from pannier.cart import CartOwner, CartService, Command, add
from pannier.kernel.clock import ManualClock
from pannier.kernel.ids import new_cart_token
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.support.catalogue import figures, make_product


async def _filled(carts: CartService, variant: uuid.UUID, quantity: int = 2) -> tuple[CartOwner, str]:
    owner = CartOwner(token=new_cart_token())
    outcome = await carts.apply(Command(owner=owner, event="cart.item_added", changes=[add(variant, quantity)]))
    assert outcome.cart.id is not None
    return owner, outcome.cart.id


async def _status(db: Database, cart_id: str) -> str | None:
    async with db.read() as connection:
        status: str | None = await connection.fetchval("select status::text from cart where id = $1", cart_id)
    return status


async def test_cleaning_up_closes_carts_whose_time_is_up_and_gives_back_what_they_had(
    db: Database, settings: Settings, clock: ManualClock
) -> None:
    taking = settings.model_copy(update={"hold_at": "immediate"})
    carts = CartService(db, taking)
    variant = await make_product(db, on_hand=10)
    _, cart_id = await _filled(carts, variant)
    assert ((await figures(db, variant)).on_hand, (await figures(db, variant)).held) == (8, 0)
    assert await carts.expire_due() == 0
    clock.advance(timedelta(days=30, seconds=1))
    assert await carts.expire_due() == 1
    assert await _status(db, cart_id) == "expired"
    assert ((await figures(db, variant)).on_hand, (await figures(db, variant)).held) == (10, 0)
    async with db.read() as connection:
        kept = await connection.fetchrow(
            "select (select count(*) from cart_line where cart_id = $1) as lines,"
            " (select type from event where aggregate_id = $1 order by version desc limit 1) as event",
            cart_id,
        )
    assert kept is not None
    assert (kept["lines"], kept["event"]) == (1, "cart.expired")


async def test_an_empty_cart_is_taken_away(db: Database, settings: Settings, clock: ManualClock) -> None:
    carts = CartService(db, settings)
    variant = await make_product(db)
    owner, cart_id = await _filled(carts, variant)
    await carts.apply(Command(owner=owner, event="cart.cleared", is_clear=True))
    clock.advance(timedelta(days=31))
    assert await carts.expire_due(batch=1) == 1
    assert await _status(db, cart_id) is None


async def test_a_write_moves_the_expiry_in_coarse_steps(db: Database, settings: Settings, clock: ManualClock) -> None:
    carts = CartService(db, settings)
    variant = await make_product(db)
    owner, _ = await _filled(carts, variant)
    first = await carts.get(owner)
    clock.advance(timedelta(hours=1))
    change = Command(owner=owner, event="cart.item_added", changes=[add(variant, 1)])
    assert (await carts.apply(change)).cart.expires_at == first.expires_at
    clock.advance(timedelta(hours=11))
    later = (await carts.apply(Command(owner=owner, event="cart.item_added", changes=[add(variant, 1)]))).cart
    assert first.expires_at is not None
    assert later.expires_at is not None
    moved = datetime.fromisoformat(later.expires_at) - datetime.fromisoformat(first.expires_at)
    assert timedelta(hours=12) <= moved < timedelta(hours=12, minutes=1)


async def test_a_read_keeps_a_cart_alive_but_once_a_day_only(
    db: Database, settings: Settings, clock: ManualClock
) -> None:
    carts = CartService(db, settings)
    variant = await make_product(db)
    owner, cart_id = await _filled(carts, variant)
    clock.advance(timedelta(hours=23))
    seen = await carts.get(owner)
    assert await carts.touch_seen() == 0
    clock.advance(timedelta(days=20))
    await carts.get(owner)
    await carts.get(owner)
    assert await carts.touch_seen() == 1
    touched = await carts.get(owner)
    assert touched.version == seen.version
    clock.advance(timedelta(days=20))
    assert await carts.expire_due() == 0
    assert (await carts.get(owner)).id == cart_id
