"""A gift with few units left, and many who order with it at once: as many get it as there are, the others are told."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from pannier.kernel.errors import PannierError
from pannier.platform import migrate
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.support.books import faults
from tests.support.catalogue import make_product
from tests.support.offers import make_promotion
from tests.support.shop import DETAILS, Shop, guest, stock_figures

SHOPPERS, CUPS = 40, 6
# Without the lock on a gift's stock, and without the condition and the constraint behind it: who looked first, took.
_FOR_UPDATE = "where variant_id = any(p_variants) order by variant_id, location_id for update"
_CONDITION = "and (backorder_max is null or held + p_quantity <= on_hand + backorder_max - safety_quantity)"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"database_pool_size": 20, "batch_lanes": 2, "commit_at": "payment"})


async def _crowd(db: Database, settings: Settings) -> tuple[Counter[str], int, tuple[int, int]]:
    """What each of many shoppers was told who all were shown the gift, how many have it, and its stock."""
    shop = Shop.of(db, settings)
    variant = await make_product(db, on_hand=SHOPPERS, price_minor=1000)
    cup = await make_product(db, on_hand=CUPS, price_minor=300, name="Cup")
    await make_promotion(db, {"type": "gift", "product": str(cup), "qty_per_trigger": 1})
    shoppers = [guest() for _ in range(SHOPPERS)]
    sessions = []
    for shopper in shoppers:
        await shop.fill(shopper, variant)
        sessions.append(await shop.checkouts.create_checkout(shopper, DETAILS))

    async def complete(place: int) -> str:
        try:
            await shop.checkouts.complete(shoppers[place], sessions[place].id, expected_total=1000)
        except PannierError as refusal:
            return refusal.error
        return "placed"

    told = Counter(await asyncio.gather(*(complete(place) for place in range(SHOPPERS))))
    async with db.read() as connection:
        given = await connection.fetchval("select coalesce(sum(quantity), 0)::int from order_line where name = 'Cup'")
    return told, given, await stock_figures(db, cup)


async def test_as_many_get_the_gift_as_there_are(db: Database, settings: Settings) -> None:
    told, given, stock = await _crowd(db, settings)
    assert told == {"placed": CUPS, "PROMOTION_CHANGED": SHOPPERS - CUPS}
    assert (given, stock) == (CUPS, (CUPS, CUPS))
    assert await faults(db) == {}


async def test_without_the_guards_more_are_promised_than_there_are(db: Database, settings: Settings) -> None:
    """The control: lock, condition and constraint of the gift's stock are what limits them."""
    await _without(db, _FOR_UPDATE, _FOR_UPDATE.removesuffix(" for update"))
    await _without(db, _CONDITION, "")
    async with db.read() as connection:
        await connection.execute("alter table stock drop constraint stock_never_oversold")
    _, given, stock = await _crowd(db, settings)
    assert given > CUPS
    assert stock[1] > CUPS


async def _without(db: Database, guard: str, replacement: str) -> None:
    texts: list[Any] = [text for _, text in migrate.function_files() if guard in text]
    assert len(texts) == 1, "this control controls nothing"
    async with db.read() as connection:
        await connection.execute(texts[0].replace(guard, replacement))
