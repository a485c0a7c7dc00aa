"""What a cart is promised, for how long, and what becomes of it when that has run out."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from pannier.cart import CartService
from pannier.inventory import InsufficientStockError
from pannier.inventory.jobs import sweep
from pannier.kernel.clock import ManualClock
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.support.books import faults
from tests.support.buyers import Buyer, flags
from tests.support.catalogue import figures, make_product

TTL = timedelta(minutes=15)
CAP = timedelta(hours=2)
SECOND = timedelta(seconds=1)


@pytest.fixture
def carts(db: Database, settings: Settings) -> CartService:
    return CartService(db, settings)


@pytest.mark.parametrize("with_sweeper", [False, True])
async def test_the_next_write_holds_every_line_again(
    carts: CartService, db: Database, clock: ManualClock, with_sweeper: bool
) -> None:
    first, second, third = [await make_product(db, on_hand=5) for _ in range(3)]
    buyer = Buyer(carts)
    await buyer.add(first, 2)
    await buyer.add(second, 3)
    clock.advance(timedelta(hours=1))
    if with_sweeper:
        swept = await sweep(db)
        assert (swept.holds, swept.reservations) == (2, 1)
        assert (await figures(db, first)).held == 0
    assert flags(await buyer.cart()) == [["hold_expired"], ["hold_expired"]]
    assert flags(await buyer.add(third)) == [[], [], []]
    assert [(await figures(db, variant)).held for variant in (first, second, third)] == [2, 3, 1]
    assert await faults(db) == {}


async def test_what_could_not_be_held_again_is_held_by_a_later_write(
    carts: CartService, db: Database, clock: ManualClock
) -> None:
    wanted, other = await make_product(db, on_hand=2), await make_product(db)
    slow, quick = Buyer(carts), Buyer(carts)
    await slow.add(wanted, 2)
    clock.advance(TTL + SECOND)
    bought = await quick.add(wanted, 1)
    assert flags(await slow.add(other)) == [["hold_expired", "insufficient_stock"], []]
    assert flags(await slow.add(other)) == [["hold_expired", "insufficient_stock"], []]
    await quick.remove(bought.items[0].id)
    assert flags(await slow.cart()) == [["hold_expired"], []]
    assert flags(await slow.add(other)) == [[], []]
    assert (await figures(db, wanted)).held == 2
    assert await faults(db) == {}


async def test_of_what_is_no_longer_promised_less_can_be_wanted_but_not_more(
    carts: CartService, db: Database, clock: ManualClock
) -> None:
    variant = await make_product(db, on_hand=5)
    slow, quick = Buyer(carts), Buyer(carts)
    item = (await slow.add(variant, 4)).items[0].id
    clock.advance(TTL + SECOND)
    await quick.add(variant, 4)
    assert flags(await slow.set(item, extra={"note": "for Ada"})) == [["hold_expired", "insufficient_stock"]]
    assert flags(await slow.set(item, 3)) == [["hold_expired", "insufficient_stock"]]
    with pytest.raises(InsufficientStockError) as refused:
        await slow.set(item, 4)
    assert refused.value.details["available"] == 1
    assert flags(await slow.set(item, 1)) == [[]]
    assert (await figures(db, variant)).held == 5
    assert await faults(db) == {}


async def test_a_hold_that_nobody_took_is_had_again(carts: CartService, db: Database, clock: ManualClock) -> None:
    variant = await make_product(db, on_hand=2)
    buyer = Buyer(carts)
    item = (await buyer.add(variant, 1)).items[0].id
    clock.advance(TTL + SECOND)
    assert flags(await buyer.set(item, 2)) == [[]]
    assert (await figures(db, variant)).held == 2


async def test_a_write_in_the_first_half_of_a_hold_moves_nothing(
    carts: CartService, db: Database, clock: ManualClock
) -> None:
    variant = await make_product(db)
    buyer = Buyer(carts)
    first = (await buyer.add(variant)).hold_expires_at
    clock.advance(TTL / 2 - SECOND)
    assert (await buyer.add(variant)).hold_expires_at == first
    clock.advance(2 * SECOND)
    second = (await buyer.add(variant)).hold_expires_at
    assert first is not None
    assert second is not None
    assert timedelta(minutes=7) < _moment(second) - _moment(first) < timedelta(minutes=8)
    # The cart lives on; not one hold was rewritten for it, and no movement booked.
    async with db.read() as connection:
        kinds = await connection.fetch("select kind::text, count(*) from stock_movement group by 1 order by 1")
        dues = await connection.fetchval("select count(distinct due_at) from hold")
    assert [tuple(row) for row in kinds] == [("hold", 3), ("receive", 1)]
    assert dues == 1


async def test_activity_extends_a_hold_up_to_the_cap(carts: CartService, db: Database, clock: ManualClock) -> None:
    variant = await make_product(db, on_hand=1000)
    buyer = Buyer(carts)
    started = _moment((await buyer.add(variant)).hold_expires_at) - TTL
    for _ in range(11):
        clock.advance(timedelta(minutes=10))
        await buyer.add(variant)
    cart = await buyer.cart()
    assert flags(cart) == [[]]
    assert abs(_moment(cart.hold_expires_at) - started - CAP) < SECOND
    clock.advance(timedelta(minutes=9))
    assert _moment((await buyer.add(variant)).hold_expires_at) == _moment(cart.hold_expires_at)
    clock.advance(timedelta(minutes=1) + SECOND)
    assert flags(await buyer.cart()) == [["hold_expired"]]
    # It begins anew, behind whoever came meanwhile.
    begun = await buyer.add(variant)
    assert flags(begun) == [[]]
    assert _moment(begun.hold_expires_at) - _moment(cart.hold_expires_at) > TTL - SECOND
    assert await faults(db) == {}


async def test_a_renewed_hold_is_not_sold_to_others(carts: CartService, db: Database, clock: ManualClock) -> None:
    variant, other = await make_product(db, on_hand=1), await make_product(db)
    mine, yours = Buyer(carts), Buyer(carts)
    await mine.add(variant)
    clock.advance(timedelta(minutes=10))
    await mine.add(other)
    clock.advance(timedelta(minutes=10))
    with pytest.raises(InsufficientStockError):
        await yours.add(variant)
    assert flags(await mine.cart()) == [[], []]
    assert await faults(db) == {}


def _moment(text: str | None) -> datetime:
    assert text is not None
    return datetime.fromisoformat(text)
