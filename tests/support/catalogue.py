"""Products with stock, made in the tables as the catalogue and the ledger would make them."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import asyncpg
import msgspec

from pannier.kernel.ids import uuid7
from pannier.platform.database import Database

LOCATION = uuid.UUID("00000000-0000-7000-8000-000000000001")


async def make_product(
    db: Database,
    *,
    on_hand: int | None = 100,
    price_minor: int | None = 1000,
    compare_at_minor: int | None = None,
    currency: str = "USD",
    name: str = "Oak stool",
    sku: str | None = None,
    backorder_max: int | None = 0,
    safety_quantity: int = 0,
    quantity_max: int | None = None,
    status: str = "active",
    requires_shipping: bool = True,
) -> uuid.UUID:
    """A product with one variant; answers the variant's id. `on_hand=None` is not counted."""
    product_id, variant_id = uuid7(), uuid7()

    async def command(connection: asyncpg.pool.PoolConnectionProxy[asyncpg.Record]) -> None:
        await connection.execute(
            "insert into product (id, slug, name, summary, status) values ($1, $2, $3, 'A thing', $4)",
            product_id,
            f"p-{product_id}",
            name,
            status,
        )
        await connection.execute(
            "insert into variant (id, product_id, sku, quantity_max, requires_shipping) values ($1, $2, $3, $4, $5)",
            variant_id,
            product_id,
            sku,
            quantity_max,
            requires_shipping,
        )
        if price_minor is not None:
            await connection.execute(
                "insert into price (id, variant_id, currency, amount_minor, compare_at_minor)"
                " values ($1, $2, $3, $4, $5)",
                uuid7(),
                variant_id,
                currency,
                price_minor,
                compare_at_minor,
            )
        if on_hand is not None:
            await _stock(connection, variant_id, on_hand, backorder_max, safety_quantity)
        await connection.execute("select catalog_refresh_display(array[$1::uuid])", product_id)

    await db.write(command)
    return variant_id


async def _stock(
    connection: asyncpg.pool.PoolConnectionProxy[asyncpg.Record],
    variant_id: uuid.UUID,
    on_hand: int,
    backorder_max: int | None,
    safety_quantity: int,
) -> None:
    await connection.execute(
        "insert into stock (variant_id, backorder_max, safety_quantity) values ($1, $2, $3)",
        variant_id,
        backorder_max,
        safety_quantity,
    )
    if on_hand:
        await connection.execute(
            "select stock_add($1, $2, $3, $4, "
            "row('test', null, null, null, null, 'opening stock', clock_timestamp())::movement_cause)",
            variant_id,
            LOCATION,
            on_hand,
            "receive" if on_hand > 0 else "adjust",
        )


class Figures(msgspec.Struct, frozen=True):
    """A stock row: units, and the moment before which no hold on it runs out."""

    on_hand: int
    held: int
    version: int
    next_due_at: datetime


async def figures(db: Database, variant_id: uuid.UUID) -> Figures:
    """What the stock row of a variant says."""
    async with db.read() as connection:
        row = await connection.fetchrow(
            "select on_hand, held, version, next_due_at from stock where variant_id = $1", variant_id
        )
    assert row is not None
    due = row["next_due_at"]
    return Figures(row["on_hand"], row["held"], row["version"], due if due.tzinfo else due.replace(tzinfo=UTC))
