"""The strict reader: what it takes, where it says that something broke, and how it goes on."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pannier.catalog.shopify import rows as rows_module
from pannier.catalog.shopify.rows import Fault, Row, RowReader

CELL = st.text(st.sampled_from('ab,"\r\n é\u2028'), max_size=6)


def read(data: bytes, width: int | None = None) -> list[Row | Fault]:
    reader = RowReader(io.BytesIO(data))
    reader.width = width
    return list(reader)


def cells_of(items: list[Row | Fault]) -> list[list[str] | None]:
    return [item.cells for item in items if isinstance(item, Row)]


def faults_of(items: list[Row | Fault]) -> list[tuple[int, int, str]]:
    return [(item.line, item.column, item.code) for item in items if isinstance(item, Fault)]


@settings(deadline=None)  # generating and reading whole files takes what the machine allows
@given(st.lists(st.lists(CELL, min_size=2, max_size=4), min_size=1, max_size=6), st.booleans())
def test_reads_whatever_pythons_writer_writes(table: list[list[str]], is_excel: bool) -> None:
    out = io.StringIO(newline="")
    # With "\n" for a line's end Python leaves a cell of "\r" unquoted, so there all are quoted.
    writer = csv.writer(out) if is_excel else csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerows(table)
    assert cells_of(read(out.getvalue().encode())) == table


@settings(deadline=None)  # generating and reading whole files takes what the machine allows
@given(st.text(st.sampled_from('ab,"\n'), max_size=30))
def test_tells_every_row_or_a_fault_and_never_reads_other_cells_than_python(text: str) -> None:
    items = read(text.encode())
    if not faults_of(items):
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
        # Python reads a blank line as a row without cells, we as one blank cell.
        assert cells_of(items) == [cells or [""] for cells in lines]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("end", ["", "\n"])
def test_lines_are_counted_physically_whatever_ends_them(newline: str, end: str) -> None:
    text = newline.join(["a,b", f'"one{newline}two",x', "c,d"]) + (newline if end else "")
    assert [(item.line, item.cells) for item in read(text.encode())] == [
        (1, ["a", "b"]),
        (2, [f"one{newline}two", "x"]),
        (4, ["c", "d"]),
    ]


def test_a_byte_order_mark_is_not_part_of_the_first_cell() -> None:
    assert cells_of(read(b"\xef\xbb\xbfa,b\n\xef\xbb\xbfc,d\n")) == [["a", "b"], ["\ufeffc", "d"]]


def test_an_unclosed_quote_is_told_where_it_opens_and_the_rows_behind_it_are_still_read() -> None:
    items = read(b'a,b\n1,"cut\n2,x\n3,y"z\n4,"q\nr"\n', width=2)
    assert faults_of(items) == [(2, 1, "text_after_quote"), (4, 1, "bare_quote")]
    assert [(item.line, item.cells, item.is_doubtful) for item in items if isinstance(item, Row)] == [
        (1, ["a", "b"], False),
        (3, ["2", "x"], True),
        (5, ["4", "q\nr"], False),
    ]


def test_a_quote_open_at_the_end_of_the_file() -> None:
    items = read(b'a,b\n1,x\n2,"line one\nline two, and more', width=2)
    assert faults_of(items) == [(3, 1, "open_quote")]
    assert "line 3" in next(item for item in items if isinstance(item, Fault)).reason


def test_the_line_of_a_fault_is_the_broken_cells_own_in_a_row_of_several_lines() -> None:
    items = read(b'a,b,c\n"one\ntwo",x,"bad"junk\nd,e,f\n', width=3)
    assert faults_of(items) == [(3, 2, "text_after_quote")]
    assert cells_of(items)[-1] == ["d", "e", "f"]


def test_one_row_can_hold_several_bad_cells_each_on_its_own_line() -> None:
    items = read('a,b,c\n"é\né\xff",x,y\n'.encode().replace("ÿ".encode(), b"\xe9") + b"p,q\xff,r\0\n", width=3)
    assert faults_of(items) == [(3, 0, "encoding"), (4, 1, "encoding"), (4, 2, "nul")]
    assert "0xE9" in next(item for item in items if isinstance(item, Fault)).reason


def test_a_cell_beyond_the_limit_is_a_fault_and_an_endless_quote_is_given_up_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rows_module, "CELL_LENGTH_MAX", 10)
    monkeypatch.setattr(rows_module, "RECORD_LENGTH_MAX", 40)
    items = read(b"a,b\n" + b"x" * 11 + b",y\n" + b'1,"' + b"one two\n" * 20 + b"c,d\n", width=2)
    assert faults_of(items) == [(2, 0, "cell_too_long"), (3, 1, "open_quote")]
    assert cells_of(items)[-1] == ["c", "d"]


def test_the_stream_stays_open_for_its_owner() -> None:
    stream = io.BytesIO(b"a,b\n")
    list(RowReader(stream))
    assert stream.seek(0) == 0
