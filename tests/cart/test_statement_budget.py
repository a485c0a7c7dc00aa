"""How often a request waits for the database: counted on the wire, BEGIN and COMMIT included."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
import pytest_asyncio

from pannier.cart import CartService, Change, add
from pannier.kernel.clock import ManualClock
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.support.buyers import Buyer
from tests.support.catalogue import make_product
from tests.support.offers import make_price_rule
from tests.support.shoppers import together
from tests.support.wire import Wire, counting

ADD_MAX = 2
GET_MAX = 1
# The first statement of a connection is prepared, and the server asked for types: once per connection.
WARM_UP = 3


@pytest_asyncio.fixture
async def wire(database_url: str) -> AsyncIterator[Wire]:
    async with counting(database_url) as counted:
        yield counted


@pytest_asyncio.fixture
async def carts(wire: Wire, settings: Settings, clock: ManualClock) -> AsyncIterator[CartService]:
    unlimited = settings.model_copy(update={"cart_max_items": 0, "cart_max_quantity_per_item": 0, "cart_max_lines": 0})
    database = await Database.connect(wire.url, unlimited.model_copy(update={"database_pool_size": 1}), clock)
    yield CartService(database, unlimited)
    await database.close()


@pytest.mark.parametrize("lines", [1, 10, 100, 1000])
async def test_requests_keep_their_budget_whatever_the_cart_holds(
    carts: CartService, db: Database, wire: Wire, lines: int
) -> None:
    variant, other = await make_product(db, on_hand=10_000), await make_product(db, on_hand=10_000)
    buyer = Buyer(carts)
    for _ in range(WARM_UP):
        await buyer.add(other)
        await buyer.cart()
    full = await buyer.change([add(variant, 1, attributes={"n": n}) for n in range(lines)])
    assert full.total_items == lines + 1
    item = UUID(str(full.items[0].id))
    spent: dict[str, int] = {}

    def spend(name: str) -> None:
        spent[name] = wire.round_trips
        wire.start_over()

    wire.start_over()
    await buyer.add(variant)
    spend("add")
    await buyer.set(item, 3)
    spend("set")
    await buyer.change([add(variant, 1)], idempotency_key="k", request_hash=hashlib.sha256(b"k").digest())
    spend("add with a key")
    await buyer.change([add(variant, 1)], idempotency_key="k", request_hash=hashlib.sha256(b"k").digest())
    spend("replay")
    await buyer.change([add(variant, 1, attributes={"m": n}) for n in range(100)])
    spend("bulk of 100")
    await buyer.change([Change(op="remove", line_id=item)])
    spend("remove")
    await buyer.cart()
    spend("get")
    await buyer.clear()
    spend("clear")
    assert spent.pop("get") == GET_MAX
    assert max(spent.values()) <= ADD_MAX, spent


async def test_a_first_add_keeps_the_budget(carts: CartService, db: Database, wire: Wire) -> None:
    variant = await make_product(db)
    for _ in range(WARM_UP):
        await Buyer(carts).add(variant)
    wire.start_over()
    await Buyer(carts).add(variant)
    assert wire.round_trips <= ADD_MAX


async def test_price_rules_cost_one_look_and_keep_the_budget(carts: CartService, db: Database, wire: Wire) -> None:
    variant, buyer = await make_product(db), Buyer(carts)
    await make_price_rule(db, percent=10)
    for _ in range(WARM_UP):
        await Buyer(carts).add(variant)
    wire.start_over()
    await buyer.add(variant)
    assert wire.round_trips <= ADD_MAX
    assert (await buyer.cart()).items[0].availability.flags == []


async def test_those_who_wait_together_pay_once(carts: CartService, db: Database, wire: Wire) -> None:
    variant = await make_product(db, on_hand=1000)
    buyers = [Buyer(carts) for _ in range(30)]
    for buyer in buyers[:WARM_UP]:
        await buyer.add(variant)
        await buyer.cart()
    wire.start_over()
    await together(buyer.add(variant) for buyer in buyers)
    # At most one that found the desk idle, and batches of those who came while it was busy.
    assert wire.round_trips <= 3 * ADD_MAX
    wire.start_over()
    await together(buyer.cart() for buyer in buyers)
    assert wire.round_trips <= 3 * GET_MAX


async def test_the_wire_counts_a_transaction_as_what_it_is(wire: Wire, settings: Settings, clock: ManualClock) -> None:
    """The control: one statement between BEGIN and COMMIT is three."""
    database = await Database.connect(wire.url, settings, clock)
    statement = "select 1"
    await database.write(lambda connection: connection.fetchval(statement))
    wire.start_over()
    assert await database.write(lambda connection: connection.fetchval(statement)) == 1
    assert wire.round_trips == 3
    await database.close()
