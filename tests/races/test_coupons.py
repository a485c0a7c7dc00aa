"""A hundred orders and a coupon for ten: ten have it. And the same without the guard, where they do not."""

from __future__ import annotations

import asyncio
from collections import Counter

from pannier.platform import migrate
from pannier.platform.database import Database
from tests.promotions.desk import claim, insert_coupon, insert_promotion, value
from tests.support.books import faults
from tests.support.door import WAIT, closed_door
from tests.support.shoppers import together

ORDERS = 100
LIMIT = 10
_GUARDED = (
    "update coupon k set used = k.used + 1 where k.id = c.id and k.use_limit is not null and k.used < k.use_limit;"
)
# Looks first and writes then, as shops do that give away more than they have. What it counts is what it saw.
_LOOKING = (
    "update coupon k set used = s.used from (select coupon_look(c.id) as used) s where k.id = c.id and s.used > 0;"
)
_LOOK = f"""
create function coupon_look(p_coupon uuid) returns bigint language plpgsql volatile as $$
declare
  v_used bigint := (select k.used from coupon k where k.id = p_coupon and k.used < k.use_limit);
begin
  {WAIT}
  return v_used + 1;
end $$;
"""


async def _rush(db: Database, orders: int) -> Counter[str]:
    """The test body: what every order was told."""
    return Counter(await together(claim(db, "TEN", email=f"{n}@example.com") for n in range(orders)))


async def _uses(db: Database) -> int:
    count: int = await value(db, "select count(*) from coupon_use where released_at is null")
    return count


async def test_a_coupon_for_ten_is_used_ten_times(db: Database) -> None:
    await insert_coupon(db, "TEN", limit=LIMIT)
    assert await _rush(db, ORDERS) == {"claimed": LIMIT, "usage_limit": ORDERS - LIMIT}
    assert (await _uses(db), await value(db, "select used from coupon")) == (LIMIT, LIMIT)
    assert await faults(db) == {}


async def test_a_promotion_for_ten_is_given_ten_times(db: Database) -> None:
    promotion = await insert_promotion(db, limit=LIMIT)
    told = Counter(await together(claim(db, promotions=[promotion]) for _ in range(ORDERS)))
    assert told == {"claimed": LIMIT, "usage_limit": ORDERS - LIMIT}
    assert await faults(db) == {}


async def test_a_customer_who_is_quick_uses_a_coupon_once(db: Database) -> None:
    await insert_coupon(db, "TEN", per_customer=1)
    told = Counter(
        await together(claim(db, "TEN", user="ann", email=["ann@x.example", None][n % 2]) for n in range(ORDERS // 2))
    )
    assert told == {"claimed": 1, "customer_limit": ORDERS // 2 - 1}


async def test_looking_first_gives_away_more_than_there_is(db: Database, database_url: str) -> None:
    """The control: two have seen that there is one left before either writes, and both have it."""
    await _without_the_guard(db)
    await insert_coupon(db, "TEN", limit=1)
    async with closed_door(database_url) as door:
        rush = asyncio.create_task(_rush(db, ORDERS))
        await door.crowded(2)
    told = await rush
    assert told["claimed"] == await _uses(db) > 1
    assert "coupon.used" in await faults(db)


async def test_without_one_customer_at_a_time_she_uses_it_twice(db: Database, database_url: str) -> None:
    """The control of the limit per customer: it is the lock that makes one of two."""
    async with db.read() as connection:
        await connection.execute(
            "create or replace function coupon_lock_customer(p_coupon uuid, p_user text, p_email bytea) returns void"
            " language plpgsql as $$ begin end $$;"
            " create or replace function coupon_uses_of(p_coupon uuid, p_user text, p_email bytea) returns bigint"
            " language plpgsql volatile as $$ declare v_found bigint := (select count(*) from coupon_use u"
            f" where u.coupon_id = p_coupon and u.user_id = p_user); begin {WAIT} return v_found; end $$"
        )
    await insert_coupon(db, "TEN", per_customer=1)
    async with closed_door(database_url) as door:
        rush = asyncio.gather(*(claim(db, "TEN", user="ann") for _ in range(2)))
        await door.crowded(2)
    assert await rush == ["claimed", "claimed"]


async def _without_the_guard(db: Database) -> None:
    (text,) = [text for _, text in migrate.function_files() if _GUARDED in text]
    assert text.count(_GUARDED) == 1, "the guard is nowhere: this control controls nothing"
    async with db.read() as connection:
        await connection.execute(_LOOK)
        await connection.execute(text.replace(_GUARDED, _LOOKING))
