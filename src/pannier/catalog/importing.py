"""Brings a checked file into the shop: all of it in one transaction, or nothing."""

from __future__ import annotations

import asyncio
import contextlib
import io
import itertools
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from pannier.catalog import file_repository as files
from pannier.catalog import rules
from pannier.catalog.errors import ImportInProgressError
from pannier.catalog.jobs import catch_up
from pannier.catalog.json_file import JsonFile, from_document
from pannier.catalog.models import MergedVariant, StoredProduct
from pannier.catalog.ports import Stock, StockChange
from pannier.catalog.shopify.build import rebuild
from pannier.catalog.shopify.models import (
    CatalogueFile,
    FileProduct,
    ImportOptions,
    ProgressCallback,
    Report,
)
from pannier.catalog.shopify.parse import ShopifyFile
from pannier.kernel.findings import Finding, Findings
from pannier.kernel.ids import uuid7
from pannier.platform.database import UNHURRIED_S, DatabaseUnavailableError

if TYPE_CHECKING:
    from pannier.platform.database import Connection, Database

BATCH_PRODUCTS = 500

Outcome = Literal["imported", "unchanged", "refused"]


@dataclass(slots=True)
class ImportReport:
    """What an import did. `refused`: nothing is stored, `file.problems` says why.

    Counts are of products; with `--partial` those in `file.left_out` were left out.
    """

    file: Report
    outcome: Outcome = "refused"
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    stock_changes: int = 0

    def to_dict(self) -> dict[str, Any]:
        """For `--json`. Problems and warnings are counted in full, and the first of them listed."""
        file = self.file
        return {
            "outcome": self.outcome,
            "products": {"created": self.created, "updated": self.updated, "unchanged": self.unchanged},
            "stock_changes": self.stock_changes,
            "file": {
                "rows": file.rows,
                "products": file.products,
                "variants": file.variants,
                "images": file.images,
                "price_sum_minor": file.price_sum_minor,
                "quantity_sum": file.quantity_sum,
                "left_out": len(file.left_out),
            },
            "problems": _findings(file.problems),
            "warnings": _findings(file.warnings),
        }


@dataclass(slots=True)
class _Batch:
    """Rows to write, by statement."""

    products: list[dict[str, Any]] = field(default_factory=list)
    variants: list[dict[str, Any]] = field(default_factory=list)
    prices: list[dict[str, Any]] = field(default_factory=list)
    images: list[dict[str, Any]] = field(default_factory=list)
    images_of: list[uuid.UUID] = field(default_factory=list)
    types: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    stock: list[StockChange] = field(default_factory=list)


async def import_shopify(
    db: Database,
    stock: Stock,
    source: Path | bytes | BinaryIO,
    *,
    options: ImportOptions,
    partial: bool = False,
    actor: str = "import",
    on_progress: ProgressCallback | None = None,
) -> ImportReport:
    """Import a Shopify product CSV. A file with any problem is refused whole, unless `partial`.

    Raises OSError when the file cannot be read, ImportInProgressError, DatabaseUnavailableError.
    """
    with _opened(source) as stream:
        file = ShopifyFile(stream, options, on_progress)
        return await import_file(db, stock, file, options=options, partial=partial, actor=actor)


async def import_json(
    db: Database,
    stock: Stock,
    source: Path | bytes | BinaryIO,
    *,
    options: ImportOptions,
    partial: bool = False,
    actor: str = "import",
    on_progress: ProgressCallback | None = None,
) -> ImportReport:
    """The same for Pannier's own JSON, see `json_file`."""
    with _opened(source) as stream:
        file = JsonFile(stream, options, on_progress)
        return await import_file(db, stock, file, options=options, partial=partial, actor=actor)


async def import_file(
    db: Database, stock: Stock, file: CatalogueFile, *, options: ImportOptions, partial: bool, actor: str
) -> ImportReport:
    """Import a catalogue of any format. Judges the whole file before it opens a transaction."""
    checked = await asyncio.to_thread(file.check)
    if not checked.is_readable or (checked.problems.count and not partial):
        return ImportReport(checked)

    async def store(connection: Connection) -> ImportReport:
        report = ImportReport(checked)
        await _Import(connection, stock, options, actor, db.clock.now().isoformat(), report).run(file)
        known = await files.imported_columns(connection)
        if not set(checked.columns) <= set(known):
            await files.record_import(connection, uuid7(), checked.columns, actor, db.clock.now())
        report.outcome = "imported" if report.created or report.updated else "unchanged"
        return report

    report = await db.write(store, UNHURRIED_S)
    # Its new words, for who mistypes them. A shop that is running does it in a moment as well.
    with contextlib.suppress(DatabaseUnavailableError):
        await catch_up(db)
    return report


class _Import:
    """One run within one transaction."""

    def __init__(
        self,
        connection: Connection,
        stock: Stock,
        options: ImportOptions,
        actor: str,
        at: str,
        report: ImportReport,
    ) -> None:
        self._connection = connection
        self._stock = stock
        self._options = options
        self._actor = actor
        self._at = at
        self._report = report

    async def run(self, file: CatalogueFile) -> None:
        if not await files.take_import_lock(self._connection):
            raise ImportInProgressError("Another import is under way. Wait until it is done, then try again.")
        await files.price_cause(self._connection, self._actor, "catalogue import", None, self._at)
        first = await files.next_position(self._connection)
        products = file.products()
        # Reading is work for the processor: in a thread it leaves the event loop to others.
        while batch := await asyncio.to_thread(lambda: list(itertools.islice(products, BATCH_PRODUCTS))):
            await self._store(batch, first)

    async def _store(self, products: Sequence[FileProduct], first_position: int) -> None:
        said = await files.sources_by_slug(self._connection, [product.handle for product in products])
        changed = [product for product in products if said.get(product.handle) != source_of(product)]
        self._report.unchanged += len(products) - len(changed)
        slugs = [product.handle for product in changed if product.handle in said]
        stored = await files.products_by_slug(self._connection, slugs, self._options.currency)
        levels = await self._stock.levels(
            self._connection, [variant.id for product in stored.values() for variant in product.variants]
        )
        batch = _Batch()
        for product in changed:
            current = stored.get(product.handle)
            if current is None:
                self._add(batch, product, first_position)
            else:
                self._change(batch, files.with_quantities(current, levels), product)
        if batch.products:
            await self._write(batch)

    async def _write(self, batch: _Batch) -> None:
        connection = self._connection
        await files.write_products(connection, batch.products)
        await files.write_variants(connection, batch.variants)
        await files.write_prices(connection, batch.prices)
        await files.write_images(connection, batch.images_of, batch.images)
        if batch.types:
            await files.write_types(connection, batch.types)
        await files.write_events(connection, batch.events)
        await files.refresh_display(connection, [row["id"] for row in batch.products])
        self._report.stock_changes += len(batch.stock)
        if batch.stock:
            await self._stock.change(connection, batch.stock, actor=self._actor, reason="catalogue import")

    def _add(self, batch: _Batch, product: FileProduct, first_position: int) -> None:
        self._report.created += 1
        variants = [
            MergedVariant(None, variant, True, _has_stock(variant.quantity, variant.is_tracked), variant.quantity or 0)
            for variant in product.variants
        ]
        row = _product_row(uuid7(), product, first_position + product.position, 1)
        self._put(batch, row, product, variants, "product.created")
        self._put_images(batch, row["id"], product)
        self._put_type(batch, row["id"], product.product_type, "")

    def _change(self, batch: _Batch, current: StoredProduct, new: FileProduct) -> None:
        base = self._base(current.values)
        merged, variants = rules.merge_product(current, base, new), rules.merge_variants(current, base, new)
        if rules.is_as_it_was(current, merged, variants):
            # What the file says is remembered, for the next one to be compared with; nothing has happened.
            self._report.unchanged += 1
            self._put(batch, _product_row(current.id, merged, merged.position, current.version), merged, variants, None)
            return
        self._report.updated += 1
        row = _product_row(current.id, merged, merged.position, current.version + 1)
        self._put(batch, row, merged, variants, "product.updated")
        if merged.images != current.values.images:
            self._put_images(batch, current.id, merged)
        if merged.product_type != current.values.product_type:
            self._put_type(batch, current.id, merged.product_type, current.values.product_type)

    def _base(self, stored: FileProduct) -> FileProduct | None:
        """What the last file said of the product; None when none did."""
        if stored.said is not None:
            return from_document(stored.said)
        return rebuild(stored.handle, stored.rows, self._options) if stored.rows else None

    def _put(
        self,
        batch: _Batch,
        row: dict[str, Any],
        product: FileProduct,
        variants: Sequence[MergedVariant],
        event: str | None,
    ) -> None:
        batch.products.append(row)
        ids = [variant.id or uuid7() for variant in variants]
        for place, (variant_id, variant) in enumerate(zip(ids, variants, strict=True)):
            batch.variants.append(_variant_row(variant_id, row["id"], place, variant))
            values = variant.values
            if values.price_minor >= 0:
                batch.prices.append(
                    {
                        "id": uuid7(),
                        "variant_id": variant_id,
                        "currency": self._options.currency,
                        "amount_minor": values.price_minor,
                        "compare_at_minor": values.compare_at_minor,
                    }
                )
            if variant.sets_stock:
                batch.stock.append(
                    StockChange(variant_id, variant.quantity_change, values.is_tracked, values.backorder_max)
                )
        if event is None:
            return
        batch.events.append(
            {
                "aggregate_id": row["id"],
                "version": row["version"],
                "id": uuid7(),
                "type": event,
                "data": {"slug": product.handle, "status": product.status, "variants": ids},
                "actor": self._actor,
                "at": self._at,
            }
        )

    def _put_images(self, batch: _Batch, product_id: uuid.UUID, product: FileProduct) -> None:
        batch.images_of.append(product_id)
        for place, image in enumerate(product.images):
            batch.images.append(
                {"id": uuid7(), "product_id": product_id, "position": place, "url": image.url, "alt": image.alt}
            )

    def _put_type(self, batch: _Batch, product_id: uuid.UUID, name: str, old: str) -> None:
        if name or old:
            slugs = {"slug": rules.slugify(name), "old_slug": rules.slugify(old)}
            batch.types.append({"product_id": product_id, "id": uuid7(), "name": name, **slugs})


def source_of(product: FileProduct) -> dict[str, Any]:
    """What is kept of a file beside the product: its cells as they were, and the values where it says them apart."""
    rows = {"rows": [row.cells for row in product.rows]}
    return rows if product.said is None else rows | {"said": product.said}


def _has_stock(quantity: int | None, is_tracked: bool) -> bool:  # two cells of one row
    """A variant that is not counted and has no quantity needs no stock row."""
    return is_tracked or quantity is not None


def _product_row(product_id: uuid.UUID, product: FileProduct, position: int, version: int) -> dict[str, Any]:
    return {
        "id": product_id,
        "slug": product.handle,
        "name": product.name,
        "description": product.description,
        "summary": product.summary,
        "vendor": product.vendor,
        "product_type": product.product_type,
        "status": product.status,
        "is_published": product.is_published,
        "tags": product.tags,
        "position": position,
        "source": source_of(product),
        "version": version,
    }


def _variant_row(variant_id: uuid.UUID, product_id: uuid.UUID, place: int, variant: MergedVariant) -> dict[str, Any]:
    values = variant.values
    has_row = values.row is not None
    return {
        "id": variant_id,
        "product_id": product_id,
        "position": place,
        "sku": values.sku,
        "barcode": values.barcode,
        "options": values.options,
        "weight_g": values.weight_g,
        "image_url": values.image_url,
        "requires_shipping": values.requires_shipping,
        "is_taxable": values.is_taxable,
        "is_active": variant.is_active,
        "source": {"row": values.row, "was_tracked": values.was_tracked} if has_row else None,
    }


def _findings(findings: Findings) -> dict[str, Any]:
    def plain(finding: Finding) -> Mapping[str, Any]:
        return {
            "line": finding.line,
            "column": finding.column,
            "code": finding.code,
            "reason": finding.reason,
            "handle": finding.handle,
        }

    return {
        "count": findings.count,
        "by_code": dict(findings.by_code),
        "listed": [plain(finding) for finding in findings],
    }


@contextlib.contextmanager
def _opened(source: Path | bytes | BinaryIO) -> Iterator[BinaryIO]:
    if isinstance(source, bytes):
        yield io.BytesIO(source)
    elif isinstance(source, Path):
        with source.open("rb") as stream:
            yield stream
    else:
        yield source
