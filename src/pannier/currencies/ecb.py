"""The reference rates of the European Central Bank: `eurofxref-hist.csv`, one row a day, one column a currency."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from pannier.currencies.models import FxRate
from pannier.kernel.findings import Finding, Findings, excerpt

BASE = "EUR"
SOURCE = "ECB"
_CODE = re.compile(r"[A-Z]{3}")
_RATE = re.compile(r"[0-9]{1,15}(\.[0-9]{1,15})?", re.ASCII)
#: More than that no file of rates unpacks to.
_UNPACKED_BYTES_MAX = 100_000_000


@dataclass(slots=True)
class FxFile:
    """What a file says, and what is wrong in it."""

    rates: list[FxRate] = field(default_factory=list)
    days: int = 0
    problems: Findings = field(default_factory=Findings)

    def bad(self, line: int, column: str | None, code: str, reason: str) -> None:
        """Note what the file cannot be taken with."""
        self.problems.add(Finding(line, column, code, reason))


def read(data: bytes) -> FxFile:
    """The rates of a CSV file, or of a ZIP archive with one in it."""
    file = FxFile()
    text = _text_of(data, file)
    if text is not None:
        rows = csv.reader(io.StringIO(text), strict=True)
        try:
            header = [name.strip() for name in next(rows, [])]
            if header[:1] != ["Date"] or not any(_CODE.fullmatch(name) for name in header):
                file.bad(
                    1, None, "format", "the first line must have Date and currencies: these are no rates of the ECB"
                )
                return file
            _read_rows(file, header, rows)
        except csv.Error as problem:
            file.bad(rows.line_num, None, "csv", f"no CSV from here on: {problem}")
        if not file.rates and not file.problems.count:
            file.bad(1, None, "empty", "no rate in it")
    return file


def _read_rows(file: FxFile, header: list[str], rows: Iterator[list[str]]) -> None:
    seen: dict[date, int] = {}
    for line, row in enumerate(rows, 2):
        if not any(row):
            continue
        try:
            on = date.fromisoformat(row[0].strip())
        except ValueError:
            file.bad(line, "Date", "date", f"{excerpt(row[0])!r} is no day such as 2026-01-31")
            continue
        if on in seen:
            file.bad(line, "Date", "twice", f"{on} stands on line {seen[on]} already")
            continue
        seen[on] = line
        file.days += 1
        if len(row) > len(header):
            file.bad(line, None, "columns", f"{len(row)} cells, and the header has {len(header)}")
        for name, cell in zip(header[1:], row[1:], strict=False):
            _read_cell(file, line, name, cell.strip(), on)


def _read_cell(file: FxFile, line: int, name: str, cell: str, on: date) -> None:
    if cell in ("", "N/A"):
        return
    if not _CODE.fullmatch(name):
        file.bad(line, name or None, "currency", f"{excerpt(cell)!r} stands under no currency")
    elif not _RATE.fullmatch(cell) or not Decimal(cell):
        file.bad(line, name, "rate", f"{excerpt(cell)!r} is no rate such as 1.0842")
    else:
        file.rates.append(FxRate(BASE, name, on, Decimal(cell)))


def _text_of(data: bytes, file: FxFile) -> str | None:
    try:
        if data.startswith(b"PK"):
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                inside = [info for info in archive.infolist() if info.filename.lower().endswith(".csv")]
                if len(inside) != 1 or inside[0].file_size > _UNPACKED_BYTES_MAX:
                    file.bad(1, None, "archive", "one CSV file is wanted in it")
                    return None
                data = archive.read(inside[0])
        return data.decode("utf-8-sig")
    except (UnicodeDecodeError, zipfile.BadZipFile, RuntimeError, NotImplementedError) as problem:
        file.bad(1, None, "text", f"neither text nor an archive of text: {problem}")
        return None
