"""What is kept of whom, proved, and carried through migrations."""

from __future__ import annotations

from datetime import timedelta

import asyncpg
import pytest

from pannier.kernel.clock import ManualClock
from pannier.kernel.ids import uuid7
from pannier.platform import migrate
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.support.accounts import PASSWORD, AccountShop
from tests.support.books import faults
from tests.support.catalogue import make_product
from tests.support.wishers import Wisher, restock

TABLES = ("wishlist", "wishlist_item", "wishlist_share", "wishlist_notice", "wishlist_unsubscribe")


async def test_an_export_has_wishlists_and_an_erasure_leaves_nothing_of_them(
    jane: Wisher, shop: AccountShop, db: Database, clock: ManualClock
) -> None:
    variant = await make_product(db, on_hand=0)
    await jane.wish(variant, note="zebrafinch", notify={"back_in_stock": True})
    await jane.send("POST", "/wishlists/default/share", status=201)
    await restock(db, variant, 1)
    notices = shop.app.state.pannier.notices
    await notices.look()
    await notices.send_due(shop.mailbox)
    export = await jane.send("GET", "/me/export")
    (kept,) = export["wishlists"]
    assert (kept["items"][0]["extra"]["note"], kept["notices"][0]["kind"]) == ("zebrafinch", "back_in_stock")
    assert len(kept["shares"]) == 1
    gone = await jane.send("DELETE", f"/wishlists/default/items/{kept['items'][0]['id']}")
    assert gone["items"] == []
    await jane.send("POST", "/me/erase", {"password": PASSWORD}, 202)
    clock.advance(timedelta(days=shop.settings.erase_after_days + 1))
    assert await shop.app.state.pannier.privacy.erase_due() == 1
    async with db.read() as connection:
        counts = {table: await connection.fetchval(f"select count(*) from {table}") for table in TABLES}
        told = await connection.fetchval("select string_agg(data::text, '') from event")
    assert counts == dict.fromkeys(TABLES, 0)
    assert "zebrafinch" not in told
    assert await faults(db) == {}


@pytest.mark.parametrize(
    "harm, broken",
    [
        ("update wishlist set is_default = false", "wishlist.one_default"),
        ("update wishlist set version = version + 1", "wishlist.version"),
        ("update wishlist_item set variant_id = gen_random_uuid()", "wishlist_item.of_variant"),
        ("update wishlist_item set is_awaited = true", "wishlist_item.consent"),
    ],
)
async def test_the_audit_finds_what_is_wrong(jane: Wisher, db: Database, harm: str, broken: str) -> None:
    await jane.wish(await make_product(db))
    assert await faults(db) == {}
    async with db.read() as connection:
        await connection.execute(harm)
    assert set(await faults(db)) == {broken}


async def test_a_shop_goes_back_to_before_wishlists_and_sells_and_comes_again(database_url: str, db: Database) -> None:
    settings = Settings(database_url=database_url)
    variant = await make_product(db, on_hand=5)
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "insert into wishlist (id, user_id, name, name_key, is_default, created_at, updated_at)"
        " values ($1, 'u', 'W', 'w', true, now(), now())",
        uuid7(),
    )
    await connection.execute(
        "insert into wishlist_item (id, wishlist_id, variant_id, quantity, position, added_at, updated_at)"
        " select $1, id, $2, 1, 1, now(), now() from wishlist",
        uuid7(),
        variant,
    )
    await migrate.downgrade(database_url, settings, "0005")
    assert await connection.fetchval("select to_regclass('wishlist')") is None
    # Nothing that is left calls what is gone.
    await connection.execute("update stock set on_hand = 0")
    await connection.execute("update variant set is_sellable = false")
    await migrate.upgrade(database_url, settings)
    await connection.execute("update stock set on_hand = 5")
    assert await connection.fetchval("select count(*) from wishlist_task") == 1
    await connection.close()
