"""Carts that want the same products in opposite orders: nobody waits for anybody in a circle."""

from __future__ import annotations

import re
from pathlib import Path

import asyncpg
import pytest

from pannier.platform import migrate
from pannier.platform.database import Database
from tests.support.books import faults
from tests.support.catalogue import figures, make_product
from tests.support.shoppers import Shopper, crowd, outcomes, server_processes, together

SHOPPERS = 40
ROUNDS = 3
PRODUCTS = 6
INTERLEAVED = {"batch_size_max": 2, "batch_lanes": 5, "database_pool_size": 8, "cart_max_items": 0}


async def _deadlocks(db: Database) -> int:
    async with db.read() as connection:
        await connection.execute("select pg_stat_force_next_flush()")
        count: int = await connection.fetchval(
            "select deadlocks from pg_stat_database where datname = current_database()"
        )
    return count


async def test_opposite_orders_never_deadlock(db: Database, database_url: str, tmp_path: Path) -> None:
    variants = [await make_product(db, on_hand=100_000) for _ in range(PRODUCTS)]

    async def shop(shopper: Shopper, is_reversed: bool) -> list[str]:
        order = list(reversed(variants)) if is_reversed else variants
        answers = []
        for _ in range(ROUNDS):
            answers.append(await shopper.add_all([(variant, 1) for variant in order]))
            items = {item["variant_id"]: item["id"] for item in answers[-1].json()["cart"]["items"]}
            answers.append(await shopper.set(items[str(order[0])], 1))
            answers.append(await shopper.set(items[str(order[-1])], 1))
        answers.append(await shopper.clear())
        answers.append(await shopper.add_all([(variant, 2) for variant in order]))
        return list(outcomes(answers).elements())

    before = await _deadlocks(db)
    with server_processes(tmp_path, database_url, **INTERLEAVED) as servers:
        async with crowd(SHOPPERS, servers) as shoppers:
            told = await together(shop(shopper, n % 2 == 0) for n, shopper in enumerate(shoppers))
    assert {outcome for outcomes_ in told for outcome in outcomes_} == {"OK"}
    assert await _deadlocks(db) == before
    assert [(await figures(db, variant)).held for variant in variants] == [2 * SHOPPERS] * PRODUCTS
    assert await faults(db) == {}


async def test_without_one_order_they_deadlock(db: Database, database_url: str) -> None:
    """The control: the same locks in the order in which they are asked for."""
    first, second = sorted([await make_product(db), await make_product(db)])
    async with db.read() as connection:
        await connection.execute(_in_order_of_asking())
    one, other = await asyncpg.connect(database_url), await asyncpg.connect(database_url)
    try:
        await one.execute("begin")
        await other.execute("begin")
        await _lock(one, [first])
        await _lock(other, [second])
        with pytest.raises(asyncpg.DeadlockDetectedError):
            await together([_lock(one, [first, second]), _lock(other, [second, first])])
    finally:
        await one.close()
        await other.close()


async def _lock(connection: asyncpg.Connection[asyncpg.Record], variants: list[object]) -> None:
    await connection.execute("select stock_lock($1, interval '0', null)", variants)


def _in_order_of_asking() -> str:
    for _, text in migrate.function_files():
        changed, count = re.subn(r"order by variant_id, location_id for update(?=\s*\) k)", "for update", text)
        if count:
            return changed
    raise AssertionError("stock_lock locks in no order: this control controls nothing")
