"""Files into the database and back: what is stored, what a second import changes, what an export says."""

from __future__ import annotations

import io
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pannier.catalog.errors import ImportInProgressError
from pannier.catalog.exporting import export_shopify
from pannier.catalog.file_repository import take_import_lock
from pannier.catalog.importing import ImportReport, import_shopify
from pannier.catalog.shopify.columns import STANDARD
from pannier.catalog.shopify.models import ImportOptions
from pannier.platform.database import Database
from tests.catalog.shopify_files import cells_by_handle, csv_bytes, row
from tests.catalog.stock import LedgerStock

if TYPE_CHECKING:
    from pannier.platform.database import Connection

FILES = (
    ("shopifypartners/apparel.csv", (20, 22, 129_500, 22)),
    ("shopifypartners/home-and-garden.csv", (20, 21, 234_584, 65)),
    ("shopifypartners/jewelery.csv", (20, 23, 98_074, 20)),
    ("packt/Product-data.csv", (20, 21, 234_584, 65)),
)


async def imported(db: Database, data: bytes, *, partial: bool = False, currency: str = "USD") -> ImportReport:
    return await import_shopify(db, LedgerStock(), data, options=ImportOptions(currency=currency), partial=partial)


async def exported(db: Database) -> bytes:
    out = io.BytesIO()
    await export_shopify(db, LedgerStock(), out, currency="USD")
    return out.getvalue()


async def one(db: Database, query: str, *arguments: object) -> tuple[object, ...]:
    async with db.read() as connection:
        found = await connection.fetchrow(query, *arguments)
    assert found is not None
    return tuple(found)


async def everything(db: Database) -> Mapping[str, list[str]]:
    """Every row of every table an import writes, as text."""
    tables = "product variant price product_image product_category category stock stock_movement event catalog_import"
    async with db.read() as connection:
        return {
            table: [row[0] for row in await connection.fetch(f"select t::text from {table} t order by 1")]
            for table in tables.split()
        }


async def sell(db: Database, quantity: int) -> None:
    async def run(connection: Connection) -> None:
        await connection.execute(
            "select stock_add(variant_id, location_id, -$1::bigint, 'adjust',"
            " ('test', null, null, null, null, 'sold', clock_timestamp())::movement_cause) from stock",
            quantity,
        )

    await db.write(run)


@pytest.mark.parametrize("path, figures", FILES)
async def test_real_shops_in_the_database(db: Database, shared_data: Path, path: str, figures: tuple[int, ...]) -> None:
    report = await imported(db, (shared_data / "catalogues" / "shopify" / path).read_bytes())
    assert (report.outcome, report.created) == ("imported", 20)
    assert figures == await one(
        db,
        "select (select count(*) from product), (select count(*) from variant),"
        " (select sum(amount_minor) from price where currency = 'USD')::bigint,"
        " (select sum(on_hand) from stock)::bigint",
    )
    assert await one(db, "select count(*) from variant where is_sellable and plain_prices ? 'USD'") == (figures[1],)
    assert await one(db, "select sum(quantity)::bigint from stock_movement") == (figures[3],)


@pytest.mark.parametrize("path", [path for path, _ in FILES])
async def test_a_second_import_changes_no_row_of_any_table(db: Database, shared_data: Path, path: str) -> None:
    data = (shared_data / "catalogues" / "shopify" / path).read_bytes()
    await imported(db, data)
    before = await everything(db)
    report = await imported(db, data)
    assert (report.outcome, report.unchanged, report.stock_changes) == ("unchanged", 20, 0)
    assert await everything(db) == before


@pytest.mark.parametrize("path", [path for path, _ in FILES])
async def test_export_import_export_is_byte_equal_and_no_cell_is_lost(
    db: Database, other_db: Database, shared_data: Path, path: str
) -> None:
    data = (shared_data / "catalogues" / "shopify" / path).read_bytes()
    await imported(db, data)
    first = await exported(db)
    assert cells_by_handle(first) == cells_by_handle(data)
    assert first.splitlines()[0] == data.splitlines()[0]
    await imported(other_db, first)
    assert await exported(other_db) == first


async def test_three_shops_in_one_come_back_with_all_their_columns(
    db: Database, other_db: Database, shared_data: Path
) -> None:
    wanted: dict[str, list[dict[str, str]]] = {}
    for path in ("shopifypartners/jewelery.csv", "packt/Product-data.csv", "shopifypartners/apparel.csv"):
        data = (shared_data / "catalogues" / "shopify" / path).read_bytes()
        await imported(db, data)
        wanted |= cells_by_handle(data)
    first = await exported(db)
    assert cells_by_handle(first) == wanted
    assert first.splitlines()[0].endswith(b"Variant Tax Code,Cost per item,Status")
    await imported(other_db, first)
    assert await exported(other_db) == first


async def test_a_broken_file_stores_nothing_at_all(db: Database) -> None:
    before = await everything(db)
    report = await imported(db, csv_bytes([row(Handle="good"), row(Variant_Price="x"), row(Handle="")]))
    assert report.outcome == "refused"
    assert [problem.line for problem in report.file.problems] == [3, 4]
    assert await everything(db) == before
    assert report.to_dict()["problems"]["count"] == 2


async def test_partial_stores_the_good_products_and_names_the_others(db: Database) -> None:
    rows = [
        row(Handle="good", Variant_SKU="G"),
        row(Option1_Name="Size", Option1_Value="S"),
        {"Handle": "lamp", "Option1 Value": "M", "Variant Price": "x"},
    ]
    report = await imported(db, csv_bytes(rows), partial=True)
    assert (report.outcome, report.created, report.file.left_out) == ("imported", 1, {"lamp"})
    assert await one(db, "select array_agg(slug) from product") == (["good"],)


async def test_a_file_that_is_none_is_refused_even_in_part(db: Database) -> None:
    report = await imported(db, b"PK\x03\x04", partial=True)
    assert report.outcome == "refused"
    assert await one(db, "select count(*) from product") == (0,)


async def test_what_was_sold_since_stays_sold_when_the_same_file_comes_again(db: Database) -> None:
    data = csv_bytes([row(Variant_Inventory_Qty="10")])
    await imported(db, data)
    await sell(db, 4)
    assert (await imported(db, data)).outcome == "unchanged"
    assert await one(db, "select on_hand from stock") == (6,)


async def test_only_the_difference_between_two_files_is_booked(db: Database) -> None:
    await imported(db, csv_bytes([row(Variant_Inventory_Qty="10")]))
    await sell(db, 4)
    report = await imported(db, csv_bytes([row(Variant_Inventory_Qty="12")]))
    assert (report.outcome, report.stock_changes) == ("imported", 1)
    assert await one(db, "select on_hand, version from stock") == (8, 3)


async def test_an_export_that_comes_back_books_nothing(db: Database) -> None:
    await imported(db, csv_bytes([row(Variant_Inventory_Qty="10")]))
    await sell(db, 4)
    data = await exported(db)
    assert cells_by_handle(data)["lamp"][0]["Variant Inventory Qty"] == "6"
    await imported(db, data)
    assert await one(db, "select on_hand, version from stock") == (6, 2)


async def test_a_price_changed_in_the_shop_stays_until_the_file_changes_it(db: Database) -> None:
    await imported(db, csv_bytes([row(Variant_Price="50")]))
    async with db.read() as connection:
        await connection.execute("update price set amount_minor = 4500")
    await imported(db, csv_bytes([row(Variant_Price="50", Title="Other name")]))
    assert await one(db, "select amount_minor, (select name from product) from price") == (4500, "Other name")
    assert cells_by_handle(await exported(db))["lamp"][0]["Variant Price"] == "45.00"
    await imported(db, csv_bytes([row(Variant_Price="55", Title="Other name")]))
    assert await one(db, "select amount_minor from price") == (5500,)


async def test_a_variant_keeps_its_id_and_one_the_file_dropped_goes_off_sale(db: Database) -> None:
    small = row(Option1_Name="Size", Option1_Value="S")
    large = {"Handle": "lamp", "Option1 Value": "L", "Variant Price": "60"}
    await imported(db, csv_bytes([small, large]))
    (before,) = await one(db, 'select id from variant where options = \'[["Size", "S"]]\'')
    await imported(db, csv_bytes([small | {"Variant SKU": "new"}]))
    assert isinstance(before, uuid.UUID)
    assert await one(db, "select sku, is_active from variant where id = $1", before) == ("new", True)
    assert await one(db, "select is_active, is_sellable from variant where id <> $1", before) == (False, False)
    await imported(db, csv_bytes([small, large]))
    assert await one(db, "select count(*) filter (where is_active), count(*) from variant") == (2, 2)


async def test_products_keep_their_order_and_new_ones_come_behind(db: Database) -> None:
    await imported(db, csv_bytes([row(Handle=name, Variant_SKU=name) for name in "ca"]))
    await imported(db, csv_bytes([row(Handle=name, Variant_SKU=name, Title="T") for name in "bac"]))
    assert await one(db, "select array_agg(slug order by position) from product") == (["c", "a", "b"],)


async def test_odd_goods_are_kept_as_they_are(db: Database) -> None:
    rows = [
        row(Handle="debt", Variant_SKU="same", Variant_Inventory_Qty="-3"),
        row(Handle="old", Variant_SKU="same", Status="archived"),
        row(Handle="hidden", Variant_SKU="", Published="false"),
        row(Handle="endless", Variant_SKU="e", Variant_Inventory_Policy="continue"),
        row(Handle="file", Variant_SKU="f", Variant_Inventory_Tracker="", Variant_Inventory_Qty=""),
    ]
    report = await imported(db, csv_bytes(rows))
    assert report.created == 5
    assert set(report.file.warnings.by_code) == {
        "negative_stock", "repeated_sku", "status_archived", "blank_sku", "not_published",
    }  # fmt: skip
    async with db.read() as connection:
        found = await connection.fetch(
            "select p.slug, p.status, v.sku, v.is_sellable, k.on_hand, k.backorder_max,"
            " stock_available(k, clock_timestamp()) as available"
            " from product p join variant v on v.product_id = p.id left join stock k on k.variant_id = v.id"
            " order by p.position"
        )
    assert [tuple(item) for item in found] == [
        ("debt", "active", "same", True, -3, 0, 0),
        ("old", "archived", "same", False, 3, 0, 3),
        ("hidden", "active", None, False, 3, 0, 3),
        ("endless", "active", "e", True, 3, None, None),
        ("file", "active", "f", True, None, None, None),
    ]


async def test_a_type_becomes_a_category_and_a_new_type_replaces_it(db: Database) -> None:
    query = "select array_agg(c.slug) from product_category join category c on c.id = category_id"
    await imported(db, csv_bytes([row(Type="Floor Lamps")]))
    assert await one(db, query) == (["floor-lamps"],)
    await imported(db, csv_bytes([row(Type="Lámparas")]))
    assert await one(db, query) == (["lámparas"],)
    assert await one(db, "select display->>5 from variant") == ("Lámparas",)


async def test_every_change_writes_its_event_and_the_versions_have_no_gap(db: Database) -> None:
    await imported(db, csv_bytes([row()]))
    await imported(db, csv_bytes([row(Title="Other")]))
    async with db.read() as connection:
        events = await connection.fetch("select version, type, actor from event order by version")
    assert [tuple(event) for event in events] == [(1, "product.created", "import"), (2, "product.updated", "import")]
    assert await one(db, "select version from product") == (2,)


async def test_one_import_at_a_time(db: Database) -> None:
    async with db.read() as connection, connection.transaction():
        assert await take_import_lock(connection)
        with pytest.raises(ImportInProgressError):
            await imported(db, csv_bytes([row()]))


async def test_a_shop_that_never_imported_exports_what_its_staff_made(db: Database) -> None:
    assert await exported(db) == (",".join(STANDARD) + "\r\n").encode()


async def test_a_currency_without_decimals(db: Database) -> None:
    await imported(db, csv_bytes([row(Variant_Price="500")]), currency="JPY")
    assert await one(db, "select amount_minor, currency from price") == (500, "JPY")


async def test_many_products_in_one_transaction(db: Database) -> None:
    rows = [row(Handle=f"p{number}", Variant_SKU=f"S{number}") for number in range(1_200)]
    assert (await imported(db, csv_bytes(rows))).created == 1_200
    assert await one(db, "select count(*), min(position), max(position) from product") == (1_200, 0, 1_199)
    assert (await exported(db)).count(b"\r\n") == 1_201
