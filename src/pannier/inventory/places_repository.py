"""The statements over places of stock, one function each; `offset` as in repository.py."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pannier.inventory.models import Location, Place

if TYPE_CHECKING:
    from pannier.platform.database import Connection


async def locations(conn: Connection) -> list[Location]:
    """All of them, by code."""
    rows = await conn.fetch("select code, name, is_active from location order by code")
    return [Location(**row) for row in rows]


async def insert_location(conn: Connection, location_id: uuid.UUID, location: Location) -> bool:
    """False when the code is taken."""
    done = await conn.execute(
        "insert into location (id, code, name, is_active) values ($1, $2, $3, $4) on conflict (code) do nothing",
        location_id,
        location.code,
        location.name,
        location.is_active,
    )
    return bool(done.endswith("1"))


async def switch(
    conn: Connection, code: str, *, is_active: bool, offset: timedelta, cause: Mapping[str, Any]
) -> list[uuid.UUID] | None:
    """The variants whose figures are to be counted anew; None when there is no such location."""
    found: list[uuid.UUID] | None = await conn.fetchval(
        "select location_switch($1, $2, $3, $4)", code, is_active, offset, cause
    )
    return found


async def write(
    conn: Connection, variant_id: uuid.UUID, units: Mapping[str, int], offset: timedelta, cause: Mapping[str, Any]
) -> int | None:
    """The sum at active locations; None when one of the codes is no location's."""
    found: int | None = await conn.fetchval(
        "select stock_places_set($1, $2, $3, $4, $5)", variant_id, list(units), list(units.values()), offset, cause
    )
    return found


async def sum_of(conn: Connection, variant_id: uuid.UUID) -> int:
    """What lies at active locations."""
    found: int = await conn.fetchval("select stock_places_sum($1)", variant_id)
    return found


async def keep(conn: Connection, variant_id: uuid.UUID) -> None:
    """Let the variant's figure move its places again."""
    await conn.execute("select stock_places_kept($1)", variant_id)


async def places(conn: Connection, variant_ids: Sequence[uuid.UUID], *, is_active: bool | None = None) -> list[Place]:
    """Where these variants lie, by code; at active locations only, or at all."""
    rows = await conn.fetch(
        "select k.variant_id, l.code as location, k.units from stock_place k join location l on l.id = k.location_id"
        " where k.variant_id = any($1) and ($2::boolean is null or l.is_active = $2) order by k.variant_id, l.code",
        variant_ids,
        is_active,
    )
    return [Place(**row) for row in rows]
