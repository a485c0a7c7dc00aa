"""A hold runs out while its owner comes back and others want the units: there is one winner, and no unit too many."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from pannier.cart import Cart, CartService
from pannier.inventory import InsufficientStockError
from pannier.inventory.jobs import sweep
from pannier.kernel.clock import ManualClock
from pannier.platform import migrate
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.support.books import faults
from tests.support.buyers import Buyer, flags
from tests.support.catalogue import figures, make_product
from tests.support.shop import DETAILS, Shop, guest, owner_of
from tests.support.shoppers import together

ROUNDS = 12


@pytest_asyncio.fixture
async def processes(db: Database, settings: Settings, clock: ManualClock) -> AsyncIterator[list[CartService]]:
    """Two shops on one database, as two server processes are, on the test's clock."""
    assert settings.database_url is not None
    other = await Database.connect(settings.database_url, settings, clock)
    yield [CartService(db, settings), CartService(other, settings)]
    await other.close()


async def _try(buyer: Buyer, variant: UUID, quantity: int) -> Cart | None:
    try:
        return await buyer.add(variant, quantity)
    except InsufficientStockError:
        return None


async def test_expiry_renewal_and_other_buyers_agree(
    processes: list[CartService], db: Database, clock: ManualClock
) -> None:
    """The old owner writes, two others want everything, and the sweeper sweeps, all at once, when the hold runs out."""
    other = await make_product(db, on_hand=1000)
    for n in range(ROUNDS):
        variant = await make_product(db, on_hand=4)
        owner = Buyer(processes[0])
        await owner.add(variant, 4)
        # Around the very moment: rounds in which the hold still lives, and rounds in which it does not.
        clock.advance(timedelta(minutes=15, milliseconds=-60 + 10 * n))
        rivals = [Buyer(processes[k % 2]) for k in range(4)]

        async def tidy() -> None:
            await sweep(db)

        async def renew(owner: Buyer = owner) -> None:
            await owner.add(other)

        async def rival(buyer: Buyer, variant: UUID = variant) -> None:
            await _try(buyer, variant, 4)

        await together([renew(), tidy(), *(rival(buyer) for buyer in rivals), tidy()])
        stock = await figures(db, variant)
        assert (stock.on_hand, stock.held) == (4, 4)
        carts = [await owner.cart(), *[await buyer.cart() for buyer in rivals]]
        promised = [cart for cart in carts for item in cart.items if _holds(item.availability.flags, item, variant)]
        assert len(promised) == 1
        assert await faults(db) == {}


def _holds(flagged: list[str], item: object, variant: UUID) -> bool:
    return str(getattr(item, "variant_id", "")) == str(variant) and flagged == []


@pytest.mark.parametrize("is_guarded", [True, False])
async def test_a_renewed_hold_is_let_alone(
    processes: list[CartService], db: Database, clock: ManualClock, is_guarded: bool
) -> None:
    """Renewing writes one row, and the holds still say that they are due: whoever expires them asks the reservation.

    The control is the same without that question.
    """
    if not is_guarded:
        async with db.read() as connection:
            await connection.execute(_without_the_question())
    variant, other = await make_product(db, on_hand=1), await make_product(db)
    owner, rival = Buyer(processes[0]), Buyer(processes[1])
    await owner.add(variant)
    clock.advance(timedelta(minutes=10))
    await owner.add(other)
    clock.advance(timedelta(minutes=10))
    _, bought = await together([sweep(db), _try(rival, variant, 1)])
    assert (bought is None) is is_guarded
    assert (flags(await owner.cart()) == [[], []]) is is_guarded


def _without_the_question() -> str:
    for _, text in migrate.function_files():
        changed, count = re.subn(
            r"perform 1 from reservation where id = h\.reservation_id and expires_at <= p_now for share skip locked",
            "perform 1",
            text,
        )
        if count:
            return changed
    raise AssertionError("expiry asks nobody: this control controls nothing")


async def test_a_cart_whose_time_is_up_is_closed_once(
    processes: list[CartService], db: Database, clock: ManualClock
) -> None:
    variant = await make_product(db, on_hand=1000)
    buyer = Buyer(processes[0])
    old = await buyer.add(variant)
    clock.advance(timedelta(days=31))
    devices = [Buyer(processes[n % 2]) for n in range(10)]
    for device in devices:
        device.owner = buyer.owner
    carts = await together(device.add(variant) for device in devices)
    assert {str(cart.id) for cart in carts} == {str((await buyer.cart()).id)}
    assert sorted(cart.version for cart in carts) == list(range(1, 11))
    assert str(old.id) not in {str(cart.id) for cart in carts}
    assert await faults(db) == {}


async def test_an_add_that_waited_for_the_checkout_begins_a_new_cart(
    db: Database, settings: Settings, database_url: str
) -> None:
    """The cart that was found has become an order when its lock is had."""
    variant = await make_product(db)
    shop = Shop.of(db, settings)
    shopper, session = await shop.ready(variant)
    buyer = Buyer(shop.carts)
    buyer.owner = owner_of(shopper)
    blocker = await asyncpg.connect(database_url)
    try:
        async with blocker.transaction():
            # The checkout has the cart and waits for the stock; the add finds the cart and waits for it.
            await blocker.execute("select 1 from stock where variant_id = $1 for update", variant)
            ordering = asyncio.create_task(shop.checkouts.complete(shopper, session.id))
            await _until_waiting(blocker, 1)
            adding = asyncio.create_task(buyer.add(variant))
            await _until_waiting(blocker, 2)
        assert (await ordering).order_number is not None
        cart = await adding
    finally:
        await blocker.close()
    assert (cart.version, cart.total_quantity) == (1, 1)
    assert await faults(db) == {}


async def _until_waiting(connection: asyncpg.Connection[asyncpg.Record], count: int) -> None:
    deadline = asyncio.get_running_loop().time() + 10
    waiting = 0
    while waiting < count:
        assert asyncio.get_running_loop().time() < deadline, "nobody waits"
        await connection.execute("select pg_stat_clear_snapshot()")
        waiting = await connection.fetchval(
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        )


@pytest.mark.parametrize("hold_at", ["add", "checkout", "immediate", "order"])
async def test_as_many_orders_as_units(db: Database, settings: Settings, hold_at: str) -> None:
    """From the cart to the order, whichever step it is that takes the stock: 60 shoppers, 20 units, 20 sold."""
    variant = await make_product(db, on_hand=20)
    shop = Shop.of(db, settings, hold_at=hold_at)

    async def buy() -> bool:
        shopper = guest()
        try:
            await shop.fill(shopper, variant)
            session = await shop.checkouts.create_checkout(shopper, DETAILS)
            return (await shop.checkouts.complete(shopper, session.id)).order_number is not None
        except InsufficientStockError:
            return False

    assert sum(await together(buy() for _ in range(60))) == 20
    stock = await figures(db, variant)
    assert (stock.on_hand, stock.held) == (0, 0)
    assert await faults(db) == {}
