"""The database of a simulation: made once, and brought back to its beginning before each seed."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

import asyncpg

from pannier.kernel.clock import SystemClock
from pannier.platform.database import Connection, Database, Pool, _prepare_connection
from pannier.platform.settings import Settings
from pannier.pricebook import PriceHouse, open_house
from pannier.pricing import Prices

#: Units of each of the goods at the beginning, and what one costs.
GOODS = ((3, 1000), (5, 2500), (2, 700))
#: A code for 10 % that may be used twice.
CODE, CODE_USES = "TWICE", 2
_CONNECTIONS = 24
_AT = datetime(2026, 1, 1, tzinfo=UTC)

_TABLES = """
select c.relname as name,
       array_remove(array_agg(distinct case when f.confrelid <> f.conrelid then p.relname end), null) as parents,
       exists (select 1 from pg_trigger g
                where g.tgrelid = c.oid and not g.tgisinternal and g.tgtype & 11 = 11) as stays
  from pg_class c
  left join pg_constraint f on f.conrelid = c.oid and f.contype = 'f'
  left join pg_class p on p.oid = f.confrelid
 where c.relnamespace = current_schema()::regnamespace and c.relkind = 'r' and c.relname <> 'alembic_version'
 group by c.oid, c.relname
"""
_COLUMNS = """
select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute
 where attrelid = $1::text::regclass and attnum > 0 and not attisdropped and attgenerated = ''
"""
_STANDING = "select count(*) from payment_attempt where id = any($1) and (is_open or order_id is not null)"


def settings_of(url: str, **changes: Any) -> Settings:
    """The shop of a simulation. Whoever stands still does so by the machine's clock, so nothing is in a hurry by that;
    how long a payment is somebody's goes by the shop's."""
    # To look for settings in the environment takes longer than many a play.
    patience = {"database_lock_timeout_s": 60.0, "payment_timeout_s": 60.0}
    return _plain().model_copy(update={"database_url": url, **patience, **changes})


@cache
def _plain() -> Settings:
    return Settings(
        database_pool_size=_CONNECTIONS,
        tax_percent=Decimal(8),
        shipping_flat_minor=500,
        payment_methods=("test", "invoice"),
    )


@dataclass(frozen=True)
class Stage:
    """A database with its goods, which every seed finds as they are here."""

    url: str
    db: Database
    watcher: asyncpg.Connection[asyncpg.Record]
    goods: tuple[uuid.UUID, ...]
    prices: Prices
    pool: Pool
    _watching: asyncio.Lock = field(default_factory=asyncio.Lock)

    def house(self, db: Database) -> PriceHouse:
        """The shop's prices, which stay what they are: nobody reads them anew."""

        async def load(_: Connection) -> Prices:
            return self.prices

        return PriceHouse(db, self.prices, load)

    async def reset(self) -> None:
        """Everything as it was at the beginning."""
        await self.watcher.execute("select simulation_reset()")

    async def standing(self, attempts: list[uuid.UUID]) -> int:
        """How many of these payments the shop stands by: they are under way, or an order came of them."""
        async with self._watching:
            found: int = await self.watcher.fetchval(_STANDING, attempts)
        return found

    async def tidy(self) -> None:
        """What was deleted, seed after seed, makes room."""
        await self.watcher.execute("vacuum")


@asynccontextmanager
async def stage(url: str) -> AsyncIterator[Stage]:
    """Goods, a code, and how to get back to them, in a migrated database that has nothing else."""
    settings = settings_of(url)
    db = await Database.connect(url, settings, SystemClock())
    watcher = await asyncpg.connect(url)
    try:
        await watcher.execute(f"set search_path = {settings.database_schema}")
        goods = await db.write(_make_goods)
        await db.write(_make_code)
        await _keep_beginning(watcher)
        prices = await open_house(db, settings).at(await watcher.fetchval("select revision from price_book_revision"))
        async with _patient_pool(url, settings) as pool:
            yield Stage(url, db, watcher, goods, prices, pool)
    finally:
        await watcher.close()
        await db.close()


@asynccontextmanager
async def _patient_pool(url: str, settings: Settings) -> AsyncIterator[Pool]:
    """Connections as a shop has them, but for one thing: whoever stands still in a transaction may do so for long."""

    async def prepare(connection: asyncpg.Connection[asyncpg.Record]) -> None:
        await _prepare_connection(settings)(connection)
        await connection.execute("set idle_in_transaction_session_timeout = 0")
        # Whoever has a lock stands still, so nobody gets it by waiting: see lines.py.
        await connection.execute("set lock_timeout = 1")

    async def keep(_: asyncpg.Connection[asyncpg.Record]) -> None:
        """As in a shop, nothing changes a session."""

    pool = await asyncpg.create_pool(url, min_size=2, max_size=_CONNECTIONS, init=prepare, reset=keep)
    try:
        yield pool
    finally:
        pool.terminate()


def _id(number: int) -> uuid.UUID:
    return uuid.UUID(f"00000000-0000-7000-8000-{number:012d}")


async def _make_goods(connection: Connection) -> tuple[uuid.UUID, ...]:
    made = []
    for number, (units, price) in enumerate(GOODS, start=1):
        product, variant = _id(1000 + number), _id(2000 + number)
        await connection.execute(
            "insert into product (id, slug, name, summary, status) values ($1, $2, $2, '', 'active')",
            product,
            f"goods-{number}",
        )
        await connection.execute(
            "insert into variant (id, product_id, requires_shipping) values ($1, $2, true)", variant, product
        )
        await connection.execute(
            "insert into price (id, variant_id, currency, amount_minor) values ($1, $2, 'USD', $3)",
            _id(3000 + number),
            variant,
            price,
        )
        await connection.execute("insert into stock (variant_id) values ($1)", variant)
        await connection.execute(
            "select stock_add($1, $2, $3, 'receive',"
            " row('staff', null, null, null, null, 'opening', $4)::movement_cause)",
            variant,
            _id(1),
            units,
            _AT,
        )
        await connection.execute("select catalog_refresh_display(array[$1::uuid])", product)
        made.append(variant)
    return tuple(made)


async def _make_code(connection: Connection) -> None:
    await connection.execute(
        "insert into promotion (id, name, definition, needs_code, is_active, created_at, updated_at)"
        " values ($1, 'Ten percent', $2, true, true, $3, $3)",
        _id(4001),
        {"actions": [{"type": "order_percent", "percent": 10}], "conditions": []},
        _AT,
    )
    await connection.execute(
        "insert into coupon (id, promotion_id, code, code_folded, use_limit, created_at, updated_at)"
        " values ($1, $2, $3, lower($3), $4, $5, $5)",
        _id(4002),
        _id(4001),
        CODE,
        CODE_USES,
        _AT,
    )
    await connection.execute("select price_book_touch()")


async def _keep_beginning(watcher: asyncpg.Connection[asyncpg.Record]) -> None:
    """Copies of all tables, and a function that makes them what they were: in one call, with its plans kept."""
    tables = await watcher.fetch(_TABLES)
    ordered = _parents_first({row["name"]: set(row["parents"]) for row in tables})
    # Rows that a trigger keeps from being deleted go all at once.
    stays = {row["name"] for row in tables if row["stays"]}
    await watcher.execute("create schema beginning")
    taken, given = [], []
    for name in ordered:
        await watcher.execute(f'create table beginning."{name}" as table "{name}"')
        columns = await watcher.fetchval(_COLUMNS, f'"{name}"')
        same = f'select 1 from beginning."{name}" b where b::text = t::text'
        if name in stays:
            taken.append(f'if exists (select 1 from "{name}") then truncate "{name}"; end if;')
        else:
            taken.append(f'delete from "{name}" t where not exists ({same});')
        back = f'select 1 from "{name}" b where b::text = t::text'
        given.append(
            f'insert into "{name}" ({columns}) overriding system value select {columns} from beginning."{name}" t'
            f" where not exists ({back});"
        )
    taken.reverse()
    # Triggers of what is taken and given back leave traces of their own, which go last.
    body = "\n".join([*taken, *given, *taken])
    await watcher.execute(f"create function simulation_reset() returns void language plpgsql as $$ begin {body} end $$")


def _parents_first(found: dict[str, set[str]]) -> Sequence[str]:
    ordered: list[str] = []
    left = dict(sorted(found.items()))
    while left:
        free = [name for name, parents in left.items() if not (parents & left.keys())] or [next(iter(left))]
        for name in free:
            ordered.append(name)
            del left[name]
    return ordered
