"""Products as shoppers see them and staff change them."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from pannier.catalog import CatalogService, Cause, known_variants, seed_demo
from pannier.catalog.errors import (
    DuplicateVariantError,
    InvalidCursorError,
    InvalidProductError,
    ProductNotFoundError,
    SlugTakenError,
    VariantNotFoundError,
)
from pannier.catalog.intake import changes
from pannier.catalog.models import Image, NewProduct, NewVariant, Product
from pannier.catalog.schemas import ProductChangesBody
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.catalog.stock import LedgerStock

STAFF = Cause("tester", "laptop", "request-1")


@pytest.fixture
def catalog(db: Database, settings: Settings) -> CatalogService:
    return CatalogService(db, settings, LedgerStock())


async def made(catalog: CatalogService, name: str = "Lamp", *variants: NewVariant, **values: Any) -> Product:
    return await catalog.create_product(NewProduct(name, variants or (NewVariant(5000, quantity=3),), **values), STAFF)


async def events(db: Database) -> list[tuple[object, ...]]:
    async with db.read() as connection:
        rows = await connection.fetch("select type, version, data, actor, correlation_id from event order by version")
    return [tuple(row) for row in rows]


async def test_a_product_is_made_with_price_stock_and_category(catalog: CatalogService, db: Database) -> None:
    product = await made(
        catalog,
        "Oak & Co. Lamp",
        NewVariant(price_minor=5000, compare_at_minor=7000, quantity=3, sku="L", options=(("Colour", "Red"),)),
        NewVariant(price_minor=6000, is_tracked=False, options=(("Colour", "Blue"),), is_taxable=False),
        product_type="Lighting",
        description="<p>Tall</p>",
        images=(Image("/a.jpg", "A lamp"),),
    )
    assert (product.slug, product.summary, product.categories) == ("oak-co-lamp", "Tall", ("Lighting",))
    red, blue = product.variants
    assert (red.amount_minor, red.compare_at_minor, red.options) == (5000, 7000, (("Colour", "Red"),))
    assert (red.availability.status, red.availability.available) == ("low_stock", 3)
    assert (blue.availability.status, blue.availability.available) == ("in_stock", None)
    assert await events(db) == [("product.created", 1, {"slug": "oak-co-lamp"}, "tester", "request-1")]
    async with db.read() as connection:
        assert await connection.fetchval("select display->>8 from variant where sku is null") == ""


async def test_shoppers_see_what_is_on_show_and_staff_see_all(catalog: CatalogService) -> None:
    await made(catalog, "Shown")
    await made(catalog, "Draft", status="draft")
    await made(catalog, "Hidden", is_published=False)
    await made(catalog, "Gone", status="discontinued")
    shown = await catalog.list_products()
    assert [card.name for card in shown.products] == ["Shown"]
    every = await catalog.list_products(is_staff=True)
    assert [card.name for card in every.products] == ["Shown", "Draft", "Hidden", "Gone"]
    assert [c.name for c in (await catalog.list_products(is_staff=True, status="draft")).products] == ["Draft"]
    for slug in ("draft", "hidden", "nothing"):
        with pytest.raises(ProductNotFoundError):
            await catalog.get_product(slug)
    gone = await catalog.get_product("gone")
    assert gone.variants[0].availability.status == "unavailable"
    assert (await catalog.get_product("draft", is_staff=True)).name == "Draft"


async def test_pages_follow_each_other_without_gap_or_repetition(catalog: CatalogService) -> None:
    for number in range(5):
        await made(catalog, f"P{number}")
    names, cursor = [], None
    for _ in range(3):
        page = await catalog.list_products(limit=2, cursor=cursor)
        names += [card.name for card in page.products]
        cursor = page.next_cursor
    assert names == [f"P{number}" for number in range(5)]
    assert cursor is None


@pytest.mark.parametrize("cursor", ["x", "!!!!", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk6MDA", "\x00", "é"])
async def test_a_cursor_that_no_page_gave_is_refused(catalog: CatalogService, cursor: str) -> None:
    with pytest.raises(InvalidCursorError):
        await catalog.list_products(cursor=cursor)


async def test_a_category_narrows_the_list(catalog: CatalogService) -> None:
    await made(catalog, "Mug", product_type="Kitchen")
    await made(catalog, "Lamp", product_type="Lighting")
    assert [card.name for card in (await catalog.list_products(category="lighting")).products] == ["Lamp"]


async def test_a_card_shows_the_range_of_prices_and_the_best_availability(catalog: CatalogService) -> None:
    await made(
        catalog,
        "Lamp",
        NewVariant(price_minor=6000, quantity=0, options=(("S", "a"),)),
        NewVariant(price_minor=5000, compare_at_minor=7000, quantity=9, options=(("S", "b"),)),
    )
    (card,) = (await catalog.list_products()).products
    assert (card.amount_minor, card.amount_max_minor, card.compare_at_minor) == (5000, 6000, 7000)
    assert (card.availability.status, card.availability.available, card.variant_count) == ("in_stock", 9, 2)


async def test_a_changed_price_shows_at_once_where_carts_look(catalog: CatalogService, db: Database) -> None:
    product = await made(catalog)
    variant = product.variants[0].id
    await catalog.update_variant(variant, {"price_minor": 4500, "compare_at_minor": 5000}, STAFF)
    async with db.read() as connection:
        assert await connection.fetchval("select plain_prices from variant") == {"USD": [4500, 5000]}
    await catalog.update_variant(variant, {"compare_at_minor": None}, STAFF)
    assert (await catalog.get_product("lamp")).variants[0].compare_at_minor is None
    kinds = await events(db)
    assert [event[0] for event in kinds] == ["product.created", "variant.updated", "variant.updated"]
    assert kinds[1][2] == {
        "variant_id": str(variant),
        "changed": ["compare_at_minor", "price_minor"],
        "prices": {"amount_before": 5000, "amount": 4500, "compare_at_before": None, "compare_at": 5000},
    }


async def test_a_product_changes_only_what_was_sent(catalog: CatalogService) -> None:
    product = await made(catalog, vendor="V", product_type="Old", tags=("a",))
    changed = await catalog.update_product(
        product.id,
        {"name": "Big lamp", "product_type": "New", "status": "archived", "images": [Image("/b.jpg", "")]},
        STAFF,
    )
    assert (changed.name, changed.slug, changed.vendor, changed.tags) == ("Big lamp", "lamp", "V", ("a",))
    assert (changed.status, changed.categories, changed.version) == ("archived", ("New",), 2)
    assert [image.url for image in changed.images] == ["/b.jpg"]
    assert not changed.variants[0].is_sellable


async def test_a_variant_off_sale_is_for_staff_only(catalog: CatalogService) -> None:
    product = await made(
        catalog,
        "Lamp",
        NewVariant(price_minor=1, options=(("S", "a"),)),
        NewVariant(price_minor=2, options=(("S", "b"),)),
    )
    await catalog.update_variant(product.variants[0].id, {"is_active": False}, STAFF)
    assert len((await catalog.get_product("lamp")).variants) == 1
    assert len((await catalog.get_product("lamp", is_staff=True)).variants) == 2


async def test_a_variant_is_added_with_opening_stock(catalog: CatalogService) -> None:
    product = await made(catalog)
    added = await catalog.add_variant(product.id, NewVariant(price_minor=1, quantity=8, options=(("S", "b"),)), STAFF)
    assert [variant.availability.available for variant in added.variants] == [3, 8]
    assert added.version == 2


async def test_refusals(catalog: CatalogService) -> None:
    product = await made(catalog)
    nobody = uuid.UUID(int=1)
    with pytest.raises(SlugTakenError) as taken:
        await made(catalog)
    assert taken.value.details == {"product_id": str(product.id)}
    with pytest.raises(InvalidProductError):
        await made(catalog, "…")
    with pytest.raises(DuplicateVariantError):
        await catalog.add_variant(product.id, NewVariant(price_minor=1), STAFF)
    with pytest.raises(InvalidProductError):
        await catalog.add_variant(
            product.id, NewVariant(price_minor=1, options=tuple((c * 100, "é" * 100) for c in "abcdefgh")), STAFF
        )
    with pytest.raises(ProductNotFoundError):
        await catalog.update_product(nobody, {"name": "x"}, STAFF)
    with pytest.raises(VariantNotFoundError):
        await catalog.update_variant(nobody, {"price_minor": 1}, STAFF)
    with pytest.raises(InvalidProductError):
        changes(ProductChangesBody(name=None))
    other = await made(catalog, "Other")
    with pytest.raises(SlugTakenError):
        await catalog.update_product(other.id, {"slug": "lamp"}, STAFF)


async def test_a_refused_change_leaves_nothing_behind(catalog: CatalogService, db: Database) -> None:
    with pytest.raises(DuplicateVariantError):
        await made(catalog, "Twice", NewVariant(price_minor=1), NewVariant(price_minor=2))
    async with db.read() as connection:
        assert await connection.fetchval("select count(*) from product") == 0
    assert await events(db) == []


async def test_known_variants(catalog: CatalogService, db: Database) -> None:
    variant = (await made(catalog)).variants[0].id
    async with db.read() as connection:
        assert await known_variants(connection, [variant, uuid.UUID(int=1)]) == {variant}


async def test_a_slug_may_look_like_an_id(catalog: CatalogService) -> None:
    slug = "0193e0a0-0000-7000-8000-000000000001"
    await made(catalog, slug=slug)
    assert (await catalog.get_product(uuid.UUID(slug))).slug == slug


@pytest.mark.parametrize("currency", ["USD", "JPY", "KWD"])
async def test_the_demo_catalogue_fills_an_empty_shop_and_leaves_others_alone(
    db: Database, settings: Settings, currency: str
) -> None:
    report = await seed_demo(db, LedgerStock(), currency=currency)
    assert report is not None
    assert (report.created, report.file.problems.count, report.file.warnings.count) == (12, 0, 0)
    assert await seed_demo(db, LedgerStock(), currency=currency) is None
    shown = CatalogService(db, settings.model_copy(update={"currency": currency}), LedgerStock())
    cards = (await shown.list_products()).products
    assert {card.availability.status for card in cards} == {"in_stock", "low_stock", "out_of_stock"}
    assert [card.slug for card in cards if card.compare_at_minor is not None] == ["table-lamp"]


async def test_a_variant_without_a_price_is_shown_and_has_none(catalog: CatalogService) -> None:
    product = await made(catalog, "Unpriced", NewVariant(None))

    assert product.variants[0].amount_minor is None
    assert (await catalog.get_product(product.slug)).variants[0].amount_minor is None


async def test_a_product_is_in_the_categories_that_staff_choose_and_in_its_type_s(
    catalog: CatalogService, db: Database
) -> None:
    product = await made(catalog, "Lamp", product_type="Lighting", categories=("Sale", "For the hall"))
    assert sorted(product.categories) == ["For the hall", "Lighting", "Sale"]

    changed = await catalog.update_product(product.id, {"categories": ("Sale", "New")}, STAFF)

    assert sorted(changed.categories) == ["Lighting", "New", "Sale"]
    with pytest.raises(InvalidProductError):
        await catalog.update_product(product.id, {"categories": ("!!!",)}, STAFF)


async def test_what_prices_and_shipping_need_of_a_product_is_kept(catalog: CatalogService, db: Database) -> None:
    product = await made(
        catalog, "Lamp", NewVariant(5000, floor_minor=4000), shipping_category="bulky", channels=("web",)
    )
    assert product.channels == ("web",)
    changed = await catalog.update_product(product.id, {"channels": None, "shipping_category": None}, STAFF)
    assert changed.channels is None
    await catalog.update_variant(product.variants[0].id, {"floor_minor": None}, STAFF)
    async with db.read() as connection:
        row = await connection.fetchrow("select v.floor_minor, p.shipping_category from variant v, product p")
    assert row is not None
    assert tuple(row) == (None, None)
