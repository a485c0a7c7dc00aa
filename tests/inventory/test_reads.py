"""What one call reads does not grow with the shop: popular products, many carts, many orders, tables never analysed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

import pytest

from pannier.cart import Change, Command
from pannier.inventory import Cause, InventoryService, Wanted
from pannier.inventory.jobs import sweep
from pannier.kernel.ids import uuid7
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.support.catalogue import make_product
from tests.support.shop import STAFF, Shop, guest, owner_of

ROWS = 3000
CAUSE = Cause(actor="test")
_READ = (
    "select (select sum(seq_tup_read) from pg_stat_user_tables where relname <> all($1))::bigint"
    " + (select sum(idx_tup_read) from pg_stat_user_indexes)::bigint"
)
# Read whole on purpose: a handful of rows, for as long as the shop lives.
SMALL = ["channel", "location", "event_cursor", "sql_function_file", "alembic_version"]
_GROW = (
    """insert into variant (id, product_id, options)
       select md5('v' || n)::uuid, product_id, jsonb_build_array(n)
         from variant, generate_series(1, $2) n where id = $1""",
    "insert into stock (variant_id) select md5('v' || n)::uuid from generate_series(1, $2) n where $1 <> md5('')::uuid",
    """insert into cart (id, status, version, currency, channel, user_id, created_at, updated_at, expires_at)
       select md5('c' || n)::uuid, case when n % 2 = 0 then 'converted' else 'active' end::cart_status, 1, 'USD',
              'default', n::text, now(), now(), 'infinity' from generate_series(1, $2) n where $1 <> md5('')::uuid""",
    """insert into reservation (id, owner_kind, held_since, expires_at)
       select md5('c' || n)::uuid, 'cart', now(), case when n % 2 = 0 then 'infinity' else now() + '1 day' end
         from generate_series(1, $2) n where $1 <> md5('')::uuid""",
    """insert into hold (reservation_id, variant_id, location_id, quantity, due_at)
       select id, $1, '00000000-0000-7000-8000-000000000001', 1, expires_at from reservation limit $2""",
    """insert into orders select r.* from (select * from orders limit 1) o, generate_series(1, $2) n,
       lateral jsonb_populate_record(null::orders, to_jsonb(o) || jsonb_build_object('id', md5('o' || n),
         'number', 'N' || n, 'checkout_id', null, 'cart_id', null, 'placed_at', now() - n * interval '1 s')) r
       where $1 <> md5('')::uuid""",
)


class Trade:
    """Everything that is done with one popular product."""

    def __init__(self, db: Database, settings: Settings, popular: UUID, other: UUID) -> None:
        self.db, self.popular, self.other = db, popular, other
        self.shop = Shop.of(db, settings, commit_at="fulfilment")
        self.inventory = InventoryService(db, settings)

    async def fill_a_cart(self) -> None:
        shopper = guest()
        line = await self.shop.fill(shopper, self.popular, 2)
        await self.shop.fill(shopper, self.popular)
        for change in (Change(op="set", line_id=line, quantity=1), Change(op="remove", line_id=line)):
            await self.shop.carts.apply(Command(owner_of(shopper), "cart.changed", [change]))

    async def ask_for_a_line_that_is_not_there(self) -> None:
        changes = [Change(op="remove", line_id=uuid7())]
        with pytest.raises(Exception, match="cart"):
            await self.shop.carts.apply(Command(owner_of(guest()), "cart.item_removed", changes))

    async def buy(self) -> None:
        _, number = await self.shop.buy(self.popular)
        await self.shop.orders.pay(STAFF, number)
        await self.shop.orders.fulfil(STAFF, number)

    async def cancel(self) -> None:
        shopper, number = await self.shop.buy(self.popular)
        await self.shop.orders.cancel(shopper, number)

    async def reserve(self) -> None:
        wanted = [Wanted(self.popular, 1), Wanted(self.other, 1)]
        for settle in (self.inventory.commit, self.inventory.release):
            reservation = await self.inventory.reserve(wanted, CAUSE)
            await self.inventory.extend(reservation.id, ttl=timedelta(hours=1))
            await settle(reservation.id, CAUSE)

    async def receive(self) -> None:
        await self.inventory.receive(self.popular, 1, CAUSE)
        await self.inventory.get_level(self.popular)

    async def tidy_up(self) -> None:
        await sweep(self.db)
        await self.shop.carts.expire_due()

    async def look_for_an_order(self) -> None:
        await self.shop.orders.list_all(external_reference="nobody's")


async def _reads(db: Database, call: Callable[[], Awaitable[None]]) -> int:
    async def so_far() -> int:
        async with db.read() as connection:
            await connection.execute("select pg_stat_force_next_flush()")
            await connection.execute("select pg_stat_clear_snapshot()")
            return int(await connection.fetchval(_READ, SMALL))

    before = await so_far()
    await call()
    return await so_far() - before


async def test_what_a_call_reads_does_not_grow_with_the_shop(settings: Settings, db: Database) -> None:
    assert settings.database_url is not None
    one = await Database.connect(settings.database_url, settings.model_copy(update={"database_pool_size": 1}), db.clock)
    try:
        trade = Trade(one, settings, await make_product(one, on_hand=100_000), await make_product(one))
        calls = {
            name: getattr(trade, name)
            for name in (
                "fill_a_cart", "ask_for_a_line_that_is_not_there", "buy", "cancel", "reserve", "receive", "tidy_up",
                "look_for_an_order",
            )
        }  # fmt: skip
        # More often than a plan is tried before it is kept.
        small = {name: [await _reads(one, call) for _ in range(7)][-1] for name, call in calls.items()}
        async with one.read() as connection:
            for statement in _GROW:
                await connection.execute(statement, trade.popular, ROWS)
            await connection.execute("update stock set held = held + $2 where variant_id = $1", trade.popular, ROWS)
        large = {name: [await _reads(one, call) for _ in range(3)][-1] for name, call in calls.items()}
    finally:
        await one.close()
    grown = {name: (small[name], large[name]) for name in calls if large[name] > small[name] + 300}
    assert grown == {}
