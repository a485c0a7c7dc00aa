"""Writes the catalogue as it is now into a file of another shop's format."""

from __future__ import annotations

import contextlib
import dataclasses
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from pannier.catalog import file_repository as files
from pannier.catalog.json_file import ENCODED_END, encode_head, encode_product
from pannier.catalog.models import StoredProduct
from pannier.catalog.ports import Stock
from pannier.catalog.shopify.columns import STANDARD
from pannier.catalog.shopify.export import columns_with, encode_cells, encode_row, export_rows
from pannier.catalog.shopify.models import FileProduct, FileVariant
from pannier.platform.database import UNHURRIED_S

if TYPE_CHECKING:
    from pannier.platform.database import Connection, Database

BATCH_PRODUCTS = 500
_FIRST = uuid.UUID(int=0)

ExportProgress = Callable[[int, int], None]


@dataclass(slots=True)
class ExportReport:
    """`unpriced` are variants without a price in the currency: the format cannot say that, so they are left out."""

    products: int = 0
    rows: int = 0
    unpriced: int = 0

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


async def export_shopify(
    db: Database, stock: Stock, out: BinaryIO, *, currency: str, on_progress: ExportProgress | None = None
) -> ExportReport:
    """Write every product as Shopify CSV. `on_progress` is called with (products done, products in all).

    Reads one snapshot, twice: the header needs to know of columns that only a late product has.
    """
    report = ExportReport()
    async with _snapshot(db) as connection:
        total = await connection.fetchval("select count(*) from product")
        columns = await files.imported_columns(connection) or list(STANDARD)
        async for product in _products(connection, stock, currency):
            columns = columns_with(columns, export_rows(product, currency))
        out.write(encode_row(columns))
        async for product in _products(connection, stock, currency, report):
            rows = export_rows(product, currency)
            out.writelines(encode_cells(columns, cells) for cells in rows)
            report.products += 1
            report.rows += len(rows)
            if on_progress is not None:
                on_progress(report.products, total)
    return report


async def export_json(
    db: Database, stock: Stock, out: BinaryIO, *, currency: str, on_progress: ExportProgress | None = None
) -> ExportReport:
    """The same in Pannier's own JSON, which leaves nothing out but other currencies' prices."""
    report = ExportReport()
    async with _snapshot(db) as connection:
        total = await connection.fetchval("select count(*) from product")
        columns = await files.imported_columns(connection)
        out.write(encode_head(columns, currency))
        async for product in _products(connection, stock, currency, report):
            out.write((b",\n" if report.products else b"") + encode_product(product, columns))
            report.products += 1
            report.rows += len(product.rows)
            if on_progress is not None:
                on_progress(report.products, total)
        out.write(ENCODED_END)
    return report


@contextlib.asynccontextmanager
async def _snapshot(db: Database) -> AsyncIterator[Connection]:
    async with (
        db.read(UNHURRIED_S) as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        # Whoever takes the file may be slow; nobody waits for a reader's locks.
        await connection.execute("set local idle_in_transaction_session_timeout = 0")
        yield connection


async def _products(
    connection: Connection, stock: Stock, currency: str, report: ExportReport | None = None
) -> AsyncIterator[FileProduct]:
    position, last = -1, _FIRST
    while batch := await files.products_after(connection, position, last, currency, BATCH_PRODUCTS):
        ids = [variant.id for product in batch for variant in product.variants]
        levels = await stock.levels(connection, ids)
        for product in batch:
            filled = files.with_quantities(product, levels)
            if report is not None:
                report.unpriced += sum(variant.values.price_minor < 0 for variant in filled.variants)
            yield _exportable(filled)
        position, last = batch[-1].values.position, batch[-1].id


def _exportable(product: StoredProduct) -> FileProduct:
    """Variants that the staff took off sale are left out, unless that is all of them: a product needs one."""
    if product.values.variants:
        return product.values
    every = tuple(_priced(variant.values) for variant in product.variants)
    return dataclasses.replace(product.values, variants=every, status="archived")


def _priced(values: FileVariant) -> FileVariant:
    return values if values.price_minor >= 0 else dataclasses.replace(values, price_minor=0)
