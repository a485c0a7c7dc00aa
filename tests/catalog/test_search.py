"""The search of a shop with a few products: what is found, in which order, and what is kept right."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from pannier.app.audit import audit, repair
from pannier.catalog import Browse, CatalogService, Cause, Listing, Product, ProductBrowser, Sort, catch_up
from pannier.catalog.models import NewProduct, NewVariant
from pannier.kernel.clock import ManualClock
from pannier.kernel.ids import uuid7
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.catalog.stock import LedgerStock

STAFF = Cause("staff-1")
#: name: what else it has.
THINGS: Mapping[str, dict[str, Any]] = {
    "Table lamp": {"product_type": "Lighting", "tags": ("brass", "Schöner Wohnen"), "vendor": "Leuchtwerk"},
    "Floor lamp": {"product_type": "Lighting", "description": "<p>Stands beside a table &amp; reads along.</p>"},
    "Lampshade": {"product_type": "Lighting", "quantity": 0},
    "Oak table": {"product_type": "Furniture", "price_minor": 9000, "compare_at_minor": 12000},
    "Crème brûlée dish": {"product_type": "Kitchen", "options": (("Größe", "Groß"),), "sku": "DISH-12/34"},
    "Kettle": {
        "product_type": "Kitchen",
        "price_minor": 2500,
        "barcode": "4006381333931",
        "options": (("Colour", "Red"),),
    },
    "Headphones": {"price_minor": 500, "quantity": 0},
    "黒いランプ": {"product_type": "照明"},
}


@pytest.fixture
def catalog(db: Database, settings: Settings) -> CatalogService:
    return CatalogService(db, settings, LedgerStock())


@pytest_asyncio.fixture
async def browser(db: Database, settings: Settings, catalog: CatalogService) -> ProductBrowser:
    for number, (name, values) in enumerate(THINGS.items()):
        await make(catalog, name, number, **values)
    await catch_up(db)
    return ProductBrowser(db, settings, LedgerStock())


async def make(catalog: CatalogService, name: str, number: int = 0, **values: Any) -> Product:
    of_variant: dict[str, Any] = {"price_minor": 1000 + number, "quantity": 9}
    for field in ("sku", "barcode", "options", "quantity", "price_minor", "compare_at_minor"):
        if field in values:
            of_variant[field] = values.pop(field)
    return await catalog.create_product(
        NewProduct(name, (NewVariant(**of_variant),), slug=f"p{number}-{uuid7().hex[-6:]}", **values), STAFF
    )


def names(found: Listing) -> list[str]:
    return [card.name for card in found.products]


async def search(browser: ProductBrowser, text: str, **values: Any) -> Listing:
    return await browser.browse(Browse(text=text, sort=values.pop("sort", "relevance"), **values))


@pytest.mark.parametrize(
    "text, expected",
    [
        ("lamp", ["Table lamp", "Floor lamp", "Lampshade"]),
        ("LAMP table", ["Table lamp", "Floor lamp"]),
        ("lam", ["Table lamp", "Floor lamp", "Lampshade"]),
        ("tab lamp", []),
        ("brass", ["Table lamp"]),
        ("schoner wohnen", ["Table lamp"]),
        ("SCHÖNER", ["Table lamp"]),
        ("leuchtw", ["Table lamp"]),
        ("furniture", ["Oak table"]),
        ("reads along", ["Floor lamp"]),
        ("amp", []),
        ("creme brulee", ["Crème brûlée dish"]),
        ("CRÈME BRÛLÉE", ["Crème brûlée dish"]),
        ("gross", ["Crème brûlée dish"]),
        ("dish-12", ["Crème brûlée dish"]),
        ("dish12", ["Crème brûlée dish"]),
        ("12 34", ["Crème brûlée dish"]),
        ("4006381333931", ["Kettle"]),
        ("40063", ["Kettle"]),
        ("red", ["Kettle"]),
        ("ランプ", ["黒いランプ"]),
        ("黒", ["黒いランプ"]),
        ("照明", ["黒いランプ"]),
        ("zzzz", []),
    ],
)
async def test_what_is_found(browser: ProductBrowser, text: str, expected: list[str]) -> None:
    found = await search(browser, text)
    assert names(found) == expected
    assert found.corrections == ()
    assert not found.is_wordless


@pytest.mark.parametrize(
    "typed, used, expected",
    [
        ("lmap", "lamp", "Table lamp"),
        ("lampp", "lamp", "Table lamp"),
        ("kettel", "kettle", "Kettle"),
        ("ketle", "kettle", "Kettle"),
        ("kettlee", "kettle", "Kettle"),
        ("kezzle", None, None),
        ("kattle", "kettle", "Kettle"),
        ("hedphnes", "headphones", "Headphones"),
        ("haedphonse", "headphones", "Headphones"),
        ("bruelee", "brulee", "Crème brûlée dish"),
        ("oka", None, None),
        ("table lmap", "lamp", "Table lamp"),
        ("tabel lamp", "table", "Table lamp"),
    ],
)
async def test_slips_of_the_finger(browser: ProductBrowser, typed: str, used: str | None, expected: str | None) -> None:
    found = await search(browser, typed)
    assert [told.used[0] for told in found.corrections] == ([used] if used else [])
    assert names(found)[:1] == ([expected] if expected else [])


async def test_words_that_nobody_has_together_are_taken_for_others(
    browser: ProductBrowser, catalog: CatalogService, db: Database
) -> None:
    await make(catalog, "Stable door", 50)
    await catch_up(db)
    found = await search(browser, "oak stable")
    assert (found.corrections[0].word, found.corrections[0].used) == ("stable", ("table",))
    assert names(found) == ["Oak table"]


async def test_better_matches_come_first_and_what_is_sold_out_last_of_its_kind(
    browser: ProductBrowser, catalog: CatalogService, db: Database
) -> None:
    await make(catalog, "Lamp in black", 60, quantity=0)
    await make(catalog, "Rug", 61, description="Goes with a lamp.")
    await make(catalog, "Shelf", 62, tags=("lamplight",))
    await catch_up(db)
    assert names(await search(browser, "lamp")) == [
        "Table lamp", "Floor lamp", "Lamp in black", "Rug", "Lampshade", "Shelf",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "wanted, expected",
    [
        ({"categories": ("lighting",)}, ["Table lamp", "Floor lamp", "Lampshade"]),
        ({"categories": ("kitchen", "furniture")}, ["Oak table", "Crème brûlée dish", "Kettle"]),
        ({"categories": ("nothing", "it's \\ \" & | !")}, []),
        ({"tags": ("BRASS",)}, ["Table lamp"]),
        ({"options": ("colour=red",)}, ["Kettle"]),
        ({"options": ("Colour=Red", "Colour=Blue")}, ["Kettle"]),
        ({"options": ("Colour=Red", "Größe=Groß")}, []),
        ({"price_min": 2500}, ["Oak table", "Kettle"]),
        ({"price_min": 1002, "price_max": 2500}, ["Lampshade", "Crème brûlée dish", "Kettle", "黒いランプ"]),
        ({"price_max": 499}, []),
        ({"on_sale": True}, ["Oak table"]),
        ({"in_stock": True, "categories": ("lighting",)}, ["Table lamp", "Floor lamp"]),
        ({"in_stock": True, "price_max": 1000}, ["Table lamp"]),
        ({"text": "lamp", "in_stock": True, "sort": "price-desc"}, ["Floor lamp", "Table lamp"]),
        ({"text": "table", "on_sale": True, "price_max": 9000}, ["Oak table"]),
        ({"sort": "price", "price_min": 1004}, ["Crème brûlée dish", "黒いランプ", "Kettle", "Oak table"]),
        ({"sort": "name", "categories": ("kitchen",)}, ["Crème brûlée dish", "Kettle"]),
        ({"sort": "newest", "in_stock": True, "price_min": 1005}, ["黒いランプ", "Kettle", "Oak table"]),
    ],
)  # fmt: skip
async def test_filters(browser: ProductBrowser, wanted: dict[str, Any], expected: Sequence[str]) -> None:
    assert names(await browser.browse(Browse(**wanted))) == list(expected)


@pytest.mark.parametrize("text", ["", "!?…", "  ", "'\"&|!():*<->\\", "　", "-", "&amp;"[:1]])
async def test_a_text_without_words_finds_nothing_and_says_so(browser: ProductBrowser, text: str) -> None:
    found = await search(browser, text)
    assert found.is_wordless == bool(text)
    assert (names(found) == []) == bool(text)


@pytest.mark.parametrize(
    "text",
    [
        "lamp' | 'x", "lamp & !table", "lamp:*", "lamp:A", "<-> lamp", "a" * 10_000, "lamp " * 2_000, "\\", "\\'", "'",
        "%_", "ﷺ", "e\u0301" * 300, "\u202e\u200b", "🛋 lamp", "ſtraße", "İ", "\ud7ff", "x\ty\nz",
        "); drop table product; --",
    ],
)  # fmt: skip
async def test_hostile_words_are_words(browser: ProductBrowser, text: str) -> None:
    found = await search(browser, text)
    assert len(found.products) <= len(THINGS)
    assert names(await search(browser, "kettle")) == ["Kettle"]


async def test_the_price_of_now_counts(
    browser: ProductBrowser, catalog: CatalogService, db: Database, clock: ManualClock
) -> None:
    product = await make(catalog, "Advent star", 70, price_minor=5000)
    begin, end = clock.now() + timedelta(days=1), clock.now() + timedelta(days=2)
    async with db.read() as connection:
        await connection.execute(
            "insert into price (id, variant_id, currency, amount_minor, compare_at_minor, valid_from, valid_to)"
            " values ($1, $2, 'USD', 3000, 5000, $3, $4)",
            uuid7(), product.variants[0].id, begin, end,
        )  # fmt: skip
        await connection.execute("select catalog_refresh_display(array[$1::uuid])", product.id)
    cheap = Browse(text="star", price_max=3000, on_sale=True)
    assert names(await browser.browse(cheap)) == []
    clock.advance(timedelta(days=1))
    assert names(await browser.browse(cheap)) == ["Advent star"]
    assert names(await browser.browse(Browse(sort="price-desc")))[:2] == ["Oak table", "Advent star"]
    clock.advance(timedelta(days=1))
    assert names(await browser.browse(cheap)) == []
    assert (await audit(db)).is_clean


async def test_a_channel_has_its_own_prices_and_products(
    browser: ProductBrowser, catalog: CatalogService, db: Database, settings: Settings
) -> None:
    both, web = await make(catalog, "Both", 80, price_minor=800), await make(catalog, "Web", 81, price_minor=801)
    async with db.read() as connection:
        await connection.execute("insert into channel (code, name) values ('web', 'Web'), ('store', 'Store')")
        await connection.execute(
            "insert into price (id, variant_id, currency, channel, amount_minor) values ($1, $2, 'USD', 'web', 700)",
            uuid7(), both.variants[0].id,
        )  # fmt: skip
        await connection.execute("update product set channels = '{web}' where id = $1", web.id)
        await connection.execute("select catalog_refresh_display(array[$1::uuid, $2])", both.id, web.id)
    under = Browse(price_min=600, price_max=802)
    shops = {name: settings.model_copy(update={"channel": name}) for name in ("web", "store")}
    found = {name: await ProductBrowser(db, shop, LedgerStock()).browse(under) for name, shop in shops.items()}
    assert {name: [(c.name, c.amount_minor) for c in page.products] for name, page in found.items()} == {
        "web": [("Both", 700), ("Web", 801)], "store": [("Both", 800)],
    }  # fmt: skip
    assert (await audit(db)).is_clean


async def test_a_currency_without_prices_still_shows_what_there_is(
    browser: ProductBrowser, db: Database, settings: Settings
) -> None:
    other = ProductBrowser(db, settings.model_copy(update={"currency": "EUR"}), LedgerStock())
    sorts: tuple[Sort, ...] = ("price", "price-desc", "featured")
    for sort in sorts:
        page = await other.browse(Browse(sort=sort))
        assert set(names(page)) == set(THINGS)
    assert names(await other.browse(Browse(price_min=1))) == []


async def test_what_carts_hold_is_not_in_stock(browser: ProductBrowser, db: Database) -> None:
    kettle = (await search(browser, "kettle")).products[0].default_variant_id
    async with db.read() as connection:
        await connection.execute("update stock set held = on_hand where variant_id = $1", kettle)
    assert names(await search(browser, "kettle", in_stock=True)) == []
    assert names(await search(browser, "kettle")) == ["Kettle"]


async def test_what_came_into_stock_is_found_before_the_index_was_told(browser: ProductBrowser, db: Database) -> None:
    shade = (await search(browser, "lampshade")).products[0].default_variant_id
    async with db.read() as connection:
        await connection.execute("update stock set on_hand = 5 where variant_id = $1", shade)
        assert await connection.fetchval("select not is_stocked from product_search where name_key = 'lampshade'")
    assert names(await search(browser, "lampshade", in_stock=True)) == ["Lampshade"]
    assert await catch_up(db) == 1
    async with db.read() as connection:
        assert await connection.fetchval("select is_stocked from product_search where name_key = 'lampshade'")
        await connection.execute("update stock set on_hand = 4 where variant_id = $1", shade)
    # Neither the first unit nor the last: nothing to tell.
    assert await catch_up(db) == 0


async def test_every_change_is_found_at_once(browser: ProductBrowser, catalog: CatalogService, db: Database) -> None:
    product = await make(catalog, "Wicker basket", 90)
    assert names(await search(browser, "wicker")) == ["Wicker basket"]
    await catalog.update_product(product.id, {"name": "Willow basket", "tags": ("handmade",)}, STAFF)
    assert names(await search(browser, "wicker")) == []
    assert names(await search(browser, "handmade willow")) == ["Willow basket"]
    await catalog.update_variant(product.variants[0].id, {"price_minor": 7, "sku": "WB-7"}, STAFF)
    assert names(await search(browser, "wb7", price_max=7)) == ["Willow basket"]
    await catalog.update_product(product.id, {"status": "draft"}, STAFF)
    assert names(await search(browser, "willow")) == []
    await catch_up(db)
    assert (await audit(db)).is_clean


async def test_a_damaged_index_is_seen_and_rebuilt(browser: ProductBrowser, db: Database) -> None:
    assert (await audit(db)).is_clean
    async with db.read() as connection:
        await connection.execute("update product_search set document = '''wrong''' where name_key = 'kettle'")
        await connection.execute("update product_search set is_stocked = false where name_key = 'table lamp'")
        await connection.execute("delete from product_search where name_key = 'oak table'")
        await connection.execute("update product_offer set amounts = '{1}' where amount_min = 2500")
        await connection.execute("insert into product_offer select $1, currency, channel, other_channels, valid_from,"
            " valid_to, 1, 1, amounts, true from product_offer limit 1", uuid.UUID(int=9))  # fmt: skip
        await connection.execute("delete from search_word where word = 'lamp'")
        await connection.execute("insert into search_word values ('nothing', '{1}')")
    broken = await audit(db)
    assert {breach.name for breach in broken.breaches} == {"search.products", "search.words"}
    mended = await repair(db)
    assert mended.is_clean
    assert [repair.get("word") for repair in mended.repairs] == [None] * 4 + ["lamp", "nothing"]
    assert names(await search(browser, "kettle oak")) == []
    assert names(await search(browser, "kettle")) == ["Kettle"]
    async with db.read() as connection:
        assert not await connection.fetchval("select exists (select 1 from search_word where word = 'nothing')")


async def test_what_was_there_before_the_search_is_taken_in(browser: ProductBrowser, db: Database) -> None:
    async with db.read() as connection:
        await connection.execute("truncate product_search, product_offer, search_word, search_task")
        await connection.execute("insert into search_task (kind, subject) select 'product', id from product")
    assert (await audit(db)).is_clean
    # Its words are another task of each.
    assert await catch_up(db, batch=3) == 2 * len(THINGS)
    assert names(await search(browser, "lmap"))[0] == "Table lamp"
    assert (await audit(db)).is_clean


async def test_what_somebody_is_writing_is_taken_in_later(browser: ProductBrowser, db: Database) -> None:
    async with db.pool.acquire() as writer:
        transaction = writer.transaction()
        await transaction.start()
        await writer.execute("update product set vendor = 'V' where name = 'Lampshade'")
        async with db.read() as connection:
            await connection.execute("update stock set on_hand = 5 where on_hand = 0")
        assert await catch_up(db) == 1
        await transaction.rollback()
    assert await catch_up(db) == 1
    assert not [breach for breach in (await audit(db)).breaches if breach.name.startswith("search.")]
