"""Carts, checkouts and expiry that meet on the same rows at the same moment."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import msgspec
import pytest

from pannier.cart import CartService, Change, Command, add
from pannier.checkout import CheckoutPatch
from pannier.inventory import InsufficientStockError
from pannier.kernel.clock import ManualClock
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.inventory.reading import eventually
from tests.support.books import faults
from tests.support.buyers import Buyer, flags
from tests.support.catalogue import figures, make_product
from tests.support.shop import ADDRESS, Shop, guest, owner_of

TTL = timedelta(minutes=15)
SECOND = timedelta(seconds=1)
_WAITING = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"

_LOCK = "select stock_lock(array[$1::uuid], $2, row('system', null, null, null, null, '', null)::movement_cause)"


@contextlib.asynccontextmanager
async def locked(url: str, query: str, *arguments: object) -> AsyncIterator[None]:
    """Somebody else has those rows locked."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.fetch(f"{query} for update", *arguments)
            yield
    finally:
        await connection.close()


async def waiting(db: Database, sessions: int) -> None:
    """Return when so many sessions wait for a lock."""

    async def are() -> bool:
        async with db.read() as connection:
            return bool(await connection.fetchval(_WAITING) >= sessions)

    await eventually(are)


async def test_who_adds_while_the_cart_becomes_an_order_gets_a_new_cart(
    db: Database, settings: Settings, database_url: str
) -> None:
    shop = Shop.of(db, settings)
    bought, added = await make_product(db), await make_product(db)
    shopper, session = await shop.ready(bought)
    async with locked(database_url, "select 1 from stock where variant_id = $1", bought):
        completing = asyncio.create_task(shop.checkouts.complete(shopper, session.id))
        await waiting(db, 1)
        adding = asyncio.create_task(shop.fill(shopper, added))
        await waiting(db, 2)
    assert (await completing).order_number is not None
    line = await adding
    cart = await shop.carts.get(owner_of(shopper))
    assert ([item.id for item in cart.items], cart.version) == ([line], 1)
    assert await faults(db) == {}


@pytest.mark.parametrize("short_stock", ["refuse", "partial"])
async def test_a_dead_hold_whose_owner_is_back_is_refused_with_figures_that_say_so(
    db: Database, settings: Settings, clock: ManualClock, database_url: str, short_stock: str
) -> None:
    carts = CartService(db, settings.model_copy(update={"short_stock": short_stock}))
    variant = await make_product(db, on_hand=5)
    await Buyer(carts).add(variant, 5)
    clock.advance(TTL + SECOND)
    async with locked(database_url, "select 1 from reservation"):
        with pytest.raises(InsufficientStockError) as refused:
            await Buyer(carts).add(variant, 3)
    assert refused.value.details["available"] == 0
    assert len((await Buyer(carts).add(variant, 3)).items) == 1
    assert await faults(db) == {}


async def test_a_checkout_is_refused_what_the_owner_of_a_dead_hold_is_holding_again(
    db: Database, settings: Settings, clock: ManualClock, database_url: str
) -> None:
    shop = Shop.of(db, settings)
    variant = await make_product(db, on_hand=5)
    shopper, session = await shop.ready(variant, 3)
    clock.advance(TTL + SECOND)
    await Buyer(shop.carts).add(variant, 5)
    clock.advance(TTL + SECOND)
    held = "select 1 from reservation where id in (select reservation_id from hold)"
    async with locked(database_url, held):
        with pytest.raises(InsufficientStockError):
            await shop.checkouts.complete(shopper, session.id)
    assert (await shop.checkouts.complete(shopper, session.id)).order_number is not None
    assert await faults(db) == {}


async def test_who_lets_go_of_one_product_of_a_dead_cart_withholds_no_other(
    db: Database, settings: Settings, clock: ManualClock, database_url: str
) -> None:
    carts = CartService(db, settings)
    first, second = await make_product(db, on_hand=5), await make_product(db, on_hand=5)
    gone = Buyer(carts)
    await gone.add(first, 5)
    await gone.add(second, 5)
    clock.advance(TTL + SECOND)
    other = await asyncpg.connect(database_url)
    try:
        async with other.transaction():
            await other.execute(_LOCK, first, db.offset)
            assert flags(await Buyer(carts).add(second, 5)) == [[]]
    finally:
        await other.close()
    assert ((await figures(db, first)).held, (await figures(db, second)).held) == (0, 5)
    assert await faults(db) == {}


async def test_what_is_no_longer_counted_is_given_back_when_less_is_wanted(db: Database, settings: Settings) -> None:
    carts = CartService(db, settings)
    variant = await make_product(db, on_hand=5)
    buyer = Buyer(carts)
    item = (await buyer.add(variant, 4)).items[0].id
    async with db.read() as connection:
        await connection.execute("update stock set is_tracked = false where variant_id = $1", variant)
    await buyer.set(item, 1)
    assert (await figures(db, variant)).held == 1
    await buyer.set(item, 50)
    await buyer.remove(item)
    assert (await figures(db, variant)).held == 0
    assert await faults(db) == {}


async def test_what_is_left_of_a_cart_is_still_held_again(db: Database, settings: Settings, clock: ManualClock) -> None:
    shop = Shop.of(db, settings)
    short, bought = await make_product(db, on_hand=5), await make_product(db)
    shopper, quick = guest(), guest()
    await shop.fill(shopper, short, 5)
    line = await shop.fill(shopper, bought)
    clock.advance(TTL + SECOND)
    taken = await shop.fill(quick, short)
    await shop.fill(shopper, bought)
    told = CheckoutPatch(line_ids=[line], email="jane@example.com", shipping_address=ADDRESS, payment_method="invoice")
    session = await shop.checkouts.create_checkout(shopper, told)
    await shop.checkouts.complete(shopper, session.id)
    await shop.carts.apply(Command(owner_of(quick), "cart.item_removed", [Change(op="remove", line_id=taken)]))
    await shop.fill(shopper, bought)
    assert flags(await shop.carts.get(owner_of(shopper))) == [[], []]
    assert await faults(db) == {}


async def test_an_answer_that_cannot_be_read_makes_no_neighbour_run_twice(db: Database, settings: Settings) -> None:
    carts = CartService(db, settings)
    variant = await make_product(db)
    one, other = Buyer(carts), Buyer(carts)
    key = {"idempotency_key": "k", "request_hash": b"h"}
    await one.change([add(variant, 1)], **key)
    async with db.read() as connection:
        await connection.execute("update idempotency_record set answer = '{}'")
    told = await asyncio.gather(one.change([add(variant, 1)], **key), other.add(variant, 1), return_exceptions=True)
    assert isinstance(told[0], msgspec.ValidationError)
    assert (await other.cart()).total_quantity == 1
