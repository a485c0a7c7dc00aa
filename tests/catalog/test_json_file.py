"""Pannier's own catalogue file: what it carries, and how a broken one is refused."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from pannier.catalog.exporting import export_json, export_shopify
from pannier.catalog.importing import ImportReport, import_json, import_shopify
from pannier.catalog.json_file import JsonFile
from pannier.catalog.shopify.models import ImportOptions, Report
from pannier.platform.database import Database
from tests.catalog.shopify_files import csv_bytes, row
from tests.catalog.stock import LedgerStock

SHOPS = ("shopifypartners/apparel.csv", "shopifypartners/jewelery.csv", "packt/Product-data.csv")


def document(*products: dict[str, Any], **head: Any) -> bytes:
    start = {"format": "pannier-catalogue", "version": 1, "currency": "USD", "columns": []} | head
    return json.dumps(start | {"products": list(products)}, indent=1).encode()


def lamp(**changes: Any) -> dict[str, Any]:
    return {"handle": "lamp", "name": "Lamp", "variants": [{"price_minor": 5000, "quantity": 3}]} | changes


def checked(data: bytes) -> Report:
    return JsonFile(io.BytesIO(data)).check()


def faults(data: bytes) -> list[tuple[int, str | None, str]]:
    return [(problem.line, problem.column, problem.code) for problem in checked(data).problems]


async def imported(db: Database, data: bytes) -> ImportReport:
    return await import_json(db, LedgerStock(), data, options=ImportOptions())


async def from_shopify(db: Database, data: bytes) -> None:
    await import_shopify(db, LedgerStock(), data, options=ImportOptions())


async def as_json(db: Database) -> bytes:
    out = io.BytesIO()
    await export_json(db, LedgerStock(), out, currency="USD")
    return out.getvalue()


async def as_shopify(db: Database) -> bytes:
    out = io.BytesIO()
    await export_shopify(db, LedgerStock(), out, currency="USD")
    return out.getvalue()


@pytest.mark.parametrize("path", SHOPS)
async def test_a_shop_goes_through_json_without_losing_a_byte_of_either_format(
    db: Database, other_db: Database, shared_data: Path, path: str
) -> None:
    await from_shopify(db, (shared_data / "catalogues" / "shopify" / path).read_bytes())
    first = await as_json(db)
    assert len(json.loads(first)["products"]) == 20
    report = await imported(other_db, first)
    assert (report.outcome, report.created, report.file.problems.count) == ("imported", 20, 0)
    assert await as_json(other_db) == first
    assert await as_shopify(other_db) == await as_shopify(db)
    assert (await imported(other_db, first)).outcome == "unchanged"


async def test_a_value_changed_in_the_file_is_applied_and_sold_units_stay_sold(db: Database) -> None:
    await imported(db, document(lamp()))
    async with db.read() as connection:
        await connection.execute(
            "select stock_add(variant_id, location_id, -1, 'adjust',"
            " ('test', null, null, null, null, 'sold', clock_timestamp())::movement_cause) from stock"
        )
    assert (await imported(db, document(lamp()))).outcome == "unchanged"
    changed = lamp(name="Big lamp", variants=[{"price_minor": 6000, "quantity": 5}])
    assert (await imported(db, document(changed))).updated == 1
    async with db.read() as connection:
        found = await connection.fetchrow("select p.name, r.amount_minor, k.on_hand from product p, price r, stock k")
    assert tuple(found or ()) == ("Big lamp", 6000, 4)


async def test_what_no_shopify_file_can_say_survives(db: Database, other_db: Database) -> None:
    options = [["Size", "S"], ["Colour", "Red"], ["Scent", "None"], ["Finish", "Matt"]]
    variant = {"options": options, "price_minor": 1, "backorder_max": 7, "quantity": 2}
    await imported(db, document(lamp(status="discontinued", variants=[variant])))
    first = await as_json(db)
    stored = json.loads(first)["products"][0]
    assert stored["status"] == "discontinued"
    assert {name: stored["variants"][0][name] for name in variant} == variant
    await imported(other_db, first)
    assert await as_json(other_db) == first


async def test_a_price_changed_in_the_shop_leaves_the_cells_as_they_were(db: Database) -> None:
    await from_shopify(db, csv_bytes([row(Variant_Price="50")]))
    async with db.read() as connection:
        await connection.execute("update price set amount_minor = 4500")
    product = json.loads(await as_json(db))["products"][0]
    assert product["variants"][0]["price_minor"] == 4500
    assert product["rows"][0]["Variant Price"] == "50"


@pytest.mark.parametrize(
    "change, column",
    [
        ({"name": " "}, "name"),
        ({"handle": ""}, "handle"),
        ({"status": "gone"}, "status"),
        ({"variants": []}, "variants"),
        ({"variants": [{"price_minor": -1}]}, "variants.0.price_minor"),
        ({"variants": [{"price_minor": 1.5}]}, "variants.0.price_minor"),
        ({"variants": [{"price_minor": "5"}]}, "variants.0.price_minor"),
        ({"variants": [{"price_minor": 1, "row": 0}]}, "variants.0.row"),
        ({"variants": [{"price_minor": 1}, {"price_minor": 2}]}, "variants.1.options"),
        ({"variants": [{"price_minor": 1, "options": [["a", "x" * 2_000]]}]}, "variants.0.options"),
        ({"colour": "red"}, "colour"),
        ({"description": "a\0b"}, "description"),
    ],
)
def test_a_bad_value_is_told_by_line_and_place(change: dict[str, Any], column: str) -> None:
    data = document({"handle": "good", "name": "G", "variants": [{"price_minor": 1}]}, lamp(**change))
    second = [found.start() for found in re.finditer(rb'\{\s+"handle"', data)][1]
    report = checked(data)
    assert [(problem.column, problem.code) for problem in report.problems] == [(column, "bad_value")]
    assert report.problems.listed[0].line == data.count(b"\n", 0, second) + 1
    assert report.products == 1


def test_every_bad_value_of_a_product_is_told() -> None:
    data = document(lamp(name="", status="x", variants=[{"price_minor": -1}]))
    assert [column for _, column, _ in faults(data)] == ["name", "variants.0.price_minor", "status"]


def test_a_handle_stands_once() -> None:
    assert [(column, code) for _, column, code in faults(document(lamp(), lamp()))] == [("handle", "bad_value")]


@pytest.mark.parametrize(
    "data, code",
    [
        (b"", "not_json"),
        (b"\x89PNG\r\n\x1a\n\0\0", "not_json"),
        (b"[]", "not_json"),
        (b'{"format": "pannier-catalogue",\n"version"', "not_json"),
        (document(lamp())[:-5], "not_json"),
        (document(lamp()).replace(b'"Lamp"', b'"L\xff"'), "encoding"),
        (document(lamp(), format="other"), "not_catalogue"),
        (document(lamp(), version=2), "not_catalogue"),
        (document(lamp(), currency="EUR"), "other_currency"),
        (document(lamp(), columns="Handle"), "bad_columns"),
        (b'{"a":' + b"[" * 100_000, "not_json"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_as_a_whole(data: bytes, code: str) -> None:
    report = checked(data)
    assert not report.is_readable
    assert [problem.code for problem in report.problems] == [code]


def test_the_line_of_a_broken_file_is_told() -> None:
    assert faults(b'{"format": "pannier-catalogue",\n"version": 1,\n"currency": oops}') == [(3, None, "not_json")]


def test_a_file_beyond_the_limit_is_not_read() -> None:
    report = JsonFile(io.BytesIO(document(lamp())), ImportOptions(bytes_max=10)).check()
    assert [problem.code for problem in report.problems] == ["too_large"]
