"""Reads the CSV files of a folder. Nothing is guessed silently: what is doubtful is a finding with its place.

A *refusal* takes the row out, and its invoice with it, since an invoice is booked whole or not at all. A *warning*
says how a doubtful cell was read.
"""

from __future__ import annotations

import csv
import enum
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

HEADER = (
    "InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country",
)  # fmt: skip
# What a cart takes as one change; no invoice of a real shop comes near.
QUANTITY_MAX = 1_000_000
PRICE_MAX = 1_000_000
_DECIMAL = re.compile(r"-?\d{1,12}(\.\d{1,18})?")
_CELL_CHARS_MAX = 10_000


class Severity(enum.StrEnum):
    """Whether the row is lost, or read with a remark."""

    refusal = "refusal"
    warning = "warning"


@dataclass(frozen=True)
class Finding:
    """One doubt, and where it stands; `line` counts the file's lines from 1."""

    file: str
    line: int
    severity: Severity
    column: str
    reason: str


@dataclass(frozen=True)
class Row:
    """One line of an invoice. `unit_price` is exact; `is_readable` is false where a refusal took its figures."""

    file: str
    line: int
    invoice: str
    code: str
    description: str
    quantity: int
    date: str
    unit_price: Fraction
    customer: str
    country: str
    is_readable: bool = True


class UnreadableFileError(ValueError):
    """The file is no table of invoices, so nothing of the folder is replayed; the message says why."""


def read_folder(folder: Path) -> tuple[list[Row], list[Finding]]:
    """The rows of every CSV file of the folder, by file name.

    Raises UnreadableFileError when a file is no table of invoices, or the folder holds none.
    """
    if not folder.is_dir():
        raise UnreadableFileError(f"{folder} is no folder")
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.suffix.lower() == ".csv")
    if not files:
        raise UnreadableFileError(f"{folder} holds no CSV file")
    rows: list[Row] = []
    findings: list[Finding] = []
    for path in files:
        found, doubts = read_text(path.name, path.read_bytes())
        rows += found
        findings += doubts
    return rows, findings


def read_text(name: str, content: bytes) -> tuple[list[Row], list[Finding]]:
    """The rows of one file. Raises UnreadableFileError for what is no CSV, or has other columns."""
    if b"\0" in content:
        raise UnreadableFileError(f"{name} is no text file: it holds zero bytes (UTF-16 has to be saved as UTF-8)")
    # Bytes that are not UTF-8 survive as surrogates, so that each cell they stand in can be told.
    text = content.decode("utf-8-sig", "surrogateescape")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [cell.strip() for cell in next(reader, [])]
        _check_header(name, header)
        rows: list[Row] = []
        findings: list[Finding] = []
        for line, cells in _numbered(reader):
            row, doubts = _Cells(name, line, header, cells).row()
            findings += doubts
            if row is not None:
                rows.append(row)
    except csv.Error as error:
        raise UnreadableFileError(f"{name}, line {reader.line_num}: {error}") from None
    return rows, findings


def _check_header(name: str, header: list[str]) -> None:
    missing = [column for column in HEADER if header.count(column) != 1]
    if missing:
        raise UnreadableFileError(
            f"{name} has no column, or more than one, named {', '.join(missing)}. "
            f"Its first line must name: {','.join(HEADER)}"
        )


def _numbered(reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    line = reader.line_num + 1  # type: ignore[attr-defined] # csv's reader has it, Iterator has not
    for cells in reader:
        if cells:
            yield line, cells
        line = reader.line_num + 1  # type: ignore[attr-defined] # as above


class _Cells:
    """The cells of one row, and what is doubtful about them."""

    def __init__(self, file: str, line: int, header: list[str], cells: list[str]) -> None:
        self._file = file
        self._line = line
        self._header = header
        self._cells = cells
        self._findings: list[Finding] = []

    def row(self) -> tuple[Row | None, list[Finding]]:
        if len(self._cells) != len(self._header):
            self._refuse("", f"has {len(self._cells)} cells, the header has {len(self._header)}")
            # Its first cell may still name the invoice that is now incomplete.
            self._cells = (self._cells + [""] * len(self._header))[: len(self._header)]
        cells = dict(zip(self._header, self._cells, strict=True))
        invoice = self._key(cells, "InvoiceNo")
        row = Row(
            file=self._file,
            line=self._line,
            invoice=invoice,
            code=self._key(cells, "StockCode"),
            description=self._text(cells, "Description"),
            quantity=self._quantity(cells["Quantity"].strip()),
            date=self._date(cells),
            unit_price=self._price(cells["UnitPrice"].strip()),
            customer=self._text(cells, "CustomerID"),
            country=self._text(cells, "Country"),
            is_readable=not any(finding.severity is Severity.refusal for finding in self._findings),
        )
        return (row if invoice else None), self._findings

    def _key(self, cells: dict[str, str], column: str) -> str:
        """What rows are matched by: as it stands, without the blanks around it."""
        value = cells[column]
        if _is_foreign(value):
            self._refuse(column, "is not UTF-8, and a code is not guessed")
            return _as_latin_1(value).strip()
        if value != value.strip():
            self._warn(column, f"{value!r} is taken without the blanks around it")
        if not value.strip():
            self._refuse(column, "is empty")
        elif not value.isprintable() or len(value) > 100:
            self._refuse(column, "is longer than 100 characters or holds characters that cannot be seen")
        return value.strip()

    def _text(self, cells: dict[str, str], column: str) -> str:
        value = cells[column]
        if _is_foreign(value):
            value = _as_latin_1(value)
            self._warn(column, "is not UTF-8 and was read as Latin-1")
        if len(value) > _CELL_CHARS_MAX:
            self._warn(column, f"is cut after {_CELL_CHARS_MAX} characters")
        return value[:_CELL_CHARS_MAX].strip()

    def _quantity(self, text: str) -> int:
        value = _exact(text)
        if value is None or value.denominator != 1:
            self._refuse("Quantity", f"{text!r} is not a whole number")
            return 0
        if not text.lstrip("-").isdigit():
            self._warn("Quantity", f"{text!r} is read as {int(value)}")
        if abs(value) > QUANTITY_MAX:
            self._refuse("Quantity", f"{text!r} is beyond {QUANTITY_MAX:,}")
        return int(value)

    def _price(self, text: str) -> Fraction:
        value = _exact(text)
        if value is None:
            self._refuse("UnitPrice", f"{text!r} is not a decimal number such as 2.55")
            return Fraction(0)
        if abs(value) > PRICE_MAX:
            self._refuse("UnitPrice", f"{text!r} is beyond {PRICE_MAX:,}")
        return value

    def _date(self, cells: dict[str, str]) -> str:
        """The date as it stands: nothing is booked by it, so a strange one costs no invoice."""
        text = self._text(cells, "InvoiceDate")
        try:
            datetime.fromisoformat(text)
        except ValueError:
            if text:
                self._warn("InvoiceDate", f"{text!r} is not of the form 2010-12-01 08:26:00 and is kept as text")
            else:
                self._warn("InvoiceDate", "is empty")
        return text

    def _refuse(self, column: str, reason: str) -> None:
        self._findings.append(Finding(self._file, self._line, Severity.refusal, column, reason))

    def _warn(self, column: str, reason: str) -> None:
        self._findings.append(Finding(self._file, self._line, Severity.warning, column, reason))


def _exact(text: str) -> Fraction | None:
    return Fraction(Decimal(text)) if text.isascii() and _DECIMAL.fullmatch(text) else None


def _is_foreign(value: str) -> bool:
    return any("\udc80" <= character <= "\udcff" for character in value)


def _as_latin_1(value: str) -> str:
    return value.encode("utf-8", "surrogateescape").decode("latin-1")
