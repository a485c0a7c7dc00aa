"""The catalogue of a plan and its opening stock, in the database exactly once."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from fractions import Fraction

from bench.replay.planner import CURRENCY, Plan, Product
from pannier.inventory import Cause, InventoryService, LevelRow
from pannier.kernel.ids import uuid7
from pannier.platform.database import Connection, Database

_PREFIX = "replay/"
# Any number will do: two replays that open one shop at a time are one too many.
_LOCK = 0x7265_706C_6179


class OpenedOtherwiseError(ValueError):
    """The database was opened for these files before, with another share of the stock."""


async def open_shop(
    db: Database, inventory: InventoryService, plan: Plan, fraction: Fraction
) -> Mapping[str, uuid.UUID]:
    """Make what is missing of the catalogue, receive the opening stock unless it was, and answer codes' variants.

    All in one transaction. Raises OpenedOtherwiseError.
    """

    async def command(connection: Connection) -> Mapping[str, uuid.UUID]:
        await connection.execute("select pg_advisory_xact_lock($1)", _LOCK)
        known = await _variants(connection, plan.products)
        await _make_products(connection, [p for code, p in plan.products.items() if code not in known])
        variants = await _variants(connection, plan.products)
        opening = {variants[c]: p.opening_stock(fraction) for c, p in plan.products.items()}
        reference = _reference(plan)
        received = await _received(connection, list(opening), reference)
        if received is None:
            cause = Cause("replay", "opening stock", reference_kind="replay", reference_id=reference)
            rows = [LevelRow(variant_id, units) for variant_id, units in opening.items()]
            await inventory.add_levels(connection, rows, cause)
        elif received != sum(opening.values()):
            raise OpenedOtherwiseError(
                f"This database was opened for these files with {received:,} units, not {sum(opening.values()):,}. "
                "Name the same --stock as before, or another database."
            )
        return variants

    return await db.write(command)


async def _variants(connection: Connection, codes: Mapping[str, Product]) -> dict[str, uuid.UUID]:
    rows = await connection.fetch(
        "select p.external_reference, v.id from product p join variant v on v.product_id = p.id "
        "where p.external_reference = any($1)",
        [_PREFIX + code for code in codes],
    )
    return {row[0].removeprefix(_PREFIX): row[1] for row in rows}


async def _make_products(connection: Connection, products: Sequence[Product]) -> None:
    if not products:
        return
    taken = {row[0] for row in await connection.fetch("select slug from product")}
    names = [(product, uuid7(), uuid7(), _slug(product.code, taken)) for product in products]
    await connection.copy_records_to_table(
        "product",
        columns=["id", "slug", "name", "external_reference", "position"],
        records=[
            (product_id, slug, product.description or product.code, _PREFIX + product.code, position)
            for position, (product, product_id, _, slug) in enumerate(names, 1)
        ],
    )
    await connection.copy_records_to_table(
        "variant",
        columns=["id", "product_id", "sku"],
        records=[(variant_id, product_id, product.code) for product, product_id, variant_id, _ in names],
    )
    await connection.copy_records_to_table(
        "price",
        columns=["id", "variant_id", "currency", "amount_minor"],
        records=[(uuid7(), variant_id, CURRENCY, product.unit_price_minor) for product, _, variant_id, _ in names],
    )
    await connection.execute("select catalog_refresh_display($1)", [product_id for _, product_id, _, _ in names])


async def _received(connection: Connection, variants: list[uuid.UUID], reference: uuid.UUID) -> int | None:
    """Units that were received for these files before; None when they never were."""
    units: int | None = await connection.fetchval(
        "select sum(quantity)::bigint from stock_movement where variant_id = any($1) and reference_id = $2",
        variants,
        reference,
    )
    return units


def _reference(plan: Plan) -> uuid.UUID:
    """The same for the same invoices, whatever share of the stock is asked for."""
    return uuid.uuid5(uuid.NAMESPACE_OID, repr(plan.invoices))


def _slug(code: str, taken: set[str]) -> str:
    """An address of its own for each code; codes that differ in case only get a number."""
    base = re.sub(r"[^a-z0-9]+", "-", code.lower()).strip("-") or "code"
    slug, number = base, 1
    while slug in taken:
        number += 1
        slug = f"{base}-{number}"
    taken.add(slug)
    return slug
