"""Being told of what came back or became cheaper: who asked, once, and no longer than wanted."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from pannier.kernel.clock import ManualClock
from pannier.kernel.ids import uuid7
from pannier.platform.database import Database
from pannier.wishlist import NoticeService
from tests.support.accounts import AccountShop
from tests.support.books import faults
from tests.support.catalogue import make_product
from tests.support.wishers import JANE, Wisher, reprice, restock

STOCK, PRICE = {"back_in_stock": True}, {"price_drop": True}


class News:
    """What the shop finds and sends."""

    def __init__(self, shop: AccountShop) -> None:
        self.shop = shop
        self.service: NoticeService = shop.app.state.pannier.notices

    async def told(self) -> list[str]:
        """Look, send, and answer the subjects of the mails that went out."""
        await self.service.look()
        before = len(self.shop.mailbox.letters)
        await self.service.send_due(self.shop.mailbox)
        return [letter.subject for letter in self.shop.mailbox.letters[before:]]

    async def events(self) -> list[str]:
        async with self.shop.db.read() as connection:
            rows = await connection.fetch("select type from event where actor = 'system' order by at, version")
        return [row["type"] for row in rows if row["type"].startswith("wishlist")]


@pytest.fixture
def news(shop: AccountShop) -> News:
    return News(shop)


async def test_what_is_back_is_told_once(jane: Wisher, news: News, db: Database) -> None:
    variant = await make_product(db, on_hand=0, name="Oak stool")
    item = await jane.wish(variant, notify=STOCK)
    assert item["notify"] == {"back_in_stock": True, "price_drop": False}
    assert await news.told() == []
    await restock(db, variant, 3)
    assert await news.told() == ["Oak stool is back in stock"]
    await restock(db, variant, 3)
    assert await news.told() == []
    assert await news.events() == ["wishlist.back_in_stock"]
    await restock(db, variant, -6)
    await restock(db, variant, 1)
    assert await news.told() == ["Oak stool is back in stock"], "gone and there again is news, also between two looks"
    assert await faults(db) == {}


async def test_nobody_is_told_who_did_not_ask(jane: Wisher, news: News, db: Database) -> None:
    variant = await make_product(db, on_hand=0)
    item = await jane.wish(variant)
    await jane.send("PATCH", f"/wishlists/default/items/{item['id']}", {"notify": STOCK})
    await jane.send("PATCH", f"/wishlists/default/items/{item['id']}", {"notify": {"back_in_stock": False}})
    await restock(db, variant, 3)
    await reprice(db, variant, 1)
    assert await news.told() == []


async def test_what_a_hold_let_go_is_back_for_who_saw_it_sold_out(jane: Wisher, news: News, db: Database) -> None:
    variant = await make_product(db, on_hand=1)
    early, late = await make_product(db, on_hand=1), variant
    await jane.wish(early, notify=STOCK)
    for wanted in (early, late):
        await jane.send("POST", "/cart/items", {"variant_id": str(wanted)})
    await jane.wish(late, notify=STOCK)
    await jane.send("DELETE", "/cart")
    # The other one was on the shelf all the time.
    assert len(await news.told()) == 1
    assert str(late) in news.shop.mailbox.letters[-1].text


async def test_what_costs_less_is_told_and_again_only_when_it_is_still_less(
    jane: Wisher, news: News, db: Database
) -> None:
    variant = await make_product(db, price_minor=2000, name="Lamp")
    await jane.wish(variant, notify=PRICE)
    for price, is_news in ((2000, 0), (1500, 1), (1500, 0), (1700, 0), (1600, 1), (3000, 0), (2100, 0), (1900, 1)):
        await reprice(db, variant, price)
        assert len(await news.told()) == is_news, price
    text = news.shop.mailbox.letters[-1].text
    assert "Lamp costs 19.00 USD now, it was 20.00 USD." in text
    assert await faults(db) == {}


async def test_a_sale_that_begins_by_itself_is_told(jane: Wisher, news: News, db: Database, clock: ManualClock) -> None:
    variant = await make_product(db, price_minor=2000)
    await jane.wish(variant, notify=PRICE)
    now = clock.now()
    async with db.read() as connection, connection.transaction():
        await connection.execute(
            "insert into price (id, variant_id, currency, amount_minor, valid_from, valid_to)"
            " values ($1, $2, 'USD', 1500, $3, $4)",
            uuid7(),
            variant,
            now + timedelta(days=1),
            now + timedelta(days=2),
        )
        await connection.execute("select catalog_refresh_display(array(select id from product))")
    assert await news.told() == []
    clock.advance(timedelta(days=1, minutes=1))
    assert len(await news.told()) == 1
    clock.advance(timedelta(days=1))
    assert await news.told() == []


async def test_cheaper_but_sold_out_waits_until_it_is_there(jane: Wisher, news: News, db: Database) -> None:
    variant = await make_product(db, on_hand=0, price_minor=2000)
    await jane.wish(variant, notify=PRICE | STOCK)
    await reprice(db, variant, 1000)
    assert await news.told() == []
    await restock(db, variant, 1)
    assert len(await news.told()) == 1
    assert await news.events() == ["wishlist.back_in_stock", "wishlist.price_dropped"]
    text = news.shop.mailbox.letters[-1].text
    assert "is back in stock" in text
    assert "costs 10.00 USD now" in text


async def test_what_is_no_longer_wanted_or_true_is_not_sent(jane: Wisher, news: News, db: Database) -> None:
    gone, off, moved = [await make_product(db, on_hand=0, name=name) for name in ("Gone", "Off", "Moved")]
    items = {variant: (await jane.wish(variant, notify=STOCK))["id"] for variant in (gone, off, moved)}
    for variant in items:
        await restock(db, variant, 1)
    await news.service.look()
    await restock(db, gone, -1)
    await jane.send("DELETE", f"/wishlists/default/items/{items[off]}")
    gifts = await jane.send("POST", "/wishlists", {"name": "Gifts"}, 201)
    await jane.send("PATCH", f"/wishlists/default/items/{items[moved]}", {"wishlist_id": gifts["id"]})
    assert await news.told() == ["Moved is back in stock"]
    async with db.read() as connection:
        rows = await connection.fetch("select dropped, sent_at is not null as is_sent from wishlist_notice order by 1")
    assert [tuple(row) for row in rows] == [("gone", False), ("not_wanted", False), (None, True)]


async def test_on_two_lists_it_is_told_once_and_many_things_in_one_mail(jane: Wisher, news: News, db: Database) -> None:
    variants = [await make_product(db, on_hand=0) for _ in range(3)]
    gifts = await jane.send("POST", "/wishlists", {"name": "Gifts"}, 201)
    for variant in variants:
        await jane.wish(variant, notify=STOCK)
    other = await jane.send("POST", "/wishlists", {"name": "Other"}, 201)
    await jane.wish(variants[0], other["id"], notify=STOCK)
    for variant in variants:
        await restock(db, variant, 1)
    assert await news.told() == ["News of 3 things on your wishlist at Atelier Nord"]
    assert gifts["is_default"]


async def test_two_processes_tell_nobody_twice(jane: Wisher, news: News, db: Database) -> None:
    variants = [await make_product(db, on_hand=0) for _ in range(6)]
    for variant in variants:
        await jane.wish(variant, notify=STOCK)
    for variant in variants:
        await restock(db, variant, 1)
    await asyncio.gather(*(news.service.look(batch=2) for _ in range(4)))
    while await news.service.look(batch=2):
        pass
    await asyncio.gather(*(news.service.send_due(news.shop.mailbox) for _ in range(4)))
    told = re.findall(r"variant=([0-9a-f-]{36})", "".join(letter.text for letter in news.shop.mailbox.letters))
    assert sorted(told) == sorted(str(variant) for variant in variants)
    async with db.read() as connection:
        assert await connection.fetchval("select count(*) from wishlist_notice") == len(variants)
        assert await connection.fetchval("select count(*) from wishlist_task") == 0


async def test_a_mail_that_was_not_taken_is_tried_again(
    jane: Wisher, news: News, db: Database, clock: ManualClock
) -> None:
    variant = await make_product(db, on_hand=0)
    await jane.wish(variant, notify=STOCK)
    await restock(db, variant, 1)
    news.shop.mailbox.is_down = True
    assert await news.told() == []
    news.shop.mailbox.is_down = False
    assert await news.told() == []
    clock.advance(timedelta(minutes=1))
    assert len(await news.told()) == 1
    assert await news.told() == []


async def test_one_click_ends_it_without_signing_in(jane: Wisher, news: News, db: Database) -> None:
    first, second = [await make_product(db, on_hand=0) for _ in range(2)]
    for variant in (first, second):
        await jane.wish(variant, notify=STOCK | PRICE)
    await restock(db, first, 1)
    await news.told()
    letter = news.shop.mailbox.letters[-1]
    token = news.shop.mailbox.token(JANE)
    assert letter.unsubscribe is not None
    assert letter.unsubscribe.endswith(token)
    async with db.read() as connection:
        assert token not in str(await connection.fetch("select u::text from wishlist_unsubscribe u"))
    assert await news.service.unsubscribe("lt_" + "A" * 43) is False
    assert await news.service.unsubscribe(token, is_everything=False) is True
    assert [item["notify"]["back_in_stock"] for item in await jane.items()] == [False, True]
    assert await news.service.unsubscribe(token) is True
    assert [set(item["notify"].values()) for item in await jane.items()] == [{False}, {False}]
    assert await faults(db) == {}


async def test_a_customer_of_an_outside_issuer_gets_an_event_and_no_mail(news: News, db: Database) -> None:
    variant = await make_product(db, on_hand=0)
    async with db.read() as connection:
        await connection.execute(
            "insert into wishlist (id, user_id, name, name_key, is_default, version, created_at, updated_at)"
            " values ($1, 'outside|1', 'W', 'w', true, 0, now(), now())",
            uuid7(),
        )
        await connection.execute(
            "insert into wishlist_item (id, wishlist_id, variant_id, quantity, position, stock_wanted_at, is_awaited,"
            " added_at, updated_at) select $1, id, $2, 1, 1, now(), true, now(), now() from wishlist",
            uuid7(),
            variant,
        )
    await restock(db, variant, 1)
    assert await news.told() == []
    assert await news.events() == ["wishlist.back_in_stock"]
    async with db.read() as connection:
        assert await connection.fetchval("select dropped from wishlist_notice") == "no_address"


async def test_what_is_taken_off_and_put_back_still_wants_to_be_told(jane: Wisher, news: News, db: Database) -> None:
    variant = await make_product(db, on_hand=0)
    item = await jane.wish(variant, notify=STOCK, note="n", quantity=2)
    gone = await jane.send("DELETE", f"/wishlists/default/items/{item['id']}")
    back = await jane.send("POST", f"/wishlists/{gone['id']}/undo", {"version": gone["version"]})
    kept = ("quantity", "note", "notify", "added_at", "position", "added_price")
    assert {name: back["items"][0][name] for name in kept} == {name: item[name] for name in kept}
    await restock(db, variant, 1)
    assert len(await news.told()) == 1


async def test_the_search_for_news_goes_by_indexes(db: Database) -> None:
    async with db.read() as connection:
        rows: Any = await connection.fetch(
            "select indexname from pg_indexes where tablename in ('wishlist_item', 'price') and indexdef like '%WHERE%'"
        )
        await connection.execute("set enable_seqscan = off")
        plan = await connection.fetch(
            "explain select id from wishlist_item where variant_id = $1 and stock_wanted_at is not null", UUID(int=0)
        )
    assert {row["indexname"] for row in rows} >= {"wishlist_item_wanting_stock", "wishlist_item_wanting_price"}
    assert "wishlist_item_wanting_stock" in str(plan)
