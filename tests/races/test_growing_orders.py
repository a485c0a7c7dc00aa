"""An order that grows while somebody waits for it: he begins anew, with the stock of what came into it."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import asyncpg
import pytest

from pannier.checkout.revising import Edit
from pannier.orders import RefundService
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.races.test_after_sale import Till, without
from tests.support.books import faults
from tests.support.catalogue import make_product
from tests.support.revisers import reviser_of
from tests.support.shop import STAFF, Shop, stock_figures
from tests.support.waiting import asked_until_given

_LOCK = "select document from order_lock($1, null, null, true, null, null, null, interval '0')"
_GROW = """insert into order_line
  select k.* from order_line l cross join lateral jsonb_populate_record(l, jsonb_build_object('id', gen_random_uuid(),
    'position', 1, 'variant_id', $1::uuid, 'stock_state', 'untracked')) k"""
_WAITS = "select true from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"


async def _locked_while_it_grows(db: Database, settings: Settings) -> Any:
    """What comes of locking an order into which a lamp comes while somebody else has it locked."""
    lamp = await make_product(db)
    _, number = await Shop.of(db, settings).buy(await make_product(db))

    async def lock() -> Any:
        async with db.read() as connection, connection.transaction():
            return await connection.fetchval(_LOCK, number)

    async def waits() -> Any:
        async with db.read() as connection:
            return await connection.fetchval(_WAITS)

    async with db.read() as first, first.transaction():
        await first.execute(_LOCK, number)
        waiting = asyncio.create_task(lock())
        await asked_until_given(waits)
        await first.execute(_GROW, lamp)
    return await waiting


async def test_whoever_waited_begins_anew(db: Database, settings: Settings) -> None:
    with pytest.raises(asyncpg.SerializationError):
        await _locked_while_it_grows(db, settings)


async def test_without_looking_again_he_has_it_without_the_stock_of_what_came(db: Database, settings: Settings) -> None:
    """The control."""
    await without(db, "order_lock", ("l.variant_id <> all(v_variants)", "false"))
    assert await _locked_while_it_grows(db, settings)


async def test_an_order_is_edited_and_sent_at_once(db: Database, settings: Settings) -> None:
    shop = Shop.of(db, settings, commit_at="fulfilment")
    revisions = reviser_of(shop, RefundService(db, Till()))
    lamp: uuid.UUID = await make_product(db, on_hand=50)
    for _ in range(5):
        _, number = await shop.buy(await make_product(db))
        edits = [revisions.edit(STAFF, number, Edit(added=[(lamp, 1)])) for _ in range(2)]
        await asyncio.gather(*edits, *[shop.orders.pay(STAFF, number) for _ in range(3)])
        await shop.orders.fulfil(STAFF, number)
    assert await stock_figures(db, lamp) == (40, 0)
    assert await faults(db) == {}
