"""Plans made on empty tables are still right when the tables are large: no statement of a cart reads a whole one.

The plans of a connection are made once and kept. What they cost is read off PostgreSQL's own counters: rows read by
sequential scans, and entries read from indexes, over the calls of one round.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

import pytest
import pytest_asyncio

from pannier.cart import CartService, Change, add
from pannier.inventory.jobs import sweep
from pannier.kernel.clock import ManualClock
from pannier.kernel.ids import uuid7
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.support.buyers import Buyer
from tests.support.catalogue import make_product
from tests.support.shop import DETAILS, Shop, guest

ROWS = 30_000
PLANS = 7
ROUNDS = 5
# Entries of one table's indexes that a round may read: seventeen commands, each a handful. A whole index has ROWS.
ENTRIES_MAX = 100
# Read whole on purpose: a handful of rows, for as long as the shop lives.
SMALL = {"channel", "price_book_revision", "location", "event_cursor", "sql_function_file", "alembic_version"}

_GROW = (
    """insert into variant (id, product_id, options, display, is_sellable, plain_prices)
       select md5('v' || n)::uuid, v.product_id, jsonb_build_array(n), v.display, true, v.plain_prices
         from variant v, generate_series(1, $2) n where v.id = $1""",
    """insert into price (id, variant_id, currency, amount_minor)
       select md5('p' || n)::uuid, md5('v' || n)::uuid, 'USD', 5 from generate_series(1, $1) n""",
    """insert into stock (variant_id, on_hand, held, version)
       select md5('v' || n)::uuid, 100, 1, 1 from generate_series(1, $1) n""",
    """insert into stock_movement (variant_id, location_id, version, kind, quantity, on_hand_before, on_hand_after,
         held_before, held_after, actor, at)
       select variant_id, location_id, 1, 'receive', 100, 0, 100, 0, 0, 'test', now()
         from stock where held = 1 limit $1""",
    """insert into cart (id, version, currency, channel, token_hash, line_count, total_quantity, created_at, updated_at,
         expires_at)
       select md5('c' || n)::uuid, 1, 'USD', 'default', sha256(n::text::bytea), 1, 1, now(), now(), now() + '30 days'
         from generate_series(1, $1) n""",
    """insert into cart_line (id, cart_id, variant_id, quantity, unit_price_minor, added_at, updated_at)
       select md5('l' || n)::uuid, md5('c' || n)::uuid, md5('v' || n)::uuid, 1, 5, now(), now()
         from generate_series(1, $1) n""",
    """insert into reservation (id, owner_kind, held_since, expires_at)
       select md5('c' || n)::uuid, 'cart', now(), now() + '15 minutes' from generate_series(1, $1) n""",
    """insert into hold (reservation_id, variant_id, location_id, quantity, due_at)
       select md5('c' || n)::uuid, md5('v' || n)::uuid, '00000000-0000-7000-8000-000000000001', 1, now() + '15 minutes'
         from generate_series(1, $1) n""",
    """insert into event (aggregate_id, version, aggregate_kind, id, type, data, actor, at)
       select md5('c' || n)::uuid, 1, 'cart', md5('e' || n)::uuid, 'cart.item_added', '{}', 'guest', now()
         from generate_series(1, $1) n""",
    """insert into idempotency_record (owner, key, request_hash, answer, created_at)
       select sha256(n::text::bytea), 'k', sha256('r'), '{}', now() from generate_series(1, $1) n""",
    """insert into checkout (id, cart_id, status, version, created_at, updated_at, expires_at)
       select md5('k' || n)::uuid, md5('c' || n)::uuid, 'incomplete', 1, now(), now(), now() + '1 hour'
         from generate_series(1, $1) n""",
    """insert into orders select r.* from (select * from orders limit 1) o, generate_series(1, $1) n,
       lateral jsonb_populate_record(null::orders, to_jsonb(o) || jsonb_build_object('id', md5('o' || n),
         'number', 'N' || n, 'checkout_id', null, 'cart_id', md5('c' || n), 'token_hash', sha256(n::text::bytea))) r""",
    """insert into order_line select r.* from (select * from order_line limit 1) l, generate_series(1, $1) n,
       lateral jsonb_populate_record(null::order_line,
         to_jsonb(l) || jsonb_build_object('id', md5('x' || n), 'order_id', md5('o' || n))) r""",
)


@dataclass(frozen=True)
class Reading:
    """What has been read: rows of each table by scans, and entries of each index."""

    rows: dict[str, int]
    entries: dict[str, int]

    def since(self, before: Reading) -> Reading:
        return Reading(
            {name: count - before.rows[name] for name, count in self.rows.items() if count != before.rows[name]},
            {name: count - before.entries.get(name, 0) for name, count in self.entries.items()},
        )


async def _reading(db: Database) -> Reading:
    async with db.read() as connection:
        await connection.execute("select pg_stat_force_next_flush()")
        await connection.execute("select pg_stat_clear_snapshot()")
        rows = await connection.fetch("select relname, seq_tup_read as n from pg_stat_user_tables")
        entries = await connection.fetch(
            "select relname, sum(idx_tup_read)::bigint as n from pg_stat_user_indexes group by relname"
        )
    return Reading(
        {r["relname"]: r["n"] for r in rows if r["relname"] not in SMALL}, {r["relname"]: r["n"] for r in entries}
    )


@pytest_asyncio.fixture
async def connect(settings: Settings, clock: ManualClock) -> AsyncIterator[Callable[[], Awaitable[Database]]]:
    """Makes pools of one connection, so that its plans are those of every statement, and it tells all it has read."""
    opened: list[Database] = []

    async def open_one() -> Database:
        assert settings.database_url is not None
        one = settings.model_copy(update={"database_pool_size": 1})
        opened.append(await Database.connect(settings.database_url, one, clock))
        return opened[-1]

    yield open_one
    for database in opened:
        await database.close()


async def _round(db: Database, settings: Settings, variant: UUID, token: str) -> None:
    """Everything a shopper does, once."""
    carts = CartService(db, settings)
    buyer = Buyer(carts)
    key = {"idempotency_key": token, "request_hash": token.encode()}
    first = await buyer.change([add(variant, 2)], **key)
    await buyer.change([add(variant, 2)], **key)
    await buyer.change([add(variant, 1), add(uuid7(), 1)], is_atomic=False)
    item = UUID(str(first.items[0].id))
    await buyer.set(item, 1, extra={"note": "x"})
    await buyer.change([add(variant, 1, attributes={"colour": "red"}), Change(op="remove", line_id=item)])
    await buyer.cart()
    await buyer.clear()
    shop = Shop.of(db, settings)
    shopper = guest()
    await shop.fill(shopper, variant)
    session = await shop.checkouts.create_checkout(shopper, DETAILS)
    done = await shop.checkouts.complete(shopper, session.id)
    assert done.order_number is not None
    await shop.orders.get(shopper, done.order_number)
    await shop.orders.cancel(shopper, done.order_number)


@pytest.mark.timeout(240)
async def test_no_statement_reads_a_whole_table(connect: Callable[[], Awaitable[Database]], settings: Settings) -> None:
    """Whenever a connection made its plans: on empty tables, on small ones that were analysed, or on large ones."""
    empty, small, fresh = await connect(), await connect(), await connect()
    variant = await make_product(empty, on_hand=100)
    # More often than a plan is tried before it is kept.
    for n in range(PLANS):
        await _round(empty, settings, variant, f"empty {n}")
    await _maintain(empty, "vacuum analyze")
    for n in range(PLANS):
        await _round(small, settings, variant, f"small {n}")
    await _grow(fresh, variant)
    for is_analysed in (False, True):
        if is_analysed:
            await _maintain(fresh, "analyze")
        for name, database in (("empty", empty), ("small", small), ("fresh", fresh)):
            before = await _reading(database)
            for n in range(ROUNDS):
                await _round(database, settings, variant, f"{name} {is_analysed} {n}")
            read = (await _reading(database)).since(before)
            assert read.rows == {}, f"{name} connection, analysed: {is_analysed}"
            many = {index: count for index, count in read.entries.items() if count > ROUNDS * ENTRIES_MAX}
            assert many == {}, f"{name} connection, analysed: {is_analysed}"


async def _maintain(db: Database, command: str) -> None:
    async with db.read(120) as connection:
        await connection.execute("set statement_timeout = 0")
        await connection.execute(command, timeout=120)


async def _grow(db: Database, variant: UUID) -> None:
    async with db.read(120) as connection:
        # A shop's statements are short; these make its years of trade.
        await connection.execute("set statement_timeout = 0")
        for statement in _GROW:
            values = (variant, ROWS) if "$2" in statement else (ROWS,)
            await connection.execute(statement, *values, timeout=120)


@pytest.mark.timeout(240)
async def test_a_scan_would_be_seen(connect: Callable[[], Awaitable[Database]]) -> None:
    """The control: the counters this relies on do count."""
    one_connection = await connect()
    await make_product(one_connection)
    before = await _reading(one_connection)
    async with one_connection.read() as connection:
        await connection.execute("select count(*) from stock where on_hand = 7")
    assert (await _reading(one_connection)).since(before).rows == {"stock": 1}
    assert (await sweep(one_connection)).holds == 0
