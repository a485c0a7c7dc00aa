"""The way back: nothing is lost, nothing is dressed up, and what the shop changed is what the file says."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pannier.catalog.shopify.columns import STANDARD, union
from pannier.catalog.shopify.export import export, export_rows
from pannier.catalog.shopify.models import FileImage, FileProduct, FileVariant
from pannier.catalog.shopify.parse import parse
from tests.catalog.shopify_files import cells_by_handle, csv_bytes, row

REAL = ("apparel", "home-and-garden", "jewelery")
UNKNOWN = ("Metafield: care", "", "Price / International", 'ünï,"code"\n')
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


def again(data: bytes) -> bytes:
    products, report = parse(data)
    assert report.is_clean, list(report.problems)
    return export(products, report.columns)


@pytest.mark.parametrize("path", [*(f"shopifypartners/{name}.csv" for name in REAL), "packt/Product-data.csv"])
def test_a_real_shop_comes_back_cell_for_cell_and_then_byte_for_byte(shared_data: Path, path: str) -> None:
    data = (shared_data / "catalogues" / "shopify" / path).read_bytes()
    first = again(data)
    assert cells_by_handle(first) == cells_by_handle(data)
    assert first.splitlines()[0] == data.splitlines()[0]
    assert again(first) == first


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """Good files of every shape: any text where text is free, several spellings where a value is meant."""
    columns = draw(st.permutations([*STANDARD, *UNKNOWN]))
    rows: list[dict[str, str]] = []
    for number in range(draw(st.integers(1, 4))):
        handle = f"p{number}"
        for place in range(draw(st.integers(1, 4))):
            cells = {name: draw(TEXT) for name in draw(st.lists(st.sampled_from(UNKNOWN), max_size=2))}
            if place == 0 or draw(st.booleans()):
                cells |= draw(variant_cells(place))
            if draw(st.booleans()):
                cells |= {
                    "Image Src": draw(st.sampled_from(["https://x/1", " https://x/2", "3"])),
                    "Image Alt Text": draw(TEXT),
                }
                cells["Image Position"] = draw(st.sampled_from(["", "1", "02", "3"]))
            if place == 0:
                cells |= draw(product_cells())
            rows.append({**cells, "Handle": draw(st.sampled_from(["", " "])) + handle})
    if draw(st.booleans()):
        rows = draw(st.permutations(rows))
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    return csv_bytes([with_title_where_it_counts(rows, cells) for cells in rows], columns, newline)


def with_title_where_it_counts(rows: list[dict[str, str]], cells: dict[str, str]) -> dict[str, str]:
    """After shuffling, the first row of a product is another one; it needs a title and a price."""
    first = next(other for other in rows if other["Handle"].strip() == cells["Handle"].strip())
    if first is not cells:
        return cells
    return {"Title": "T", "Variant Price": "7", **cells}


@st.composite
def variant_cells(draw: st.DrawFn, place: int) -> dict[str, str]:
    return {
        "Option1 Value": f"v{place}",
        "Option2 Value": draw(st.sampled_from(["", "x", "Default Title"])),
        "Variant SKU": draw(TEXT),
        "Variant Barcode": draw(TEXT),
        "Variant Price": draw(st.sampled_from(["50", "50.00", "0", " 9.9", "09.990", ".5", "5."])),
        "Variant Compare At Price": draw(st.sampled_from(["", "75", "0.00", "1"])),
        "Variant Grams": draw(st.sampled_from(["", "0", "0.0", "28.35"])),
        "Variant Inventory Qty": draw(st.sampled_from(["", "1", "-3", "+2", "4.0"])),
        "Variant Inventory Tracker": draw(st.sampled_from(["", "shopify", "elsewhere"])),
        "Variant Inventory Policy": draw(st.sampled_from(["", "deny", "continue", "Continue"])),
        "Variant Taxable": draw(st.sampled_from(["", "true", "FALSE"])),
        "Variant Image": draw(TEXT),
    }


@st.composite
def product_cells(draw: st.DrawFn) -> dict[str, str]:
    return {
        "Title": " Title ",
        "Body (HTML)": draw(TEXT),
        "Vendor": draw(TEXT),
        "Tags": draw(st.sampled_from(["", "a", "b,a ,b", ","])),
        "Published": draw(st.sampled_from(["", "TRUE", "false"])),
        "Status": draw(st.sampled_from(["", "active", "Draft", "archived", "unlisted"])),
        "Option1 Name": draw(st.sampled_from(["", "Title", "Size"])),
        "Option2 Name": draw(st.sampled_from(["", "Colour"])),
    }


@settings(deadline=None)  # generating and reading whole files takes what the machine allows
@given(files())
def test_every_cell_of_any_good_file_survives_and_the_second_export_equals_the_first(data: bytes) -> None:
    first = again(data)
    assert cells_by_handle(first) == cells_by_handle(data)
    assert again(first) == first


@settings(deadline=None)  # generating and reading whole files takes what the machine allows
@given(st.text(max_size=200))
def test_no_text_makes_the_parser_fail(text: str) -> None:
    data = ("Handle,Title,Variant Price,X\n" + text).encode("utf-8", "surrogatepass")
    _, report = parse(data)
    assert report.is_readable or report.problems.count > 0


@settings(deadline=None)  # generating and reading whole files takes what the machine allows
@given(st.binary(max_size=200))
def test_no_bytes_make_the_parser_fail(data: bytes) -> None:
    products, report = parse(data)
    assert products == []
    assert report.problems.count > 0


def test_the_dialect_is_utf8_with_crlf_and_quotes_only_where_needed() -> None:
    data = export([FileProduct("a", 'Say "é"', variants=(FileVariant((), 100),))], ["Handle", "Title"])
    assert data.splitlines(keepends=True)[0].startswith(b"Handle,Title,")
    assert data.endswith(b"\r\n")
    assert b'a,"Say ""\xc3\xa9""",' in data


def edited(changes: dict[str, object], **cells: str) -> dict[str, str]:
    """The cells of the exported row after the product's only variant was changed in the shop."""
    products, _ = parse(csv_bytes([row(**cells)]))
    variant = dataclasses.replace(products[0].variants[0], **changes)  # type: ignore[arg-type]  # the parametrised values are of many types
    return export_rows(dataclasses.replace(products[0], variants=(variant,)), "USD")[0]


@pytest.mark.parametrize(
    "changes, column, text",
    [
        ({}, "Variant Price", "50"),
        ({"price_minor": 5000}, "Variant Price", "50"),
        ({"price_minor": 5050}, "Variant Price", "50.50"),
        ({"compare_at_minor": 7000}, "Variant Compare At Price", "70.00"),
        ({"sku": None}, "Variant SKU", ""),
        ({"quantity": 2}, "Variant Inventory Qty", "2"),
        ({"quantity": -1}, "Variant Inventory Qty", "-1"),
        ({"backorder_max": None}, "Variant Inventory Policy", "continue"),
        ({"backorder_max": 5}, "Variant Inventory Policy", "deny"),
        ({"is_tracked": False}, "Variant Inventory Tracker", ""),
        ({"is_tracked": False}, "Variant Inventory Qty", ""),
        ({"is_taxable": False}, "Variant Taxable", "false"),
        ({"options": (("Size", "L"),)}, "Option1 Name", "Size"),
        ({"options": (("Size", "L"),)}, "Option1 Value", "L"),
    ],
)
def test_a_cell_is_rewritten_only_when_its_value_changed(changes: dict[str, object], column: str, text: str) -> None:
    assert edited(changes).get(column, "") == text


def test_product_fields_changed_in_the_shop() -> None:
    products, _ = parse(csv_bytes([row(Tags="a,b", Status="unlisted")]))
    changed = dataclasses.replace(products[0], name="Big lamp", tags=("c",), status="archived", handle="big-lamp")
    cells = export_rows(changed, "USD")[0]
    wanted = {"Handle": "big-lamp", "Title": "Big lamp", "Tags": "c", "Status": "archived"}
    assert {name: cells[name] for name in wanted} == wanted


def shirt() -> FileProduct:
    rows = [
        row(Option1_Name="Size", Option1_Value="S", Image_Src="https://x/1", Image_Position="1", Vendor="V"),
        {
            "Handle": "lamp",
            "Option1 Value": "M",
            "Variant Price": "60",
            "Image Src": "https://x/2",
            "Image Position": "2",
        },
        {"Handle": "lamp", "Image Src": "https://x/3", "Image Position": "3"},
    ]
    return parse(csv_bytes(rows))[0][0]


def test_a_new_variant_gets_a_row_of_its_own() -> None:
    product = shirt()
    new = FileVariant((("Size", "L"),), 7000, sku="L-3", quantity=4)
    data = export([dataclasses.replace(product, variants=(*product.variants, new))])
    read_back, _ = parse(data)
    assert [variant.options for variant in read_back[0].variants] == [(("Size", size),) for size in "SML"]
    assert (read_back[0].variants[2].price_minor, read_back[0].variants[2].quantity) == (7000, 4)
    assert again(data) == data


@pytest.mark.parametrize("gone", [0, 1])
def test_a_variant_that_is_gone_leaves_its_image_and_the_products_own_cells(gone: int) -> None:
    product = shirt()
    kept = tuple(variant for at, variant in enumerate(product.variants) if at != gone)
    data = export([dataclasses.replace(product, variants=kept)])
    read_back, report = parse(data)
    assert report.is_clean
    assert [variant.options for variant in read_back[0].variants] == [variant.options for variant in kept]
    assert (read_back[0].name, read_back[0].vendor) == ("Lamp", "V")
    assert {image.url for image in read_back[0].images} == {"https://x/1", "https://x/2", "https://x/3"}
    assert again(data) == data


def test_images_taken_off_added_and_put_in_another_order() -> None:
    product = shirt()
    images = (FileImage("https://x/new", "new"), product.images[2], product.images[0])
    data = export([dataclasses.replace(product, images=images)])
    read_back, _ = parse(data)
    assert [(image.url, image.alt) for image in read_back[0].images] == [(image.url, image.alt) for image in images]
    assert again(data) == data


def test_products_that_no_file_brought_are_written_in_full_and_come_back_the_same() -> None:
    product = FileProduct(
        handle="mug",
        name="Mug",
        description="<p>Red, round</p>",
        tags=("kitchen", "red"),
        variants=(
            FileVariant((("Size", "S"),), 1000, 1200, sku="M-S", weight_g=300, quantity=3, backorder_max=None),
            FileVariant((("Size", "L"),), 1500, is_tracked=False, is_taxable=False, requires_shipping=False),
        ),
        images=tuple(FileImage(f"https://x/{number}") for number in range(4)),
        is_published=False,
    )
    data = export([product])
    (read_back,), report = parse(data)
    assert report.is_clean
    assert (read_back.name, read_back.description, read_back.tags) == (
        product.name,
        product.description,
        product.tags,
    )
    assert not read_back.is_published
    assert [dataclasses.replace(variant, row=None, was_tracked=None) for variant in read_back.variants] == list(
        product.variants
    )
    assert read_back.images == product.images
    assert again(data) == data


def test_the_columns_of_two_imports_are_joined_in_the_order_first_seen() -> None:
    assert union(["Handle", "Title", "B"], ["Handle", "A", "B", "C"]) == ["Handle", "Title", "B", "A", "C"]
