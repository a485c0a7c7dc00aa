"""Stylesheet, fonts and pictures, read once and served under an address that changes with their content."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

IMMUTABLE = "public, max-age=31536000, immutable"
PICTURE_WIDTHS = (160, 320, 480, 640)
#: Where the catalogue finds this project's own pictures: `/pictures/mug.webp`.
PICTURES = "/pictures/"

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
_COMPRESSED = frozenset({".css", ".svg"})


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent; `gzipped` None where that would not make it smaller."""

    body: bytes
    content_type: str
    gzipped: bytes | None


@dataclass(frozen=True, slots=True)
class Picture:
    """What an `img` needs. `srcset` is empty, and the size unknown, for a picture of somebody else's."""

    src: str
    srcset: str = ""
    width: int | None = None
    height: int | None = None


class Assets:
    """The files of `web/static`. Their common hash is part of their address, so a style sheet names fonts by path."""

    def __init__(self, directory: Path) -> None:
        self._files: dict[str, Asset] = {}
        digest = hashlib.sha256()
        for path in sorted(directory.rglob("*")):
            if path.suffix not in _TYPES or not path.is_file():
                continue
            body, name = path.read_bytes(), path.relative_to(directory).as_posix()
            digest.update(name.encode() + b"\0" + body)
            # Without the moment of compression, so that every process sends the same bytes.
            gzipped = gzip.compress(body, 9, mtime=0) if path.suffix in _COMPRESSED else None
            self._files[name] = Asset(body, _TYPES[path.suffix], gzipped)
        self.version = digest.hexdigest()[:12]

    def find(self, name: str) -> Asset | None:
        """The file of that name below `web/static`."""
        return self._files.get(name)

    def address(self, name: str, root_path: str = "") -> str:
        """Where it is served. Raises LookupError for a name that no file has: a template has a mistake then."""
        if name not in self._files:
            raise LookupError(f"there is no web/static/{name}")
        return f"{root_path}/a/{self.version}/{name}"

    def picture(self, url: str, root_path: str = "") -> Picture:
        """A picture of the catalogue: one of ours in every size there is, another one as it is."""
        stem = url.removeprefix(PICTURES).removesuffix(".webp")
        if url != f"{PICTURES}{stem}.webp" or self.find(f"pictures/{stem}-{PICTURE_WIDTHS[-1]}.webp") is None:
            return Picture(f"{root_path}{url}" if url.startswith("/") and not url.startswith("//") else url)
        sizes = [(self.address(f"pictures/{stem}-{width}.webp", root_path), width) for width in PICTURE_WIDTHS]
        src, width = sizes[-1]
        return Picture(src, ", ".join(f"{address} {size}w" for address, size in sizes), width, width * 5 // 4)
