"""The history of prices: whatever changes one, who and why and when is kept with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest_asyncio

from pannier.catalog import ImportOptions, import_shopify
from pannier.catalog.price_history_api import PriceHistoryPage
from pannier.kernel.clock import ManualClock
from pannier.kernel.ids import uuid7
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.catalog.stock import LedgerStock
from tests.promotions.desk import fetch, made, staff_desk

CSV = b"Handle,Title,Variant Price,Variant Compare At Price\nlamp,Lamp,%s,\nvase,Vase,5.00,\n"


@pytest_asyncio.fixture
async def client(settings: Settings, clock: ManualClock) -> AsyncIterator[httpx.AsyncClient]:
    async with staff_desk(settings, clock) as desk:
        yield desk


async def test_every_change_is_kept_and_any_day_can_be_asked_for(client: httpx.AsyncClient, clock: ManualClock) -> None:
    before = clock.now().isoformat()
    product = await made(client, "/products", name="Lamp", variants=[{"sku": "L", "price": 4900}])
    variant, path = product["variants"][0]["id"], f"/products/{product['id']}/price-history"
    clock.advance(timedelta(days=10))
    first_days = clock.now()
    for price, reason in ((3900, "Spring sale"), (3900, "the same"), (4500, "")):
        clock.advance(timedelta(days=10))
        changed = await client.patch(f"/variants/{variant}", json={"price": price, "reason": reason})
        assert changed.status_code == 200, changed.text

    page = PriceHistoryPage.model_validate_json((await client.get(path)).content)
    assert [(one.amount_before, one.amount, one.compare_at, one.reason) for one in page.changes] == [
        (3900, 4500, None, ""), (4900, 3900, None, "Spring sale"), (None, 4900, None, ""),
    ]  # fmt: skip
    assert {one.actor for one in page.changes} == {"admin"}
    assert page.changes[1].at - page.changes[2].at > timedelta(days=19)
    for moment, amounts in ((before, []), (first_days.isoformat(), [4900]), (clock.now().isoformat(), [4500])):
        then = await client.get(path, params={"at": moment})
        assert [one["amount"] for one in then.json()["changes"]] == amounts, moment
    second = (await client.get(f"{path}?limit=3&cursor={page.changes[0].id}&variant_id={variant}")).json()
    assert ([one["id"] for one in second["changes"]], second["next_cursor"]) == ([p.id for p in page.changes[1:]], None)
    assert (await client.get(f"{path}?variant_id={uuid7()}")).json()["changes"] == []
    assert (await client.get(f"/products/{uuid7()}/price-history")).json()["error"] == "PRODUCT_NOT_FOUND"


async def test_an_import_says_that_it_was_one_and_keeps_what_it_changed_only(db: Database) -> None:
    for price in (b"10.00", b"10.00", b"8.00"):
        await import_shopify(db, LedgerStock(), CSV % price, options=ImportOptions(currency="USD"), actor="cli:ann")
    rows = await fetch(db, "select amount_before, amount_after, actor, reason from price_history order by id")
    assert sorted((row["amount_before"] or 0, row["amount_after"]) for row in rows) == [
        (0, 500),
        (0, 1000),
        (1000, 800),
    ]
    assert {(row["actor"], row["reason"]) for row in rows} == {("cli:ann", "catalogue import")}


async def test_a_price_that_is_taken_away_was_there_until_then(db: Database, client: httpx.AsyncClient) -> None:
    product = await made(client, "/products", name="Lamp", variants=[{"sku": "L", "price": 4900}])
    async with db.read() as connection:
        await connection.execute("update price set compare_at_minor = 9900")
        await connection.execute("delete from price")
        then = await connection.fetchval("select clock_timestamp()")
    path = f"/products/{product['id']}/price-history"
    (gone, struck, new) = (await client.get(path)).json()["changes"]
    assert (gone["amount_before"], gone["amount"], struck["compare_at"], new["amount"]) == (4900, None, 9900, 4900)
    # Nobody said who it was, so it is whoever the database let in.
    assert (gone["actor"].partition(":")[0], new["actor"]) == ("database", "admin")
    assert (await client.get(path, params={"at": then.isoformat()})).json()["changes"] == []
