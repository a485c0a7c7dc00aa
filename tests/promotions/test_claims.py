"""Uses of coupons and promotions: counted once per order, up to their limits, and given back."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from datetime import date

from pannier.kernel.ids import uuid7
from pannier.platform.database import Database
from pannier.promotions import book_revision, load_active_promotions, load_price_rules
from tests.promotions.desk import claim, claim_on, fetch, insert_coupon, insert_promotion, value
from tests.support.books import faults

DAY = date(2026, 5, 1)


async def test_an_order_uses_a_coupon_once_however_often_it_claims(db: Database) -> None:
    await insert_coupon(db, "SAVE", limit=2)
    order = uuid7()
    assert [await claim(db, "SAVE", order=order) for _ in range(2)] == ["claimed", "claimed"]
    assert await value(db, "select used from coupon") == 1
    assert await claim(db, "SAVE") == "claimed"
    assert await claim(db, "SAVE") == "usage_limit"
    assert await claim(db, "save") == "unknown"
    assert await value(db, "select used from coupon") == 2
    assert await faults(db) == {}


async def test_a_customer_is_known_by_user_or_address_in_any_case(db: Database) -> None:
    await insert_coupon(db, "WELCOME", per_customer=1)
    assert await claim(db, "WELCOME", user="ann", email="Ann@example.com") == "claimed"
    assert await claim(db, "WELCOME", user="ann") == "customer_limit"
    assert await claim(db, "WELCOME", email="ann@EXAMPLE.com ") == "customer_limit"
    assert await claim(db, "WELCOME", user="bob", email="bob@example.com") == "claimed"
    documents = json.loads(await value(db, "select coupon_documents(array['WELCOME', 'no'], 'ann', null)"))
    assert [one["coupon"]["used_by_customer"] for one in documents] == [1]


async def test_a_canceled_order_gives_back_what_may_be_used_again(db: Database) -> None:
    await insert_coupon(db, "AGAIN", limit=1)
    await insert_coupon(db, "ONCE", limit=1, reusable=False)
    (once,) = [row["promotion_id"] for row in await fetch(db, "select promotion_id from coupon where code = 'ONCE'")]
    promotion, order = await insert_promotion(db, limit=1), uuid7()
    assert await claim(db, "AGAIN", "ONCE", promotions=[promotion, once], order=order) == "claimed"

    for _ in range(2):
        await value(db, "select coupon_release($1)", order)

    used = {row["code"]: row["used"] for row in await fetch(db, "select code, used from coupon")}
    assert used == {"AGAIN": 0, "ONCE": 1}
    assert await value(db, "select used from promotion where id = $1", promotion) == 0
    assert await fetch(db, "select promotion_id from promotion_use where released_at is null") == [
        {"promotion_id": once}
    ]
    assert (await claim(db, "AGAIN"), await claim(db, "ONCE")) == ("claimed", "usage_limit")
    assert await faults(db) == {}


async def test_the_last_use_of_a_promotion_makes_the_book_old_and_no_other_does(db: Database) -> None:
    promotion, free = await insert_promotion(db, limit=2), await insert_promotion(db)
    async with db.read() as connection:
        before = await book_revision(connection)
        await claim_on(connection, promotions=[promotion, free])
        assert await book_revision(connection) == before
        await claim_on(connection, promotions=[promotion, free])
        assert await book_revision(connection) == before + 1
        documents = [one.document() for one in await load_active_promotions(connection, DAY)]
        assert await load_price_rules(connection, DAY) == []
    assert await claim(db, promotions=[promotion]) == "usage_limit"
    # What has no limit is not counted in its row, which all orders would wait for.
    assert await value(db, "select used from promotion where id = $1", free) == 0
    assert [("limit" in one, "used" in one) for one in documents] == [(True, True), (False, False)]
    assert str(documents[0]["actions"][0]["percent"]) == "12.5"


async def test_a_refused_claim_leaves_nothing(db: Database) -> None:
    await insert_coupon(db, "OPEN", limit=5)
    await insert_coupon(db, "SHUT", limit=0)
    assert await claim(db, "OPEN", "SHUT") == "usage_limit"
    assert await value(db, "select sum(used) from coupon") == 0
    assert await value(db, "select count(*) from coupon_use") == 0


async def test_orders_that_use_an_unlimited_promotion_do_not_wait_for_one_another(db: Database) -> None:
    await insert_coupon(db, "SUMMER")
    promotion = await insert_promotion(db)
    async with db.pool.acquire() as first, first.transaction():
        await claim_on(first, "SUMMER", promotions=[promotion], user="ann")
        # Would wait for the lock, and for ever, if there were one.
        assert await asyncio.wait_for(claim(db, "SUMMER", promotions=[promotion], user="bob"), 30) == "claimed"


async def test_claims_in_any_order_do_not_wait_in_a_circle(db: Database) -> None:
    codes = ["A", "B", "C"]
    for code in codes:
        await insert_coupon(db, code, limit=100)
    promotions = [await insert_promotion(db, limit=100) for _ in range(2)]
    before = db.retries
    told = await asyncio.gather(
        *[claim(db, *(codes[n % 3 :] + codes[: n % 3]), promotions=promotions[:: 1 - 2 * (n % 2)]) for n in range(30)]
    )
    assert (Counter(told), db.retries) == ({"claimed": 30}, before)
    assert {row["used"] for row in await fetch(db, "select used from coupon")} == {30}
    assert await faults(db) == {}
