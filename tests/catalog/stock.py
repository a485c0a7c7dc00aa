"""The stock port on the ledger's own SQL functions, as the composition root gives it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from pannier.catalog.ports import StockChange, StockLevel

if TYPE_CHECKING:
    from pannier.platform.database import Connection


class LedgerStock:
    async def levels(self, connection: Connection, variants: Sequence[uuid.UUID]) -> Mapping[uuid.UUID, StockLevel]:
        rows = await connection.fetch(
            "select variant_id, on_hand, stock_available(stock, clock_timestamp()) as available, is_tracked,"
            " backorder_max from stock where variant_id = any($1)",
            variants,
        )
        return {
            row["variant_id"]: StockLevel(row["on_hand"], row["available"], row["is_tracked"], row["backorder_max"])
            for row in rows
        }

    async def change(self, connection: Connection, changes: Sequence[StockChange], *, actor: str, reason: str) -> None:
        text = msgspec.json.encode(changes).decode()
        source = (
            "jsonb_to_recordset($1::text::jsonb)"
            " as x(variant_id uuid, quantity bigint, is_tracked boolean, backorder_max bigint)"
        )
        await connection.execute(
            "insert into stock (variant_id, is_tracked, backorder_max)"
            f" select variant_id, is_tracked, backorder_max from {source}"
            " on conflict (variant_id, location_id) do update"
            " set is_tracked = excluded.is_tracked, backorder_max = excluded.backorder_max",
            text,
        )
        await connection.execute(
            "select stock_add(variant_id, '00000000-0000-7000-8000-000000000001', quantity,"
            " case when quantity > 0 then 'receive' else 'adjust' end,"
            f" ($2, null, null, 'import', null, $3, clock_timestamp())::movement_cause) from {source}"
            " where quantity <> 0",
            text,
            actor,
            reason,
        )
