"""What the parser makes of good files, and of what real files do that is odd but not wrong."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from pannier.catalog.shopify.columns import STANDARD
from pannier.catalog.shopify.models import FileProduct, ImportOptions, Progress, Report
from pannier.catalog.shopify.parse import ShopifyFile, parse
from pannier.catalog.shopify.text import summarise
from tests.catalog.shopify_files import csv_bytes, row

# Products, variants, sum of prices in cents, stock, images.
REAL = {
    "shopifypartners/apparel.csv": (20, 22, 129_500, 22, 20),
    "shopifypartners/home-and-garden.csv": (20, 21, 234_584, 65, 21),
    "shopifypartners/jewelery.csv": (20, 23, 98_074, 20, 41),
    "packt/Product-data.csv": (20, 21, 234_584, 65, 21),
}


def one(**changes: str) -> tuple[FileProduct, Report]:
    products, report = parse(csv_bytes([row(**changes)]))
    assert report.is_clean, list(report.problems)
    return products[0], report


@pytest.mark.parametrize("path", REAL)
def test_real_shops_give_their_known_figures(shared_data: Path, path: str) -> None:
    data = (shared_data / "catalogues" / "shopify" / path).read_bytes()
    products, report = parse(data)
    figures = (report.products, report.variants, report.price_sum_minor, report.quantity_sum, report.images)
    assert figures == REAL[path]
    assert report.is_clean
    assert [product.position for product in products] == list(range(20))


def test_a_row_becomes_a_product_with_its_variant() -> None:
    product, _ = one(
        **{"Body (HTML)": "<p>Tall &amp; <b>black</b></p>"}, Variant_Compare_At_Price="75.5",
        Tags="a, b,a", Vendor="V",
        Type="Lights", Variant_Grams="12.5", Variant_Barcode="0012", Image_Src="https://x/1.jpg",
    )  # fmt: skip
    variant = product.variants[0]
    assert (product.handle, product.name, product.vendor, product.product_type) == (
        "lamp",
        "Lamp",
        "V",
        "Lights",
    )
    assert (product.summary, product.tags, product.status) == ("Tall & black", ("a", "b"), "active")
    assert (variant.price_minor, variant.compare_at_minor, variant.weight_g) == (5000, 7550, 13)
    assert (variant.sku, variant.barcode, variant.quantity, variant.backorder_max) == ("L-1", "0012", 3, 0)
    assert variant.options == ()
    assert [image.url for image in product.images] == ["https://x/1.jpg"]


def test_variants_are_told_by_their_options_and_images_keep_their_rank() -> None:
    rows = [
        row(Option1_Name="Size", Option1_Value="S", Image_Src="https://x/2.jpg", Image_Position="2"),
        {"Handle": "lamp", "Option1 Value": "M", "Variant Price": "60", "Variant SKU": "L-2"},
        {"Handle": "lamp", "Image Src": "https://x/1.jpg", "Image Position": "1"},
    ]
    products, report = parse(csv_bytes(rows))
    assert [variant.options for variant in products[0].variants] == [(("Size", "S"),), (("Size", "M"),)]
    assert [image.url for image in products[0].images] == ["https://x/1.jpg", "https://x/2.jpg"]
    assert report.warnings.by_code["image_only"] == 1


@pytest.mark.parametrize(
    "changes, code",
    [
        ({"Variant_SKU": ""}, "blank_sku"),
        ({"Status": "archived"}, "status_archived"),
        ({"Status": "draft"}, "status_draft"),
        ({"Published": "FALSE"}, "not_published"),
        ({"Status": "unlisted"}, "not_published"),
        ({"Variant_Inventory_Qty": "-4"}, "negative_stock"),
        ({"Variant_Inventory_Qty": ""}, "blank_quantity"),
        ({"Variant_Compare_At_Price": "50"}, "compare_at_not_above"),
        ({"Option1_Name": "", "Option1_Value": "Blue"}, "unnamed_option"),
        ({"Option1_Name": "Size", "Option1_Value": ""}, "blank_option"),
        ({"Cost_per_item": "#REF!"}, "odd_cost"),
    ],
)
def test_what_is_odd_is_kept_with_a_warning_that_names_the_line(changes: dict[str, str], code: str) -> None:
    _, report = one(**changes)
    assert [(warning.line, warning.code) for warning in report.warnings] == [(2, code)]


def test_a_repeated_sku_is_kept_and_names_the_other_line() -> None:
    products, report = parse(csv_bytes([row(), row(Handle="other")]))
    assert [product.variants[0].sku for product in products] == ["L-1", "L-1"]
    assert [(w.line, w.column, w.code) for w in report.warnings] == [(3, "Variant SKU", "repeated_sku")]
    assert "line 2" in report.warnings.listed[0].reason


def test_rows_of_one_product_may_stand_apart() -> None:
    rows = [
        row(Option1_Name="Size", Option1_Value="S"),
        row(Handle="other", Variant_SKU="O"),
        {"Handle": "lamp", "Option1 Value": "M", "Variant Price": "60", "Variant SKU": "L-2"},
    ]
    products, report = parse(csv_bytes(rows))
    assert [(product.handle, len(product.variants)) for product in products] == [("lamp", 2), ("other", 1)]
    assert [(w.line, w.code) for w in report.warnings] == [(4, "scattered_rows")]


def test_a_blank_tracker_counts_by_default_and_is_told_once() -> None:
    data = csv_bytes(
        [row(Variant_Inventory_Tracker=""), row(Handle="b", Variant_SKU="B", Variant_Inventory_Tracker="")]
    )
    products, report = parse(data)
    assert [product.variants[0].is_tracked for product in products] == [True, True]
    assert report.warnings.by_code == {"blank_tracker": 1}
    assert "--untracked-when-blank" in report.warnings.listed[0].reason
    products, report = parse(data, ImportOptions(untracked_when_blank=True))
    assert [product.variants[0].is_tracked for product in products] == [False, False]
    assert report.warnings.count == 0


def test_neither_tracker_nor_quantity_is_not_counted() -> None:
    product, _ = one(Variant_Inventory_Tracker="", Variant_Inventory_Qty="")
    assert (product.variants[0].is_tracked, product.variants[0].quantity) == (False, None)


@pytest.mark.parametrize("policy, backorder_max", [("deny", 0), ("", 0), ("continue", None), ("Continue", None)])
def test_the_inventory_policy_bounds_the_backorder(policy: str, backorder_max: int | None) -> None:
    assert one(Variant_Inventory_Policy=policy)[0].variants[0].backorder_max == backorder_max


@pytest.mark.parametrize(
    "text, currency, minor",
    [
        ("50", "USD", 5000),
        ("9.9", "USD", 990),
        ("9.990", "USD", 999),
        (" .5 ", "USD", 50),
        ("500.00", "JPY", 500),
        ("1.234", "KWD", 1234),
    ],
)
def test_prices_are_exact_in_the_currency_of_the_import(text: str, currency: str, minor: int) -> None:
    products, _ = parse(csv_bytes([row(Variant_Price=text)]), ImportOptions(currency=currency))
    assert products[0].variants[0].price_minor == minor


def test_unknown_columns_and_formulas_are_carried_along_as_they_are() -> None:
    data = csv_bytes([{**row(Title="=1+1"), "Metafield: x": "@SUM(A1)"}], [*STANDARD, "Metafield: x"])
    products, report = parse(data)
    assert products[0].name == "=1+1"
    assert products[0].rows[0].cells["Metafield: x"] == "@SUM(A1)"
    assert report.columns[-1] == "Metafield: x"


def test_blank_rows_are_left_out_with_a_warning() -> None:
    products, report = parse(csv_bytes([row(), {}, row(Handle="b", Variant_SKU="B")]) + b"\r\n")
    assert len(products) == 2
    assert [(w.line, w.code) for w in report.warnings] == [(3, "blank_row")]


def test_progress_tells_phase_rows_and_bytes() -> None:
    data = csv_bytes([row(Handle=f"h{number}", Variant_SKU=str(number)) for number in range(2_500)])
    told: list[Progress] = []
    file = ShopifyFile(io.BytesIO(data), on_progress=told.append)
    file.check()
    assert [progress.phase for progress in told] == ["scan", "scan", "check", "check"]
    assert told[-1] == Progress("check", 2_501, len(data), len(data))


@pytest.mark.parametrize(
    "html, text",
    [
        ("", ""),
        ("plain  text\n here", "plain text here"),
        ("<p>One</p><p>Two</p>", "One Two"),
        ("<b>bo</b>ld<br>next", "bold next"),
        ("<style>p{}</style>a<script>alert(1)</script> &lt;b&gt; &eacute;", "a <b> é"),
        ("<p>never closed <b", "never closed"),
        ("a < b", "a < b"),
    ],
)
def test_a_summary_is_the_plain_text(html: str, text: str) -> None:
    assert summarise(html) == text


def test_a_summary_is_cut_between_words_at_160_characters() -> None:
    summary = summarise("<p>" + "word " * 100)
    assert summary == "word " * 31 + "word…"
    assert len(summarise("x" * 500)) == 160
    assert summarise("y" * 160) == "y" * 160


def test_hostile_markup_is_read_in_bounded_time() -> None:
    assert len(summarise("<!--" + "<a " * 300_000)) <= 160
