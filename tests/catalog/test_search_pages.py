"""Pages of a list: together they are the list, whatever it is filtered and sorted by, and is added meanwhile."""

from __future__ import annotations

import dataclasses
import itertools
import random
import uuid
from typing import get_args

import pytest
import pytest_asyncio

from pannier.catalog import Browse, InvalidCursorError, ProductBrowser, Sort, catch_up
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.catalog.stock import LedgerStock

PRODUCTS = 60
FILTERS = (
    Browse(), Browse(text="thing"), Browse(text="thing re"), Browse(text="thnig"), Browse(categories=("a", "b")),
    Browse(tags=("even",)), Browse(in_stock=True), Browse(on_sale=True), Browse(price_min=200, price_max=500),
    Browse(text="thing", in_stock=True, on_sale=True), Browse(categories=("a",), in_stock=True, price_min=100),
)  # fmt: skip

# Names, prices and ages that many have, so that the id decides; some have no price, and some no stock.
_MAKE = """
with made as (
  insert into product (id, slug, name, tags, position, created_at)
  select md5($2 || n)::uuid, $2 || n,
         case n % 5 when 0 then 'Red thing' when 1 then 'Thing' else 'Blue thing ' || n % 3 end,
         case n % 2 when 0 then '{even}'::text[] else '{reddish}' end, n % 7,
         '2026-01-01'::timestamptz + n % 4 * interval '1 day'
    from generate_series(1, $1) n returning id
), variants as (
  insert into variant (id, product_id) select md5('v' || id)::uuid, id from made returning id, product_id
), filed as (
  insert into product_category (product_id, category_id)
  select id, case when get_byte(uuid_send(id), 0) % 3 = 0 then $3::uuid else $4::uuid end from made
), priced as (
  insert into price (id, variant_id, currency, amount_minor, compare_at_minor)
  select md5('p' || id)::uuid, id, 'USD', 100 * (get_byte(uuid_send(id), 1) % 6),
         case when get_byte(uuid_send(id), 2) % 2 = 0 then 1000 end
    from variants where get_byte(uuid_send(id), 3) % 8 > 0
)
insert into stock (variant_id, on_hand) select id, get_byte(uuid_send(id), 4) % 3 from variants
"""
CATEGORIES = uuid.UUID(int=1), uuid.UUID(int=2)


async def grow(db: Database, prefix: str, count: int) -> None:
    async with db.read() as connection:
        await connection.execute(_MAKE, count, prefix, *CATEGORIES)
        await connection.execute("select catalog_refresh_display(array(select id from product))")
    await catch_up(db)


@pytest_asyncio.fixture
async def browser(db: Database, settings: Settings) -> ProductBrowser:
    async with db.read() as connection:
        await connection.execute(
            "insert into category (id, slug, name) values ($1, 'a', 'A'), ($2, 'b', 'B')", *CATEGORIES
        )
    await grow(db, "x", PRODUCTS)
    return ProductBrowser(db, settings, LedgerStock())


async def pages(browser: ProductBrowser, wanted: Browse, limit: int) -> list[uuid.UUID]:
    found: list[uuid.UUID] = []
    cursor = None
    for _ in range(PRODUCTS + 1):
        page = await browser.browse(wanted, cursor=cursor, limit=limit)
        found += [card.id for card in page.products]
        assert len(page.products) == limit or page.next_cursor is None
        cursor = page.next_cursor
        if cursor is None:
            return found
    raise AssertionError("the pages have no end")


async def test_the_pages_together_are_the_list(browser: ProductBrowser) -> None:
    draw = random.Random(7)
    lengths = set()
    for sort, wanted in itertools.product(get_args(Sort), FILTERS):
        asked = dataclasses.replace(wanted, sort=sort)
        whole = [card.id for card in (await browser.browse(asked, limit=PRODUCTS)).products]
        assert len(whole) == len(set(whole))
        assert await pages(browser, asked, draw.choice([1, 2, 3, 7])) == whole, asked
        lengths.add((wanted, len(whole)))
    # No order leaves anything out, and the filters do.
    assert len(lengths) == len(FILTERS)
    assert {length for _, length in lengths} > {PRODUCTS}


@pytest.mark.parametrize("sort", get_args(Sort))
async def test_what_is_added_between_pages_moves_nothing(browser: ProductBrowser, db: Database, sort: Sort) -> None:
    wanted = Browse(text="thing", sort=sort)
    before = [card.id for card in (await browser.browse(wanted, limit=100)).products]
    first = await browser.browse(wanted, limit=20)
    await grow(db, "y", 15)
    seen, cursor = [card.id for card in first.products], first.next_cursor
    while cursor:
        page = await browser.browse(wanted, cursor=cursor, limit=20)
        seen += [card.id for card in page.products]
        cursor = page.next_cursor
    assert len(seen) == len(set(seen))
    old = set(before)
    assert [id_ for id_ in seen if id_ in old] == before


async def test_a_corrected_list_stays_the_same_when_the_word_appears(browser: ProductBrowser, db: Database) -> None:
    wanted = Browse(text="thnig", sort="name")
    first = await browser.browse(wanted, limit=10)
    assert [told.used for told in first.corrections] == [("thing",)]
    async with db.read() as connection:
        await connection.execute("update product set name = 'Thnig' where slug = 'x1'")
        await connection.execute("select catalog_refresh_display(array(select id from product where slug = 'x1'))")
    second = await browser.browse(wanted, cursor=first.next_cursor, limit=10)
    assert [told.used for told in second.corrections] == [("thing",)]
    assert {card.id for card in first.products}.isdisjoint(card.id for card in second.products)
    assert len(second.products) == 10


async def test_a_cursor_is_one_of_its_own_list(browser: ProductBrowser) -> None:
    page = await browser.browse(Browse(), limit=5)
    for other in (Browse(sort="name"), Browse(text="thing"), Browse(in_stock=True)):
        with pytest.raises(InvalidCursorError):
            await browser.browse(other, cursor=page.next_cursor)
