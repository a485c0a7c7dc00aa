"""What a file is when it is not the text it should be."""

from __future__ import annotations

HEAD_BYTES = 4_096

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (
        b"PK\x03\x04",
        "a ZIP archive (an Excel .xlsx file is one): save the sheet as “CSV UTF-8”, or unpack the archive",
    ),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel .xls workbook: save the sheet as “CSV UTF-8”"),
    (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"%PDF-", "a PDF document"),
    (b"\x1f\x8b", "a gzip archive: unpack it first"),
    (b"BZh", "a bzip2 archive: unpack it first"),
    (b"\xfd7zXZ\x00", "an xz archive: unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive: unpack it first"),
    (b"Rar!\x1a\x07", "a RAR archive: unpack it first"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"PAR1", "a Parquet file"),
    (b"\x7fELF", "a program"),
)
_UTF16 = "UTF-16 text: save it as UTF-8 (in Excel: “CSV UTF-8”)"


def not_text(head: bytes) -> str | None:
    """What the file that starts so is, to end the sentence "the file is …"; None for text."""
    if not head:
        return "empty"
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if head.startswith((b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")):
        return "UTF-32 text: save it as UTF-8"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _UTF16
    return _wide_or_binary(head)


def _wide_or_binary(head: bytes) -> str | None:
    nuls = head.count(0)
    if nuls * 3 > len(head):
        even, odd = head[::2].count(0), head[1::2].count(0)
        if max(even, odd) > 9 * min(even, odd):
            return _UTF16
    control = sum(head.count(byte) for byte in range(32) if byte not in (0x09, 0x0A, 0x0D, 0x0C, 0x1B))
    # Text has next to no control bytes; a stray NUL in a good file is told by line instead.
    return "binary, not text" if control * 10 > len(head) else None


def not_csv(header_line: str) -> str | None:
    """What the text that starts with this line is, when it cannot be comma-separated values."""
    start = header_line.lstrip().casefold()
    if start.startswith(("<!doctype html", "<html")):
        return "an HTML page, perhaps a login or error page saved by mistake"
    if start.startswith("<?xml"):
        return "XML"
    if start.startswith(("{", "[")):
        return "JSON: name it .json to import it as one"
    if "," not in header_line:
        for mark, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
            if header_line.count(mark) >= 2:
                return f"separated by {name}: save it with commas"
    return None
