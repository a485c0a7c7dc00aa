"""Broken files: every bad row told by line, column and reason, and nothing that could be stored."""

from __future__ import annotations

import io
import zipfile

import pytest

from pannier.catalog.shopify.columns import STANDARD
from pannier.catalog.shopify.models import ImportOptions, Report
from pannier.catalog.shopify.parse import parse
from pannier.kernel.findings import Finding
from tests.catalog.shopify_files import csv_bytes, row


def problems(data: bytes, options: ImportOptions | None = None) -> list[tuple[int, str | None, str]]:
    _, report = parse(data, options)
    return [(problem.line, problem.column, problem.code) for problem in report.problems]


def refused(data: bytes, options: ImportOptions | None = None) -> Finding:
    """The one reason why not even the rows of the file were read."""
    products, report = parse(data, options)
    assert products == []
    assert not report.is_readable
    (problem,) = report.problems
    return problem


def workbook() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("xl/workbook.xml", "<x/>")
    return out.getvalue()


@pytest.mark.parametrize(
    "column, text, code",
    [
        ("Variant Price", "abc", "bad_price"),
        ("Variant Price", "-5", "bad_price"),
        ("Variant Price", "9.999", "bad_price"),
        ("Variant Price", "1." + "0" * 30 + "1", "bad_price"),
        ("Variant Price", "1e309", "bad_price"),
        ("Variant Price", "NaN", "bad_price"),
        ("Variant Price", "inf", "bad_price"),
        ("Variant Price", "$5", "bad_price"),
        ("Variant Price", "1,234.50", "bad_price"),
        ("Variant Price", "٥", "bad_price"),
        ("Variant Price", "9" * 30, "bad_price"),
        ("Variant Price", "", "missing_price"),
        ("Variant Compare At Price", "x", "bad_price"),
        ("Variant Compare At Price", "-1", "bad_price"),
        ("Title", " ", "missing_title"),
        ("Title", "x" * 1_001, "title_too_long"),
        ("Handle", "", "missing_handle"),
        ("Handle", "x" * 256, "handle_too_long"),
        ("Variant Inventory Qty", "1.5", "bad_quantity"),
        ("Variant Inventory Qty", "many", "bad_quantity"),
        ("Variant Inventory Qty", "9" * 20, "bad_quantity"),
        ("Variant Grams", "-1", "bad_weight"),
        ("Variant Grams", "1kg", "bad_weight"),
        ("Variant Inventory Policy", "maybe", "bad_policy"),
        ("Published", "yes", "bad_boolean"),
        ("Variant Taxable", "1", "bad_boolean"),
        ("Variant Requires Shipping", "x", "bad_boolean"),
        ("Status", "live", "bad_status"),
        ("Image Position", "first", "bad_image_position"),
    ],
)
def test_a_bad_cell_is_told_by_line_and_column(column: str, text: str, code: str) -> None:
    data = csv_bytes([row(Handle="good", Variant_SKU="G"), {**row(), column: text}])
    assert problems(data) == [(3, column, code)]


def test_every_bad_cell_of_every_row_is_told_not_only_the_first() -> None:
    data = csv_bytes(
        [
            row(Title="", Variant_Price="x", Variant_Inventory_Qty="y"),
            row(Handle="", Title="No handle"),
            {"Handle": "lamp", "Option1 Value": "Big", "Variant Price": ""},
            row(Handle="good", Variant_SKU="G"),
            row(Handle="late", Published="perhaps", Status="gone"),
        ]
    )
    assert problems(data) == [
        (2, "Title", "missing_title"),
        (2, "Variant Price", "bad_price"),
        (2, "Variant Inventory Qty", "bad_quantity"),
        (3, "Handle", "missing_handle"),
        (4, "Variant Price", "missing_price"),
        (6, "Status", "bad_status"),
        (6, "Published", "bad_boolean"),
    ]


def test_the_good_products_can_still_be_had_without_those_with_a_bad_row() -> None:
    rows = [
        row(Option1_Name="Size", Option1_Value="S"),
        {"Handle": "lamp", "Option1 Value": "M", "Variant Price": "x"},
        row(Handle="good", Variant_SKU="G"),
    ]
    products, report = parse(csv_bytes(rows))
    assert [product.handle for product in products] == ["good"]
    assert report.left_out == {"lamp"}
    assert (report.products, report.is_clean) == (1, False)


def test_a_combination_of_options_stands_once_in_a_product() -> None:
    rows = [
        row(Option1_Name="Size", Option1_Value="S"),
        {"Handle": "lamp", "Option1 Value": "M", "Variant Price": "1"},
        {"Handle": "lamp", "Option1 Value": "S ", "Variant Price": "2"},
    ]
    _, report = parse(csv_bytes(rows))
    (problem,) = report.problems
    assert (problem.line, problem.code) == (4, "duplicate_variant")
    assert "Size S" in problem.reason
    assert "line 2" in problem.reason


def test_a_reason_reads_as_a_sentence_with_the_cell_in_it() -> None:
    _, report = parse(csv_bytes([row(Variant_Price="1e309")]))
    (problem,) = report.problems
    assert str(problem) == (
        "line 2, column Variant Price: '1e309' is not a number such as 19.99, "
        "without currency sign and thousands separator"
    )


@pytest.mark.parametrize(
    "header, expected",
    [
        ("Handle,Title", [("Variant Price", "missing_column")]),
        ("handle,Title,Variant Price", [("Handle", "missing_column")]),
        ("Handle,Title,Variant Price,Title", [("Title", "duplicate_column")]),
        ("Handle,Title,Variant Price,,", [("", "duplicate_column")]),
        ("Handle,Title,Variant Price,variant sku", [("variant sku", "misspelt_column")]),
        ("Handle,Title,Variant Price, title", [(" title", "duplicate_column")]),
    ],
)
def test_a_bad_header_refuses_the_file(header: str, expected: list[tuple[str, str]]) -> None:
    products, report = parse(f"{header}\nlamp,Lamp,50,,,\n".encode())
    assert products == []
    assert not report.is_readable
    assert [(problem.column, problem.code) for problem in report.problems] == expected
    assert {problem.line for problem in report.problems} == {1}


def test_too_many_and_too_few_cells() -> None:
    data = b"Handle,Title,Variant Price\na,A,1\nb,B,1,2\nc,C\nd,D,1\n"
    products, report = parse(data)
    assert [(p.line, p.code, p.handle) for p in report.problems] == [
        (3, "too_many_cells", "b"),
        (4, "too_few_cells", "c"),
    ]
    assert [product.handle for product in products] == ["a", "d"]


def test_a_product_without_its_first_row_is_not_blamed_for_what_that_row_had() -> None:
    data = b"Handle,Title,Option1 Name,Option1 Value,Variant Price\na,A,Size,S,1,9\na,,,M,2\n"
    assert problems(data) == [(2, None, "too_many_cells")]


def test_a_cut_quote_is_told_and_hides_nothing_behind_it() -> None:
    good = csv_bytes([row(Handle=f"p{number}", Variant_SKU=str(number)) for number in range(4)])
    lines = good.splitlines(keepends=True)
    lines[2] = lines[2].replace(b"Lamp", b'"Lamp')
    lines[4] = lines[4].replace(b",50,", b",fifty,")
    products, report = parse(b"".join(lines))
    assert [(p.line, p.column, p.code) for p in report.problems] == [
        (3, "Title", "open_quote"),
        (5, "Variant Price", "bad_price"),
    ]
    # What stands within reach of the cut quote is not trusted.
    assert [product.handle for product in products] == ["p0"]
    assert report.left_out == {"p1", "p2", "p3"}


def test_a_file_cut_within_a_quoted_cell() -> None:
    data = csv_bytes([row(Handle="whole"), {**row(), "Body (HTML)": "<p>one\ntwo, three</p>"}])
    cut = data[: data.index(b"three")]
    assert problems(cut) == [(3, "Body (HTML)", "open_quote")]


def test_a_file_cut_within_a_plain_row() -> None:
    data = csv_bytes([row(Handle="whole"), row()])
    assert problems(data[:-30]) == [(3, None, "too_few_cells")]


def test_text_behind_a_closing_quote_and_a_bare_quote() -> None:
    data = b'Handle,Title,Variant Price\na,"A"junk,1\nb,12" ruler,1\nc,"fine ""quoted""",1\n'
    products, report = parse(data)
    assert [(p.line, p.column, p.code) for p in report.problems] == [
        (2, "Title", "text_after_quote"),
        (3, "Title", "bare_quote"),
    ]
    assert "junk" in report.problems.listed[0].reason
    assert [product.name for product in products] == ['fine "quoted"']


def test_bytes_that_are_not_utf8_are_told_by_line_and_column() -> None:
    good = csv_bytes([row(Handle="a", Variant_SKU="1"), row(Handle="b", Title="Café"), row(Handle="c", Vendor="Zoë")])
    _, report = parse(good.decode().encode("latin-1"))
    assert [(p.line, p.column, p.code) for p in report.problems] == [
        (3, "Title", "encoding"),
        (4, "Vendor", "encoding"),
    ]
    assert "0xE9" in report.problems.listed[0].reason
    assert "“é”" in report.problems.listed[0].reason


def test_a_nul_byte_in_a_cell() -> None:
    assert problems(csv_bytes([row()]).replace(b"Lamp", b"La\0mp")) == [(2, "Title", "nul")]


@pytest.mark.parametrize(
    "data, words",
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf\r\n", "empty"),
        (workbook(), ".xlsx"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "PNG"),
        (b"\xff\xd8\xff\xe0" + bytes(64), "JPEG"),
        (b"%PDF-1.7\n", "PDF"),
        (b"\x1f\x8b\x08" + bytes(20), "gzip"),
        (bytes(range(256)) * 20, "binary"),
        (csv_bytes([row()]).decode().encode("utf-16"), "UTF-16"),
        (csv_bytes([row()]).decode().encode("utf-16-le"), "UTF-16"),
        (csv_bytes([row()]).decode().encode("utf-16-be"), "UTF-16"),
        (csv_bytes([row()]).decode().encode("utf-32"), "UTF-32"),
        (b"<!DOCTYPE html><title>Sign in</title>", "HTML"),
        (b'{"products": []}', "JSON"),
        (b"Handle;Title;Variant Price\na;A;1\n", "semicolons"),
        (b"Handle\tTitle\tVariant Price\na\tA\t1\n", "tabs"),
    ],
)
def test_what_is_no_comma_separated_text_is_called_by_its_name(data: bytes, words: str) -> None:
    problem = refused(data)
    assert problem.code == "not_csv"
    assert words in problem.reason


def test_a_header_without_rows() -> None:
    assert refused(csv_bytes([])).code == "no_rows"


def test_a_header_that_cannot_be_told_apart() -> None:
    assert refused(b'Handle,"Title,Variant Price\na,A,1\n').code == "open_quote"


def test_a_file_beyond_the_limit_is_not_read() -> None:
    data = csv_bytes([row()])
    problem = refused(data, ImportOptions(bytes_max=len(data) - 1))
    assert problem.code == "too_large"
    assert f"{len(data):,}" in problem.reason


def test_all_are_counted_and_the_first_listed() -> None:
    data = csv_bytes([row(Handle=f"h{number}", Variant_Price="x") for number in range(1_500)])
    _, report = parse(data, ImportOptions(listed_max=100))
    assert report.problems.count == 1_500
    assert report.problems.by_code == {"bad_price": 1_500}
    assert [problem.line for problem in report.problems] == list(range(2, 102))
    assert len(report.left_out) == 1_500


def test_a_report_of_a_good_file_is_clean() -> None:
    _, report = parse(csv_bytes([row()], STANDARD, "\n"))
    assert report.is_clean
    assert isinstance(report, Report)
