"""A Shopify product CSV, from bytes to products or to a list of what is wrong.

The stream is read three times, so that memory holds one product and one entry per handle instead of the
whole file: `scan` tells rows apart and counts the rows of each handle, `check` builds every product only to
judge it, `products()` builds them again for whoever stores them.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

from pannier.catalog.shopify import columns as col
from pannier.catalog.shopify.build import ProductBuilder
from pannier.catalog.shopify.models import (
    FileProduct,
    ImportOptions,
    Phase,
    Progress,
    ProgressCallback,
    Report,
)
from pannier.catalog.shopify.rows import Fault, Row, RowReader
from pannier.catalog.shopify.sniff import HEAD_BYTES, not_csv, not_text
from pannier.kernel.findings import Finding, Findings, excerpt

COLUMNS_MAX = 2_000


class ShopifyFile:
    """One file in a seekable binary stream, which stays the caller's to close."""

    def __init__(
        self,
        stream: BinaryIO,
        options: ImportOptions | None = None,
        on_progress: ProgressCallback | None = None,
    ) -> None:
        self._stream = stream
        self._options = options or ImportOptions()
        self._on_progress = on_progress
        self._report: Report | None = None
        self._row_counts: Counter[str] = Counter()
        # Products whose first row could not be read.
        self._headless: set[str] = set()
        self._width = 0
        self._handle_at = 0
        self._bytes_total = stream.seek(0, io.SEEK_END)

    def check(self) -> Report:
        """Read the whole file and say what it holds. Raises nothing for what is in the file."""
        if self._report is not None:
            return self._report
        listed_max = self._options.listed_max
        report = self._report = Report(problems=Findings(listed_max), warnings=Findings(listed_max))
        if self._is_refused_unread(report):
            return report
        self._scan(report)
        if report.is_readable:
            self._judge(report)
        return report

    def products(self) -> Iterator[FileProduct]:
        """The products without a problem, each when its last row is read; `position` is their order."""
        report = self.check()
        if not report.is_readable:
            return
        builder = ProductBuilder(report.columns, self._options, Report(problems=Findings(0), warnings=Findings(0)))
        for handle, rows, position in self._groups("read", Findings(0)):
            if handle not in report.left_out:
                product = builder.build(handle, rows, position)
                if product is not None:
                    yield product

    def _is_refused_unread(self, report: Report) -> bool:
        if self._bytes_total > self._options.bytes_max:
            reason = (
                f"the file has {self._bytes_total:,} bytes; imports take {self._options.bytes_max:,}: "
                "split it, or raise PANNIER_IMPORT_MAX_BYTES"
            )
            return _refuse(report, Finding(1, None, "too_large", reason))
        self._stream.seek(0)
        head = self._stream.read(HEAD_BYTES)
        first_line = head.decode("utf-8", "replace").removeprefix("\ufeff").partition("\n")[0]
        kind = not_text(head) or ("empty" if not head.strip(b"\xef\xbb\xbf \t\r\n") else not_csv(first_line))
        if kind is not None:
            return _refuse(report, Finding(1, None, "not_csv", f"the file is {kind}"))
        return False

    def _rows(self, phase: Phase) -> RowReader:
        self._stream.seek(0)
        on_progress = self._on_progress

        def tell(rows: int, bytes_done: int) -> None:
            if on_progress is not None:
                on_progress(Progress(phase, rows, bytes_done, self._bytes_total))

        return RowReader(self._stream, tell)

    def _body(self, reader: RowReader) -> Iterator[Row | Fault]:
        """What follows the header, blank rows left out."""
        is_header = True
        for item in reader:
            if isinstance(item, Row) and not any(item.cells):
                continue
            if is_header:
                is_header = False
                reader.width = self._width
                continue
            yield item

    def _scan(self, report: Report) -> None:
        """Read the header, count the rows of every handle, collect what cannot be told apart."""
        reader = self._rows("scan")
        for item in reader:
            if isinstance(item, Row) and not any(item.cells):
                if len(item.cells) > 1:
                    report.warnings.add(Finding(item.line, None, "blank_row", "the row is blank and is left out"))
            elif not report.columns:
                if isinstance(item, Fault):
                    reason = f"in the header: {item.reason}"
                    _refuse(report, Finding(item.line, None, item.code, reason, None, item.value))
                    return
                if not self._take_header(item, report):
                    report.is_readable = False
                    return
                reader.width = self._width
            else:
                report.rows += 1
                self._count_row(item, report)
        if not report.rows and report.is_readable:
            _refuse(report, Finding(1, None, "no_rows", "the file has a header and no rows"))

    def _take_header(self, row: Row, report: Report) -> bool:
        """Keep the columns; False when no row can be read by them."""
        findings = list(_header_problems(row))
        for finding in findings:
            report.problems.add(finding)
        report.columns = tuple(row.cells)
        self._width = len(row.cells)
        if not findings:
            self._handle_at = row.cells.index(col.HANDLE)
        return not findings

    def _count_row(self, item: Row | Fault, report: Report) -> None:
        handle = self._handle_of(item)
        finding: Finding | None = None
        if isinstance(item, Fault):
            # A cell too many that also cannot be told apart has no column to name.
            column = report.columns[item.column] if item.column < self._width else None
            finding = Finding(item.line, column, item.code, item.reason, handle or None, item.value)
        elif len(item.cells) != self._width:
            code = "too_many_cells" if len(item.cells) > self._width else "too_few_cells"
            reason = f"{len(item.cells)} cells under {self._width} columns"
            reason += ": a comma in a cell without quotes?" if code == "too_many_cells" else ": is the file cut?"
            finding = Finding(item.line, None, code, reason, handle or None)
        elif not handle:
            finding = Finding(
                item.line, col.HANDLE, "missing_handle", "the row has no handle, so it belongs to no product"
            )
        elif item.is_doubtful:
            report.left_out.add(handle)
        if finding is not None:
            report.problems.add(finding)
            if handle:
                report.left_out.add(handle)
                if not self._row_counts[handle]:
                    self._headless.add(handle)
        else:
            self._row_counts[handle] += 1

    def _handle_of(self, item: Row | Fault) -> str:
        cells = item.cells or []
        return cells[self._handle_at].strip() if len(cells) > self._handle_at else ""

    def _groups(self, phase: Phase, warnings: Findings) -> Iterator[tuple[str, list[Row], int]]:
        """Handle, rows and position of each product, when the last of its rows has been read."""
        waiting: dict[str, list[Row]] = {}
        positions: dict[str, int] = {}
        previous = ""
        for item in self._body(self._rows(phase)):
            if isinstance(item, Fault) or len(item.cells) != self._width:
                continue
            handle = self._handle_of(item)
            if not handle:
                continue
            rows = waiting.setdefault(handle, [])
            if rows and handle != previous:
                first = rows[0].line
                reason = f"the product's other rows stand from line {first} on; an export puts them together"
                warnings.add(Finding(item.line, col.HANDLE, "scattered_rows", reason, handle))
            previous = handle
            rows.append(item)
            position = positions.setdefault(handle, len(positions)) if len(rows) == 1 else positions[handle]
            if len(rows) == self._row_counts[handle]:
                del waiting[handle]
                yield handle, rows, position

    def _judge(self, report: Report) -> None:
        builder = ProductBuilder(report.columns, self._options, report)
        for handle, rows, position in self._groups("check", report.warnings):
            product = builder.build(handle, rows, position, has_first=handle not in self._headless)
            if product is None:
                report.left_out.add(handle)
            elif handle not in report.left_out:
                report.count_product(product)


def parse(data: bytes, options: ImportOptions | None = None) -> tuple[list[FileProduct], Report]:
    """The good products of a file in memory, in its order, and the report.

    With any problem, think before storing.
    """
    file = ShopifyFile(io.BytesIO(data), options)
    report = file.check()
    return sorted(file.products(), key=lambda product: product.position), report


def _refuse(report: Report, finding: Finding) -> bool:
    report.problems.add(finding)
    report.is_readable = False
    return True


def _header_problems(row: Row) -> Iterable[Finding]:
    if len(row.cells) > COLUMNS_MAX:
        yield Finding(row.line, None, "too_many_columns", f"{len(row.cells):,} columns; {COLUMNS_MAX:,} is the most")
        return
    yield from _missing_columns(row)
    places: dict[str, list[int]] = {}
    for number, name in enumerate(row.cells, start=1):
        places.setdefault(name, []).append(number)
    for name, numbers in places.items():
        if len(numbers) > 1:
            listed = ", ".join(map(str, numbers))
            yield Finding(
                row.line, name, "duplicate_column", f"the name {excerpt(name)!r} stands over columns {listed}"
            )
        meant = col.misspelt(name)
        if meant is not None and meant in places:
            yield Finding(row.line, name, "duplicate_column", f"{excerpt(name)!r} and {meant!r} are one column")
        elif meant is not None and meant not in col.REQUIRED:
            yield Finding(row.line, name, "misspelt_column", f"{excerpt(name)!r} should read {meant!r}")


def _missing_columns(row: Row) -> Iterable[Finding]:
    for name in col.REQUIRED:
        if name not in row.cells:
            like: Sequence[str] = [cell for cell in row.cells if col.misspelt(cell) == name]
            hint = f"; it is written {excerpt(like[0])!r} here, and capitals and blanks count" if like else ""
            yield Finding(row.line, name, "missing_column", f"the column {name!r} is missing{hint}")
