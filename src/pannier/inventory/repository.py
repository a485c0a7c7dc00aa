"""The statements over stock, one function each. `offset` is what the shop's time is ahead of the database's."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pannier.inventory.models import (
    DEFAULT_LOCATION,
    Cause,
    HeldFor,
    LevelRow,
    Movement,
    StockLevel,
    SweepResult,
    Wanted,
)

if TYPE_CHECKING:
    from pannier.platform.database import Connection


async def set_levels(
    conn: Connection, rows: Sequence[LevelRow], *, is_difference: bool, offset: timedelta, cause: Cause
) -> Mapping[str, Any]:
    """`{"made", "changed", "refused": [{"variant_id", "on_hand", "held"}]}`."""
    answer: Mapping[str, Any] = await conn.fetchval(
        "select stock_set_levels($1, $2, $3, $4, $5, $6, $7)",
        [row.variant_id for row in rows],
        [row.on_hand for row in rows],
        [row.is_tracked for row in rows],
        [row.backorder_max for row in rows],
        is_difference,
        offset,
        cause_values(cause),
    )
    return answer


async def command(
    conn: Connection,
    variant_id: uuid.UUID,
    op: str,
    quantity: int,
    changes: Mapping[str, Any],
    event_id: uuid.UUID,
    offset: timedelta,
    cause: Cause,
) -> Mapping[str, Any]:
    """`{"outcome", "details"}` of receive, adjust, count or configure."""
    answer: Mapping[str, Any] = await conn.fetchval(
        "select stock_command($1, $2, $3, $4, $5, $6, $7)",
        variant_id,
        op,
        quantity,
        changes,
        event_id,
        offset,
        cause_values(cause),
    )
    return answer


async def levels(conn: Connection, variant_ids: Sequence[uuid.UUID], offset: timedelta) -> list[StockLevel]:
    """Of those that have a stock row, by variant id."""
    rows = await conn.fetch("select * from stock_levels($1, $2)", variant_ids, offset)
    return [StockLevel(**row) for row in rows]


async def held_for(
    conn: Connection, variant_ids: Sequence[uuid.UUID], offset: timedelta
) -> Mapping[uuid.UUID, HeldFor]:
    """By variant id, of those that somebody is promised."""
    rows = await conn.fetch("select * from stock_held_for($1, $2)", variant_ids, offset)
    return {row["variant_id"]: HeldFor(row["for_orders"], row["for_carts"], row["for_others"]) for row in rows}


async def movements(conn: Connection, variant_id: uuid.UUID, before_version: int | None, limit: int) -> list[Movement]:
    """The newest first, of those before a version."""
    rows = await conn.fetch(
        "select version, kind, quantity, on_hand_before, on_hand_after, held_before, held_after, reason, actor,"
        " device, correlation_id, reference_kind, reference_id, at from stock_movement"
        " where variant_id = $1 and location_id = $2 and version < $3 order by version desc limit $4",
        variant_id,
        DEFAULT_LOCATION,
        before_version if before_version is not None else 2**63 - 1,
        limit,
    )
    return [Movement(**row) for row in rows]


async def reserve(
    conn: Connection,
    reservation_id: uuid.UUID,
    items: Sequence[Wanted],
    ttl: timedelta,
    reference: str | None,
    event_id: uuid.UUID,
    offset: timedelta,
    cause: Cause,
) -> Mapping[str, Any]:
    """`{"outcome", "details", "reservation"}`; the items are sorted, each variant once."""
    answer: Mapping[str, Any] = await conn.fetchval(
        "select reservation_reserve($1, $2, $3, $4, $5, $6, $7)",
        reservation_id,
        [{"variant_id": str(item.variant_id), "quantity": item.quantity} for item in items],
        ttl,
        reference,
        event_id,
        offset,
        cause_values(cause),
    )
    return answer


async def extend(
    conn: Connection, reservation_id: uuid.UUID, ttl: timedelta, cap: timedelta, offset: timedelta
) -> Mapping[str, Any]:
    """`{"outcome", "details", "reservation"}`."""
    answer: Mapping[str, Any] = await conn.fetchval(
        "select reservation_extend($1, $2, $3, $4)", reservation_id, ttl, cap, offset
    )
    return answer


async def settle(
    conn: Connection, reservation_id: uuid.UUID, op: str, event_id: uuid.UUID, offset: timedelta, cause: Cause
) -> Mapping[str, Any]:
    """`{"outcome", "details", "reservation"}`; `op` is commit or release."""
    answer: Mapping[str, Any] = await conn.fetchval(
        "select reservation_settle($1, $2, $3, $4, $5)", reservation_id, op, event_id, offset, cause_values(cause)
    )
    return answer


async def sweep(conn: Connection, limit: int, *, is_alone: bool, offset: timedelta) -> SweepResult:
    """One batch."""
    row = await conn.fetchrow("select holds, reservations from stock_sweep($1, $2, $3)", limit, is_alone, offset)
    if row is None or row["holds"] is None:
        return SweepResult(0, 0, was_alone=False)
    return SweepResult(row["holds"], row["reservations"])


def cause_values(cause: Cause) -> Mapping[str, Any]:
    """A cause as the functions take it."""
    return {
        "actor": cause.actor,
        "device": cause.device,
        "correlation_id": cause.correlation_id,
        "reference_kind": cause.reference_kind,
        "reference_id": str(cause.reference_id) if cause.reference_id else None,
        "reason": cause.reason,
    }
