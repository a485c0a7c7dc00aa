"""Products back into a Shopify product CSV.

A source cell is written as it came for as long as it still means the value the product has; otherwise the
value is written in one canonical form. One dialect, whatever was imported: UTF-8 without a byte order mark,
CRLF after every row, quotes only around cells that need them (RFC 4180). Cells that a spreadsheet would
take for formulas are left as they are: changing them would change the catalogue.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pannier.catalog.shopify import cells as read
from pannier.catalog.shopify import columns as col
from pannier.catalog.shopify.models import FileImage, FileProduct, FileVariant
from pannier.kernel.money import format_amount

T = TypeVar("T")
_BOOLEAN = {True: "true", False: "false"}
_NEEDS_QUOTES = re.compile(r'[",\r\n]')


@dataclass(slots=True, eq=False)
class _Line:
    cells: dict[str, str]
    variant: FileVariant | None = None
    # Not from a source: everything the format can say is written, defaults too.
    is_new: bool = False

    def set(self, column: str, text: str) -> None:
        if text:
            self.cells[column] = text
        else:
            self.cells.pop(column, None)

    def get(self, column: str) -> str:
        return self.cells.get(column, "")

    def keep(self, column: str, value: T, reader: Callable[[str], T], writer: Callable[[T], str]) -> None:
        """Leave the cell if it means the value, else write the value."""
        try:
            if reader(self.get(column)) == value:
                return
        except ValueError:
            pass
        self.set(column, writer(value))


def encode_row(texts: Iterable[str]) -> bytes:
    """One row of the file, its CRLF included."""
    quoted = ('"' + text.replace('"', '""') + '"' if _NEEDS_QUOTES.search(text) else text for text in texts)
    return (",".join(quoted) + "\r\n").encode()


def encode_cells(columns: Sequence[str], cells: Mapping[str, str]) -> bytes:
    """One row by column name; what the row does not have is blank."""
    return encode_row(cells.get(column, "") for column in columns)


def columns_with(columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> list[str]:
    """The columns, and behind them those that the rows need besides, Shopify's in Shopify's order."""
    needed = {name for cells in rows for name in cells}.difference(columns)
    known = [name for name in col.STANDARD if name in needed]
    return [*columns, *known, *sorted(needed.difference(known))]


def export(products: Sequence[FileProduct], columns: Sequence[str] = col.STANDARD, currency: str = "USD") -> bytes:
    """The whole file. `columns` are those of the imports in first-seen order (`columns.union`)."""
    rows = [cells for product in products for cells in export_rows(product, currency)]
    wide = columns_with(columns, rows)
    return encode_row(wide) + b"".join(encode_cells(wide, cells) for cells in rows)


def export_rows(product: FileProduct, currency: str) -> list[dict[str, str]]:
    """The product's rows, each its non-empty cells by column name."""
    lines = _lines(product)
    _write_product(lines[0], product)
    for line in lines:
        if line.variant is not None:
            _write_variant(line, line.variant, currency)
    _write_options(lines)
    lines = _write_images(lines, product.images)
    for line in lines:
        line.keep(col.HANDLE, product.handle, str.strip, str)
    return [line.cells for line in lines]


def _lines(product: FileProduct) -> list[_Line]:
    """The source's rows with their variants; those whose variant is gone are left out, new ones added."""
    by_row = {variant.row: variant for variant in product.variants if variant.row is not None}
    lines = [_Line(dict(row.cells), by_row.get(at)) for at, row in enumerate(product.rows)]
    if by_row:
        lines = _without_gone(lines)
    elif lines and product.variants:
        # Every variant the source had is gone: only what it said of the product and its images is left.
        lines = [_Line(_without(lines[0].cells, col.VARIANT_COLUMNS)), *_images_only(lines[1:])]
    fresh = [variant for variant in product.variants if variant.row is None]
    if fresh and (not lines or (lines[0].variant is None and not by_row)):
        first, *fresh = fresh
        lines = [_Line(lines[0].cells if lines else {}, first, is_new=True), *lines[1:]]
    return [*lines, *(_Line({}, variant, is_new=True) for variant in fresh)] or [_Line({})]


def _without_gone(lines: list[_Line]) -> list[_Line]:
    kept = [line for line in lines if line.variant is not None or not _was_variant(line.cells)]
    if lines[0].variant is None and lines[0] is not _first(kept):
        # The row that spoke for the product goes; the first variant left speaks for it now.
        head = _without(lines[0].cells, col.VARIANT_COLUMNS.union(col.IMAGE_COLUMNS))
        speaker = next(line for line in kept if line.variant is not None)
        speaker.cells = {**head, **speaker.cells}
        return [speaker, *_images_only(lines[:1]), *(line for line in kept if line is not speaker)]
    gone = {id(line): image for line in lines if line not in kept for image in _images_only([line])}
    return [line if line in kept else gone[id(line)] for line in lines if line in kept or id(line) in gone]


def _first(lines: Sequence[_Line]) -> _Line | None:
    return lines[0] if lines else None


def _was_variant(cells: Mapping[str, str]) -> bool:
    return any(cells.get(column, "").strip() for column in col.VARIANT_EVIDENCE)


def _without(cells: Mapping[str, str], columns: frozenset[str]) -> dict[str, str]:
    return {name: text for name, text in cells.items() if name not in columns}


def _images_only(lines: Iterable[_Line]) -> list[_Line]:
    """What is left of rows whose variant is gone: their images, if they have any."""
    wanted = (col.HANDLE, *col.IMAGE_COLUMNS)
    return [
        _Line({name: text for name, text in line.cells.items() if name in wanted})
        for line in lines
        if line.get(col.IMAGE).strip()
    ]


def _write_product(line: _Line, product: FileProduct) -> None:
    line.keep(col.TITLE, product.name, str.strip, str)
    line.keep(col.BODY, product.description, str, str)
    line.keep(col.VENDOR, product.vendor, str.strip, str)
    line.keep(col.TYPE, product.product_type, str.strip, str)
    line.keep(col.TAGS, product.tags, read.tags, ", ".join)
    is_unlisted = line.get(col.STATUS).strip().lower() == read.UNLISTED
    if is_unlisted and (product.is_published or product.status != "active"):
        line.set(col.STATUS, product.status)
    elif not is_unlisted:
        line.keep(col.PUBLISHED, product.is_published, _is_true_or_blank, _BOOLEAN.__getitem__)
    line.keep(col.STATUS, product.status, read.status, str)
    if not product.rows:
        line.set(col.PUBLISHED, _BOOLEAN[product.is_published])
        line.set(col.STATUS, product.status)
        line.set(col.GIFT_CARD, _BOOLEAN[False])


def _write_variant(line: _Line, variant: FileVariant, currency: str) -> None:
    line.keep(col.SKU, variant.sku, _text_or_none, _or_blank)
    line.keep(col.BARCODE, variant.barcode, _text_or_none, _or_blank)
    line.keep(col.VARIANT_IMAGE, variant.image_url, _text_or_none, _or_blank)
    line.keep(col.GRAMS, variant.weight_g, read.grams, _or_blank)
    line.keep(
        col.PRICE,
        variant.price_minor,
        lambda text: read.price(text, currency),
        lambda amount: format_amount(amount, currency),
    )
    line.keep(
        col.COMPARE_AT,
        variant.compare_at_minor,
        lambda text: read.compare_at(text, currency),
        lambda amount: "" if amount is None else format_amount(amount, currency),
    )
    line.keep(col.REQUIRES_SHIPPING, variant.requires_shipping, _is_true_or_blank, _BOOLEAN.__getitem__)
    line.keep(col.TAXABLE, variant.is_taxable, _is_true_or_blank, _BOOLEAN.__getitem__)
    if line.is_new:
        line.set(col.REQUIRES_SHIPPING, _BOOLEAN[variant.requires_shipping])
        line.set(col.TAXABLE, _BOOLEAN[variant.is_taxable])
        line.set(col.FULFILMENT, "manual")
    _write_stock(line, variant)


def _write_stock(line: _Line, variant: FileVariant) -> None:
    # Shopify knows no bounded backorder; "deny" sells too little where "continue" would sell too much.
    policy = "continue" if variant.backorder_max is None else "deny"
    line.keep(col.POLICY, None if variant.backorder_max is None else 0, read.backorder_max, lambda _: policy)
    if line.is_new:
        line.set(col.POLICY, policy)
    if line.is_new or variant.is_tracked != variant.was_tracked:
        # A blank tracker beside a quantity would be read as counted.
        line.set(col.TRACKER, (line.get(col.TRACKER) or "shopify") if variant.is_tracked else "")
        line.set(col.QUANTITY, line.get(col.QUANTITY) if variant.is_tracked else "")
        if line.is_new and variant.is_tracked:
            line.set(col.QUANTITY, str(variant.quantity or 0))
    if variant.quantity is not None and (variant.is_tracked or line.get(col.QUANTITY).strip()):
        line.keep(col.QUANTITY, variant.quantity, lambda text: read.quantity(text) if text.strip() else 0, str)


def _write_options(lines: Sequence[_Line]) -> None:
    """Leave the option cells if all of them are right, a new variant's filled in; else write all anew."""
    names = tuple(lines[0].get(column).strip() for column in col.OPTION_NAMES)
    variants = [(line, line.variant) for line in lines if line.variant is not None]
    for line, variant in variants:
        if line.is_new:
            values = dict(variant.options)
            for name, column in zip(names, col.OPTION_VALUES, strict=True):
                line.set(column, values.get(name, "Default Title" if name == "Title" and not values else ""))
    is_named = any(names) or not all(line.is_new for line, _ in variants)
    if is_named and all(_options_of(line, names) == variant.options for line, variant in variants):
        return
    wanted = list(dict.fromkeys(name for _, variant in variants for name, _ in variant.options))[: len(names)]
    for at, (name_column, value_column) in enumerate(zip(col.OPTION_NAMES, col.OPTION_VALUES, strict=True)):
        name = wanted[at] if at < len(wanted) else ("Title" if at == 0 else "")
        lines[0].set(name_column, name)
        for line, variant in variants:
            line.set(value_column, dict(variant.options).get(name, "Default Title" if name == "Title" else ""))


def _options_of(line: _Line, names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    return read.options(names, tuple(line.get(column).strip() for column in col.OPTION_VALUES))


def _write_images(lines: list[_Line], images: Sequence[FileImage]) -> list[_Line]:
    wanted = {image.url: image for image in images}
    first: dict[str, _Line] = {}
    emptied: set[int] = set()
    for line in lines:
        url = line.get(col.IMAGE).strip()
        if url and url not in wanted:
            for column in col.IMAGE_COLUMNS:
                line.set(column, "")
            if line.variant is None and not line.cells.keys() - {col.HANDLE}:
                emptied.add(id(line))
        elif url and url not in first:
            first[url] = line
            line.keep(col.IMAGE_ALT, wanted[url].alt, str, str)
    free = [line for line in lines if not line.get(col.IMAGE).strip()]
    grown = list(lines)
    for rank, image in enumerate(images, start=1):
        if image.url not in first:
            line = free.pop(0) if free else _Line({})
            if line not in grown:
                grown.append(line)
            line.cells.update({col.IMAGE: image.url, col.IMAGE_POSITION: str(rank)})
            line.set(col.IMAGE_ALT, image.alt)
            first[image.url] = line
    _rank_images(grown, first, [image.url for image in images])
    return [line for at, line in enumerate(grown) if at == 0 or id(line) not in emptied or line in first.values()]


def _rank_images(lines: Sequence[_Line], first: Mapping[str, _Line], urls: Sequence[str]) -> None:
    places = {id(line): at for at, line in enumerate(lines)}

    def rank(url: str) -> tuple[int, int]:
        line = first[url]
        return read.image_rank(read.image_position(line.get(col.IMAGE_POSITION)), places[id(line)])

    if sorted(urls, key=rank) != list(urls):
        for number, url in enumerate(urls, start=1):
            first[url].set(col.IMAGE_POSITION, str(number))


def _text_or_none(text: str) -> str | None:
    return text.strip() or None


def _or_blank(value: object | None) -> str:
    return "" if value is None else str(value)


def _is_true_or_blank(text: str) -> bool:
    return read.boolean(text) is not False
