"""One product out of its rows, with everything that is wrong or odd in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from pannier.catalog.shopify import cells as read
from pannier.catalog.shopify import columns as col
from pannier.catalog.shopify.models import (
    FileImage,
    FileProduct,
    FileRow,
    FileVariant,
    ImportOptions,
    Options,
    Report,
)
from pannier.catalog.shopify.rows import Row
from pannier.catalog.shopify.text import summarise
from pannier.kernel.findings import Finding, Findings, excerpt

T = TypeVar("T")
HANDLE_LENGTH_MAX = 255
NAME_LENGTH_MAX = 1_000
SKU_LENGTH_MAX = 255
# An index entry holds 2,704 bytes, and the options are in one.
OPTIONS_BYTES_MAX = 2_000


class ProductBuilder:
    """Builds products and adds what it finds to the report.

    Holds what is known across products: the SKUs seen.
    """

    def __init__(self, columns: Sequence[str], options: ImportOptions, report: Report) -> None:
        self._columns = columns
        self._index = {name: number for number, name in enumerate(columns)}
        self._evidence = [self._index[name] for name in col.VARIANT_EVIDENCE if name in self._index]
        self._options = options
        self._report = report
        self._sku_lines: dict[str, int] = {}
        self._has_told_tracker = False
        self._handle = ""
        self._problem_count = 0

    def build(self, handle: str, rows: Sequence[Row], position: int, *, has_first: bool = True) -> FileProduct | None:
        """The product, or None when any of its rows has a problem.

        `has_first` False: the product's own first row could not be read, so none of these need be one.
        """
        self._handle = handle
        self._problem_count = self._report.problems.count
        first = rows[0]
        variant_rows = [(at, row) for at, row in enumerate(rows) if (has_first and at == 0) or self._is_variant(row)]
        names = self._option_names(rows)
        name = self._product_name(first) if has_first else ""
        if len(handle) > HANDLE_LENGTH_MAX:
            self._problem(first, col.HANDLE, "handle_too_long", f"is longer than {HANDLE_LENGTH_MAX} characters")
        status = self._read(first, col.STATUS, read.status, "bad_status")
        is_published = self._published(first)
        variants = [self._variant(at, row, names) for at, row in variant_rows]
        self._check_combinations([row for _, row in variant_rows], variants)
        images = self._images(rows)
        self._tell_odd_rows(rows, {at for at, _ in variant_rows})
        if self._report.problems.count > self._problem_count:
            return None
        description = self._cell(first, col.BODY)
        if status in ("archived", "draft", "discontinued"):
            self._warn(first, col.STATUS, f"status_{status}", f"the product is {status}: it is kept, and not sold")
        return FileProduct(
            handle=handle,
            name=name,
            description=description,
            summary=summarise(description),
            vendor=self._cell(first, col.VENDOR).strip(),
            product_type=self._cell(first, col.TYPE).strip(),
            tags=read.tags(self._cell(first, col.TAGS)),
            status=status or "active",
            is_published=is_published,
            variants=tuple(variant for variant in variants if variant is not None),
            images=images,
            rows=tuple(self._file_row(row) for row in rows),
            position=position,
            line=first.line,
        )

    def _cell(self, row: Row, column: str) -> str:
        at = self._index.get(column)
        return row.cells[at] if at is not None else ""

    def _problem(self, row: Row, column: str, code: str, reason: str, value: str | None = None) -> None:
        self._report.problems.add(Finding(row.line, column, code, reason, self._handle, value))

    def _warn(self, row: Row, column: str | None, code: str, reason: str) -> None:
        self._report.warnings.add(Finding(row.line, column, code, reason, self._handle))

    def _read(self, row: Row, column: str, reader: Callable[[str], T], code: str) -> T | None:
        """The cell's meaning; a problem, and None, when it has none."""
        text = self._cell(row, column)
        try:
            return reader(text)
        except ValueError as error:
            self._problem(row, column, code, f"{excerpt(text)!r} {error}", excerpt(text))
            return None

    def _is_variant(self, row: Row) -> bool:
        return any(row.cells[at].strip() for at in self._evidence)

    def _file_row(self, row: Row) -> FileRow:
        return FileRow({name: text for name, text in zip(self._columns, row.cells, strict=True) if text}, row.line)

    def _product_name(self, first: Row) -> str:
        name = self._cell(first, col.TITLE).strip()
        if not name:
            self._problem(first, col.TITLE, "missing_title", "the first row of a product has no title")
        elif len(name) > NAME_LENGTH_MAX:
            self._problem(first, col.TITLE, "title_too_long", f"is longer than {NAME_LENGTH_MAX} characters")
        return name

    def _published(self, first: Row) -> bool:
        is_published = self._read(first, col.PUBLISHED, read.boolean, "bad_boolean")
        is_unlisted = self._cell(first, col.STATUS).strip().lower() == read.UNLISTED
        if is_published is False or is_unlisted:
            column = col.STATUS if is_unlisted else col.PUBLISHED
            self._warn(first, column, "not_published", "the product is not published: it is kept, and not shown")
        return is_published is not False and not is_unlisted

    def _option_names(self, rows: Sequence[Row]) -> tuple[str, ...]:
        names = tuple(self._cell(rows[0], column).strip() for column in col.OPTION_NAMES)
        for row in rows[1:]:
            for name, column in zip(names, col.OPTION_NAMES, strict=True):
                other = self._cell(row, column).strip()
                if other and other != name:
                    self._warn(
                        row,
                        column,
                        "other_option_name",
                        f"the product's first row says {excerpt(name)!r}, which counts",
                    )
        return names

    def _variant(self, at: int, row: Row, names: tuple[str, ...]) -> FileVariant | None:
        currency = self._options.currency
        price = None
        if self._cell(row, col.PRICE).strip():
            price = self._read(row, col.PRICE, lambda text: read.price(text, currency), "bad_price")
        else:
            self._problem(row, col.PRICE, "missing_price", "the row is a variant and has no price")
        compare_at = self._read(row, col.COMPARE_AT, lambda text: read.compare_at(text, currency), "bad_price")
        weight_g = self._read(row, col.GRAMS, read.grams, "bad_weight")
        is_shipped = self._read(row, col.REQUIRES_SHIPPING, read.boolean, "bad_boolean")
        is_taxable = self._read(row, col.TAXABLE, read.boolean, "bad_boolean")
        backorder_max = self._read(row, col.POLICY, read.backorder_max, "bad_policy")
        quantity = self._quantity(row)
        is_tracked = self._is_tracked(row, quantity)
        self._tell_variant(row, price, compare_at, quantity)
        if price is None:
            return None
        return FileVariant(
            options=self._variant_options(row, names),
            price_minor=price,
            compare_at_minor=compare_at,
            sku=self._sku(row),
            barcode=self._cell(row, col.BARCODE).strip() or None,
            weight_g=weight_g,
            image_url=self._cell(row, col.VARIANT_IMAGE).strip() or None,
            requires_shipping=is_shipped is not False,
            is_taxable=is_taxable is not False,
            is_tracked=is_tracked,
            quantity=quantity,
            backorder_max=backorder_max,
            row=at,
            was_tracked=is_tracked,
        )

    def _variant_options(self, row: Row, names: tuple[str, ...]) -> Options:
        values = tuple(self._cell(row, column).strip() for column in col.OPTION_VALUES)
        for name, value, column in zip(names, values, col.OPTION_VALUES, strict=True):
            if read.is_placeholder(name, value):
                continue
            if not name:
                self._warn(
                    row,
                    column,
                    "unnamed_option",
                    f"{excerpt(value)!r} is the value of an option without a name",
                )
            elif not value:
                self._warn(row, column, "blank_option", f"the variant has no {excerpt(name)}")
        options = read.options(names, values)
        if sum(len(text.encode("utf-8", "replace")) for pair in options for text in pair) > OPTIONS_BYTES_MAX:
            reason = f"the options take more than {OPTIONS_BYTES_MAX:,} bytes"
            self._problem(row, col.OPTION_VALUES[0], "option_too_long", reason)
        return options

    def _check_combinations(self, rows: Sequence[Row], variants: Sequence[FileVariant | None]) -> None:
        lines: dict[Options, int] = {}
        for row, variant in zip(rows, variants, strict=True):
            if variant is None:
                continue
            earlier = lines.setdefault(variant.options, row.line)
            if earlier != row.line:
                named = ", ".join(f"{name} {value}" for name, value in variant.options) or "without options"
                reason = f"the product has this variant ({excerpt(named)}) on line {earlier} already"
                self._problem(row, col.OPTION_VALUES[0], "duplicate_variant", reason)

    def _sku(self, row: Row) -> str | None:
        sku = self._cell(row, col.SKU).strip()
        if not sku:
            self._warn(row, col.SKU, "blank_sku", "the variant has no SKU")
            return None
        if len(sku) > SKU_LENGTH_MAX:
            self._problem(row, col.SKU, "sku_too_long", f"is longer than {SKU_LENGTH_MAX} characters")
        earlier = self._sku_lines.setdefault(sku, row.line)
        if earlier != row.line:
            self._warn(row, col.SKU, "repeated_sku", f"SKU {excerpt(sku)!r} stands on line {earlier} too")
        return sku

    def _quantity(self, row: Row) -> int | None:
        if not self._cell(row, col.QUANTITY).strip():
            return None
        units = self._read(row, col.QUANTITY, read.quantity, "bad_quantity")
        if units is not None and units < 0:
            self._warn(
                row,
                col.QUANTITY,
                "negative_stock",
                f"the stock is {units}: it is kept, and nothing is sold of it",
            )
        return units

    def _is_tracked(self, row: Row, quantity: int | None) -> bool:
        if self._cell(row, col.TRACKER).strip():
            return True
        if quantity is None or self._options.untracked_when_blank:
            return False
        if not self._has_told_tracker:
            self._has_told_tracker = True
            reason = (
                "variants with a quantity and no inventory tracker are counted from here on, "
                "so that none is oversold; --untracked-when-blank sells them without counting"
            )
            self._warn(row, col.TRACKER, "blank_tracker", reason)
        return True

    def _tell_variant(self, row: Row, price: int | None, compare_at: int | None, quantity: int | None) -> None:
        if price is not None and compare_at is not None and compare_at <= price:
            reason = "the former price is not above the price, so no discount is shown"
            self._warn(row, col.COMPARE_AT, "compare_at_not_above", reason)
        if quantity is None and self._cell(row, col.TRACKER).strip():
            reason = "the variant is counted, but its quantity is blank: a new one starts at 0"
            self._warn(row, col.QUANTITY, "blank_quantity", reason)
        cost = self._cell(row, col.COST)
        if cost.strip():
            try:
                read.price(cost, self._options.currency)
            except ValueError as error:
                self._warn(row, col.COST, "odd_cost", f"{excerpt(cost)!r} {error}; it is kept as it is")

    def _images(self, rows: Sequence[Row]) -> tuple[FileImage, ...]:
        ranked: list[tuple[int | None, int, FileImage]] = []
        seen: set[str] = set()
        for at, row in enumerate(rows):
            rank = self._read(row, col.IMAGE_POSITION, read.image_position, "bad_image_position")
            url = self._cell(row, col.IMAGE).strip()
            if not url:
                continue
            if url in seen:
                self._warn(row, col.IMAGE, "repeated_image", "the product has this image already")
                continue
            seen.add(url)
            ranked.append((rank, at, FileImage(url, self._cell(row, col.IMAGE_ALT))))
        return tuple(image for _, _, image in sorted(ranked, key=lambda item: read.image_rank(item[0], item[1])))

    def _tell_odd_rows(self, rows: Sequence[Row], variant_rows: set[int]) -> None:
        for at, row in enumerate(rows):
            if at in variant_rows:
                continue
            if self._cell(row, col.IMAGE).strip():
                self._warn(row, None, "image_only", "the row carries an image and no variant")
            else:
                self._warn(row, None, "neither", "the row carries neither variant nor image; its cells are kept")


def rebuild(handle: str, rows: Sequence[FileRow], options: ImportOptions) -> FileProduct | None:
    """What rows that were imported once say; None when, read like this, they are not all good (other currency)."""
    columns = list(dict.fromkeys(name for row in rows for name in row.cells))
    builder = ProductBuilder(columns, options, Report(problems=Findings(0), warnings=Findings(0)))
    lines = [Row(row.line, [row.cells.get(name, "") for name in columns]) for row in rows]
    return builder.build(handle, lines, 0) if lines else None
