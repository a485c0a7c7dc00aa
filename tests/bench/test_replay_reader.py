"""What the replay makes of the files it is given, cell by cell."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from bench.replay.reader import Row, Severity, UnreadableFileError, read_folder, read_text

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"


def read(*lines: str | bytes) -> tuple[list[Row], list[str]]:
    """The rows, and each finding as `severity column`."""
    content = b"".join(line if isinstance(line, bytes) else line.encode() for line in (HEADER, *lines))
    rows, findings = read_text("a.csv", content)
    return rows, [f"{finding.severity} {finding.column}".strip() for finding in findings]


def test_a_row_is_read_exactly() -> None:
    rows, findings = read("536365,85123a,LANTERN,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom\n")

    assert findings == []
    assert rows == [
        Row(
            file="a.csv",
            line=2,
            invoice="536365",
            code="85123a",
            description="LANTERN",
            quantity=6,
            date="2010-12-01 08:26:00",
            unit_price=Fraction(255, 100),
            customer="17850.0",
            country="United Kingdom",
        )
    ]


@pytest.mark.parametrize(
    "row, expected",
    [
        ("1,A,,6,2010-12-01,0.001,,UK", []),
        ("1,A,,-6,2010-12-01,-11062.06,,UK", []),
        ("1,A,,6,,2.55,,UK", ["warning InvoiceDate"]),
        ("1,A,,6,12/1/2010 8:26,2.55,,UK", ["warning InvoiceDate"]),
        ("1,A,,6,40513.35,2.55,,UK", ["warning InvoiceDate"]),
        ("1, A,,6,2010-12-01,2.55,,UK", ["warning StockCode"]),
        ("1,A,,6.0,2010-12-01,2.55,,UK", ["warning Quantity"]),
        ("1,A,,6.5,2010-12-01,2.55,,UK", ["refusal Quantity"]),
        ("1,A,,,2010-12-01,2.55,,UK", ["refusal Quantity"]),
        ("1,A,,1e3,2010-12-01,2.55,,UK", ["refusal Quantity"]),
        ("1,A,,1000001,2010-12-01,2.55,,UK", ["refusal Quantity"]),
        ('1,A,,"1,200",2010-12-01,2.55,,UK', ["refusal Quantity"]),
        ("1,A,,٦,2010-12-01,2.55,,UK", ["refusal Quantity"]),
        ("1,A,,6,2010-12-01,£2.55,,UK", ["refusal UnitPrice"]),
        ('1,A,,6,2010-12-01,"2,55",,UK', ["refusal UnitPrice"]),
        ("1,A,,6,2010-12-01,nan,,UK", ["refusal UnitPrice"]),
        ("1,A,,6,2010-12-01,1000001,,UK", ["refusal UnitPrice"]),
        ("1,,,6,2010-12-01,2.55,,UK", ["refusal StockCode"]),
        ("1,A\x07,,6,2010-12-01,2.55,,UK", ["refusal StockCode"]),
        (",A,,6,2010-12-01,2.55,,UK", ["refusal InvoiceNo"]),
        ("1,A,,6,2010-12-01,2.55", ["refusal"]),
        ("1,A,,6,2010-12-01,2.55,,UK,more", ["refusal"]),
    ],
)
def test_what_is_doubtful_is_told(row: str, expected: list[str]) -> None:
    rows, findings = read(row + "\n")

    # What a short row lacks is told, too, cell by cell; the first finding says that it is short.
    assert findings[:1] == expected[:1]
    assert all(found.is_readable == (not any("refusal" in e for e in expected)) for found in rows)


def test_latin_1_is_read_with_a_warning_and_never_in_a_code() -> None:
    rows, findings = read(
        b"1,A,CAF\xc9,6,2010-12-01,2.55,,UK\n",
        b"2,A\xc9,CAFE,6,2010-12-01,2.55,,UK\n",
    )

    assert findings == ["warning Description", "refusal StockCode"]
    assert [(row.description, row.is_readable) for row in rows] == [("CAFÉ", True), ("CAFE", False)]


def test_lines_are_counted_as_an_editor_counts_them() -> None:
    _, findings = read_text(
        "a.csv",
        (HEADER + '1,A,"two\nlines",6,2010-12-01,1,,UK\n\n1,B,,x,2010-12-01,1,,UK\n').encode(),
    )

    assert [(finding.line, finding.severity) for finding in findings] == [(5, Severity.refusal)]


@pytest.mark.parametrize(
    "content, reason",
    [
        (b"", "has no column"),
        (b"Invoice,StockCode\n1,A\n", "InvoiceNo"),
        (HEADER.encode("utf-16"), "zero bytes"),
        (HEADER.encode() + b'1,A,"open,6,2010-12-01,2.55,,UK\n', "line 2"),
    ],
)
def test_what_is_no_table_of_invoices_is_refused_whole(content: bytes, reason: str) -> None:
    with pytest.raises(UnreadableFileError, match=reason):
        read_text("a.csv", content)


def test_a_byte_order_mark_and_a_suffix_in_capitals_are_no_obstacle(tmp_path: Path) -> None:
    row = "1,A,,6,2010-12-01,2.55,,UK\r\n"
    (tmp_path / "B.CSV").write_bytes(b"\xef\xbb\xbf" + HEADER.encode() + row.encode())
    (tmp_path / "a.csv").write_bytes(HEADER.encode() + row.encode())

    rows, findings = read_folder(tmp_path)

    assert [row.file for row in rows] == ["B.CSV", "a.csv"]
    assert findings == []


@pytest.mark.parametrize("name", ["empty", "absent"])
def test_a_folder_without_files_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()

    with pytest.raises(UnreadableFileError):
        read_folder(tmp_path / name)
