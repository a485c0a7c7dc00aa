"""What tests of stock look at: the ledger, the events, the holds, and other people's reservations."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pannier.inventory import DEFAULT_LOCATION, Cause, InventoryService, LevelRow
from pannier.kernel.ids import uuid7
from pannier.platform.database import Database

if TYPE_CHECKING:
    from pannier.platform.database import Connection

Movement = tuple[str, int, int, int, int, int]


async def ledger(db: Database, variant_id: uuid.UUID) -> list[Movement]:
    """(kind, quantity, on_hand before and after, held before and after), the oldest first."""
    async with db.read() as conn:
        rows = await conn.fetch(
            "select kind::text, quantity, on_hand_before, on_hand_after, held_before, held_after"
            " from stock_movement where variant_id = $1 order by version",
            variant_id,
        )
    return [tuple(row) for row in rows]


async def kinds(db: Database, variant_id: uuid.UUID) -> list[str]:
    """The kinds of a variant's movements, the oldest first."""
    return [movement[0] for movement in await ledger(db, variant_id)]


async def events_of(db: Database, kind: str) -> list[tuple[str, int, dict[str, Any]]]:
    """(type, version, data) of the events of one kind of aggregate, as they were written."""
    async with db.read() as conn:
        rows = await conn.fetch(
            "select type, version, data from event where aggregate_kind = $1 order by transaction_id, sequence", kind
        )
    return [(row["type"], row["version"], row["data"]) for row in rows]


async def value(db: Database, query: str, *arguments: object) -> Any:
    """The first value a query returns."""
    async with db.read() as conn:
        return await conn.fetchval(query, *arguments)


async def execute(db: Database, statement: str, *arguments: object) -> None:
    """Run one statement."""
    async with db.read() as conn:
        await conn.execute(statement, *arguments)


async def stocked(inventory: InventoryService, db: Database, on_hand: int, **row: Any) -> uuid.UUID:
    """A variant of that many units; answers its id."""
    variant_id = uuid7()
    await db.write(
        lambda conn: inventory.set_levels(conn, [LevelRow(variant_id, on_hand, **row)], Cause("test", "opening stock"))
    )
    return variant_id


async def promise(
    db: Database,
    variant_id: uuid.UUID,
    quantity: int,
    ttl: timedelta,
    *,
    owner: uuid.UUID | None = None,
    take: bool = False,
) -> uuid.UUID | None:
    """Hold units as the write path of carts does, for a cart's reservation; None when they are not there."""
    reservation = owner or uuid7()

    async def command(conn: Connection) -> uuid.UUID | None:
        cause = "row('guest', null, null, 'cart', $1::uuid, null, clock_timestamp())::movement_cause"
        at = await conn.fetchval(f"select stock_lock(array[$2::uuid], $3, {cause})", reservation, variant_id, db.offset)
        until = await conn.fetchval("select reservation_renew($1, 'cart', $2, $3, $4)", reservation, at, ttl, ttl * 4)
        had = await conn.fetchval(
            f"select stock_hold($1, $2, $3, $4, $5, $6, {cause})",
            reservation,
            variant_id,
            DEFAULT_LOCATION,
            quantity,
            take,
            until,
        )
        return reservation if had else None

    return await db.write(command)


async def eventually(look: Callable[[], Awaitable[bool]], timeout_s: float = 10.0) -> None:
    """Return as soon as a look at the database says so; TimeoutError when that takes longer."""
    deadline = time.monotonic() + timeout_s
    while not await look():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not so within {timeout_s} s: {look}")
        await asyncio.sleep(0.01)
