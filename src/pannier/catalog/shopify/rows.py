"""A strict reader of RFC 4180 that knows where it is.

Python's csv module takes a cut quote for text and cannot say where a cell began. Here a quoted cell is
closed by a quote that a comma or a line's end follows, a quote inside an unquoted cell is a fault, and so
is whatever follows a closing quote. After a fault the reader finds its way back to the next whole row, so
that one cut quote does not hide what else is wrong. Memory is bounded by the longest row, not by the file.
"""

from __future__ import annotations

import io
import itertools
import re
from collections import deque
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

from pannier.kernel.findings import excerpt

# Characters. A row that is still open after this many has a quote that was never closed.
RECORD_LENGTH_MAX = 8_000_000
CELL_LENGTH_MAX = 1_000_000
PROGRESS_ROWS = 2_000

_CELL = re.compile(r'(?:"((?:[^"]++|"")*+)"|([^",\r\n]*+)),')
_QUOTED_PART = re.compile(r'"(?:[^"]++|"")*+"')
_LINE_END = re.compile(r"\r\n|\n|\r")
# NUL, and the lone surrogates that stand for bytes which are not UTF-8.
_BAD_CHARACTER = re.compile("[\x00\udc80-\udcff]")


class Row(NamedTuple):
    """`line` is where it starts.

    `is_doubtful`: it lies within reach of a cut quote, so it may be a piece of a cell.
    """

    line: int
    cells: list[str]
    is_doubtful: bool = False


class Fault(NamedTuple):
    """A row that cannot be told apart, or holds what is no text.

    `column` is the cell's index; `cells` those made out.
    """

    line: int
    column: int
    code: str
    reason: str
    value: str | None = None
    cells: list[str] | None = None


class _Broken(NamedTuple):
    """Where in a record, after which cells, the grammar ends."""

    offset: int
    cells: list[str]


class RowReader:
    """Iterates over the rows and faults of a binary stream, from where it stands. Set `width` once the
    header is known.

    `on_progress` is called with (rows so far, bytes read so far) every 2,000 rows and at the end.
    """

    def __init__(self, stream: BinaryIO, on_progress: Callable[[int, int], None] | None = None) -> None:
        self._stream = stream
        self._on_progress = on_progress
        self._waiting: deque[str] = deque()
        self._line = 0
        self._doubt_until = 0
        self.width: int | None = None

    def __iter__(self) -> Iterator[Row | Fault]:
        text = io.TextIOWrapper(self._stream, encoding="utf-8", errors="surrogateescape", newline="")
        rows = 0
        try:
            while line := self._next(text):
                rows += 1
                if rows % PROGRESS_ROWS == 0 and self._on_progress is not None:
                    self._on_progress(rows, self._stream.tell())
                if '"' in line:
                    yield from self._quoted(line, text)
                else:
                    cells = line.rstrip("\r\n").split(",")
                    yield from self._checked(Row(self._line, cells, self._line <= self._doubt_until), line)
            if self._on_progress is not None:
                self._on_progress(rows, self._stream.tell())
        finally:
            # Else the wrapper would close a stream that is not its own.
            text.detach()

    def _next(self, text: io.TextIOWrapper) -> str:
        if self._waiting:
            line = self._waiting.popleft()
        else:
            line = text.readline(RECORD_LENGTH_MAX)
            if self._line == 0:
                line = line.removeprefix("\ufeff")
        if line:
            self._line += 1
        return line

    def _quoted(self, line: str, text: io.TextIOWrapper) -> Iterator[Row | Fault]:
        """A row with quotes: whole as soon as their number is even, since each of them opens or closes."""
        start = self._line
        lines = [line]
        is_open = not _is_even(line)
        length = len(line)
        while is_open and length < RECORD_LENGTH_MAX and (line := self._next(text)):
            lines.append(line)
            length += len(line)
            is_open = _is_even(line)
        record = "".join(lines)
        cells = _split(record)
        if isinstance(cells, _Broken):
            fault = _explain(record, start, cells)
            yield fault
            self._go_back(lines, start, fault, text)
        else:
            yield from self._checked(Row(start, cells, start <= self._doubt_until), record)

    def _go_back(self, lines: list[str], start: int, fault: Fault, text: io.TextIOWrapper) -> None:
        if fault.code == "bare_quote":
            # It opens nothing, so the next line begins a row.
            resume = fault.line - start + 1
        else:
            if len(lines) > 1:
                self._doubt_until = max(self._doubt_until, self._line)
            resume = self._next_whole_row(lines, text)
        self._waiting.extendleft(reversed(lines[resume:]))
        self._line = start + resume - 1

    def _next_whole_row(self, lines: list[str], text: io.TextIOWrapper) -> int:
        """Index of the first later line where a row of the header's width begins, or their number.

        May have to read on to see a row's end; what it reads is added to the lines.
        """
        count = len(lines)
        for index in range(1, count):
            closing = self._closing(lines, index, text)
            if closing is not None:
                cells = _split("".join(lines[index : closing + 1]))
                if not isinstance(cells, _Broken) and len(cells) == self.width:
                    return index
        return count

    def _closing(self, lines: list[str], index: int, text: io.TextIOWrapper) -> int | None:
        """Index of the line with which a row that begins at the index would be whole."""
        if _is_even(lines[index]):
            return index
        length = 0
        for at in itertools.count(index + 1):
            if at == len(lines):
                line = self._next(text)
                if not line or length > RECORD_LENGTH_MAX:
                    self._waiting.extendleft([line] if line else [])
                    return None
                lines.append(line)
            length += len(lines[at])
            if not _is_even(lines[at]):
                return at
        return None

    def _checked(self, row: Row, record: str) -> Iterator[Row | Fault]:
        faults: list[Fault] = []
        if not record.isascii() or "\0" in record:
            faults = _bad_characters(row, record)
        if len(record) > CELL_LENGTH_MAX:
            faults += [
                Fault(
                    row.line,
                    index,
                    "cell_too_long",
                    f"{len(cell):,} characters; a cell holds {CELL_LENGTH_MAX:,} at most",
                )
                for index, cell in enumerate(row.cells)
                if len(cell) > CELL_LENGTH_MAX
            ]
        if not faults:
            yield row
        for fault in faults:
            yield fault._replace(cells=row.cells)


def _is_even(line: str) -> bool:
    return line.count('"') % 2 == 0


def _split(record: str) -> list[str] | _Broken:
    """The cells of a record. What stands between quotes alternates with what stands outside of them."""
    parts = record.rstrip("\r\n").split('"')
    if len(parts) % 2 == 0:
        return _find_break(record)
    cells = parts[0].split(",")
    last = len(parts) - 1
    at = 0
    while at < last:
        if cells[-1]:
            return _find_break(record)
        content = [parts[at + 1]]
        at += 2
        while at < last and not parts[at]:
            # Two quotes in a row stand for one.
            content.append(parts[at + 1])
            at += 2
        cells[-1] = '"'.join(content)
        outside = parts[at]
        if outside.startswith(","):
            cells += outside[1:].split(",")
        elif outside or at < last:
            return _find_break(record)
    return cells


def _find_break(record: str) -> _Broken:
    """Go cell by cell through a record that is known to be broken."""
    cells: list[str] = []
    offset = 0
    while found := _CELL.match(record, offset):
        cells.append(found.group(1) or found.group(2) or "")
        offset = found.end()
    return _Broken(offset, cells)


def _line_at(record: str, start: int, offset: int) -> int:
    return start + len(_LINE_END.findall(record, 0, offset))


def _explain(record: str, start: int, broken: _Broken) -> Fault:
    """Put in words why the cell that begins at the offset is none."""
    opened = _line_at(record, start, broken.offset)
    column, value = len(broken.cells), excerpt(record[broken.offset :])
    if record[broken.offset : broken.offset + 1] != '"':
        reason = 'a quote stands inside a cell that is not quoted; quote the cell and write "" for the quote'
        return Fault(opened, column, "bare_quote", reason, value, broken.cells)
    closed = _QUOTED_PART.match(record, broken.offset)
    if closed is None:
        reason = f"the quote that opens here, on line {opened}, is never closed; the file may be cut"
        return Fault(opened, column, "open_quote", reason, value, broken.cells)
    after = excerpt(record[closed.end() : closed.end() + 10].strip("\r\n"))
    line = _line_at(record, start, closed.end())
    reason = f"the quote that opens on line {opened} closes on line {line}, where {after!r} follows, no comma"
    return Fault(opened, column, "text_after_quote", reason, value, broken.cells)


def _bad_characters(row: Row, record: str) -> list[Fault]:
    """One fault per cell that holds a NUL or a byte that is not UTF-8, on the first such character's line."""
    places = [found.start() for found in _BAD_CHARACTER.finditer(record)]
    faults: list[Fault] = []
    seen = 0
    # Cells keep the order of the record's characters, so the n-th bad one of both is the same.
    for index, cell in enumerate(row.cells) if places else ():
        bad = _BAD_CHARACTER.findall(cell)
        if bad:
            line = _line_at(record, row.line, places[seen])
            faults.append(Fault(line, index, *_bad_reason(bad[0]), value=excerpt(cell)))
            seen += len(bad)
    return faults


def _bad_reason(character: str) -> tuple[str, str]:
    if character == "\0":
        return "nul", "a NUL byte is no text"
    byte = ord(character) - 0xDC00
    guess = bytes([byte]).decode("cp1252", "replace")
    meant = f", perhaps “{guess}” of Windows-1252" if guess.isprintable() and guess != "\ufffd" else ""
    return "encoding", f"byte 0x{byte:02X} is not UTF-8{meant}; save the file as UTF-8"
