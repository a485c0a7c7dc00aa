"""The history of prices: every change with its time, its actor and its reason, and the prices of any moment.

The rows are written by triggers on the table of prices, in the transaction of the change, whoever makes it; who that
is and why is what `file_repository.price_cause` has said before.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pannier.catalog.errors import ProductNotFoundError
from pannier.platform.database import Database

if TYPE_CHECKING:
    from pannier.platform.database import Connection

_ENTRY = """h.id, h.variant_id, h.price_list, h.channel, h.currency, h.customer_group, h.quantity_min,
  nullif(h.valid_from, '-infinity') as valid_from, nullif(h.valid_to, 'infinity') as valid_to, h.amount_before,
  h.amount_after as amount, h.compare_at_before, h.compare_at_after as compare_at, h.actor, h.reason, h.correlation_id,
  h.at"""
_CHANGES = f"""
select {_ENTRY} from price_history h
 where h.variant_id = any($1) and h.id < $2 order by h.id desc limit $3
"""
# The change that made each price what it was then. One that was taken away by then was none.
_AT = f"""
select * from (
  select distinct on (h.price_id) {_ENTRY} from price_history h
   where h.variant_id = any($1) and h.at <= $2 order by h.price_id, h.id desc) e
 where e.amount is not null order by e.variant_id, e.price_list, e.currency, e.id
"""


class PriceHistory:
    """What a shop's prices were."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def changes(
        self, product_id: uuid.UUID, *, variant_id: uuid.UUID | None, before: int | None, limit: int
    ) -> list[Mapping[str, Any]]:
        """Changes of a product's prices, the newest first, of those before one. Raises ProductNotFoundError."""
        async with self._db.read() as connection:
            variants = await _variants(connection, product_id, variant_id)
            rows = await connection.fetch(_CHANGES, variants, before if before is not None else 2**63 - 1, limit)
        return [dict(row) for row in rows]

    async def at(
        self, product_id: uuid.UUID, moment: datetime, *, variant_id: uuid.UUID | None
    ) -> list[Mapping[str, Any]]:
        """The prices that there were at a moment, each as the change that made it so. Raises ProductNotFoundError."""
        async with self._db.read() as connection:
            rows = await connection.fetch(_AT, await _variants(connection, product_id, variant_id), moment)
        return [dict(row) for row in rows]


async def _variants(connection: Connection, product_id: uuid.UUID, variant_id: uuid.UUID | None) -> list[uuid.UUID]:
    if not await connection.fetchval("select true from product where id = $1", product_id):
        raise ProductNotFoundError(f"There is no product {product_id}.", details={"product": str(product_id)})
    rows = await connection.fetch("select id from variant where product_id = $1", product_id)
    return [row["id"] for row in rows if variant_id in {None, row["id"]}]
