"""Shopify files made for a test: one good row, and what a test changes in it."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

from pannier.catalog.shopify.columns import STANDARD

GOOD: Mapping[str, str] = {
    "Handle": "lamp",
    "Title": "Lamp",
    "Published": "true",
    "Option1 Name": "Title",
    "Option1 Value": "Default Title",
    "Variant SKU": "L-1",
    "Variant Inventory Tracker": "shopify",
    "Variant Inventory Qty": "3",
    "Variant Inventory Policy": "deny",
    "Variant Price": "50",
}


def row(**changes: str) -> dict[str, str]:
    """The good row with cells changed; a keyword's underscores stand for the blanks of the column's name."""
    return {**GOOD, **{name.replace("_", " "): text for name, text in changes.items()}}


def csv_bytes(rows: Sequence[Mapping[str, str]], columns: Sequence[str] = STANDARD, newline: str = "\r\n") -> bytes:
    """A whole file."""
    table = [list(columns), *([cells.get(column, "") for column in columns] for cells in rows)]
    return "".join(",".join(map(quoted, cells)) + newline for cells in table).encode()


def quoted(cell: str) -> str:
    """Python's writer leaves a lone carriage return without quotes when lines end in a line feed."""
    return '"' + cell.replace('"', '""') + '"' if set(cell) & set(',"\r\n') else cell


def cells_by_handle(data: bytes) -> dict[str, list[dict[str, str]]]:
    """The non-empty cells of each row, by handle, in order: read by Python's own reader, not by ours."""
    text = data.decode("utf-8-sig")
    found: dict[str, list[dict[str, str]]] = {}
    for cells in csv.DictReader(io.StringIO(text, newline=""), strict=True):
        kept = {name: value for name, value in cells.items() if value}
        if kept:
            found.setdefault(cells["Handle"].strip(), []).append(kept)
    return found
