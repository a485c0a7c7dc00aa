"""The statements of zones and tax rates, one function each."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pannier.tax.models import Area, TaxRateDefinition, Zone

if TYPE_CHECKING:
    from pannier.platform.database import Connection

#: The areas of a zone's row `r`, as JSON.
AREAS = """
  (select coalesce(jsonb_agg(jsonb_build_object('country', a.country, 'region', a.region, 'postal_from', a.postal_from,
            'postal_to', a.postal_to) order by a.country, a.region nulls first, a.postal_from nulls first), '[]')
     from zone_area a where a.zone_id = r.id) as areas
"""


async def load_zones(connection: Connection) -> tuple[Zone, ...]:
    """Every zone that counts, with its areas."""
    rows = await connection.fetch(
        f"select r.id, r.name, r.title, r.priority, {AREAS} from zone r where r.archived_at is null order by r.name"
    )
    return tuple(
        Zone(row["id"], row["name"], row["title"], row["priority"], tuple(Area(**area) for area in row["areas"]))
        for row in rows
    )


async def load_rates(connection: Connection) -> tuple[TaxRateDefinition, ...]:
    """Every tax rate that counts, past and future ones included, in the words of a price book."""
    rows = await connection.fetch(
        'select r.id, r.code, r.title, r.category, trim_scale(r.percent) as percent, r.is_included, r.zone, r."order",'
        " r.is_compound, r.valid_from, r.valid_to from tax_rate r left join zone z on z.name = r.zone"
        ' where r.archived_at is null and z.archived_at is null order by r."order", r.id'
    )
    return tuple(TaxRateDefinition(row["id"], row["code"], row["title"], definition_of(dict(row))) for row in rows)


def definition_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """A rate's row in the words of a price book; what is not said there is left out."""
    percent: Decimal = row["percent"]
    definition = {
        "id": str(row["id"]),
        "category": row["category"],
        "percent": percent,
        "included": row["is_included"],
        "zone": row["zone"],
        "order": row["order"],
        "compound": row["is_compound"],
        "from": row["valid_from"] and row["valid_from"].isoformat(),
        "to": row["valid_to"] and row["valid_to"].isoformat(),
    }
    return {name: value for name, value in definition.items() if value is not None}


async def zone_of(connection: Connection, country: str, region: str | None, postal_code: str | None) -> str | None:
    """The zone of a destination by name, None where none has it."""
    found: str | None = await connection.fetchval("select zone_of($1, $2, $3)", country, region, postal_code)
    return found


async def write_areas(connection: Connection, zone_id: uuid.UUID, areas: Sequence[Area]) -> None:
    """Replace the areas of a zone."""
    await connection.execute("delete from zone_area where zone_id = $1", zone_id)
    await connection.executemany(
        "insert into zone_area (zone_id, country, region, postal_from, postal_to) values ($1, $2, $3, $4, $5)",
        [(zone_id, area.country, area.region, area.postal_from, area.postal_to) for area in areas],
    )


async def known_zones(connection: Connection, names: Sequence[str]) -> frozenset[str]:
    """Which of the names are zones that count."""
    rows = await connection.fetch("select name from zone where name = any($1) and archived_at is null", names)
    return frozenset(row["name"] for row in rows)


async def keep_zone(connection: Connection, name: str) -> bool:
    """Whether a zone of that name counts; if so it does until the transaction ends."""
    found = await connection.fetchval("select true from zone where name = $1 and archived_at is null for share", name)
    return bool(found)


async def rates_of_zone(connection: Connection, name: str) -> int:
    """How many rates name the zone and count."""
    count: int = await connection.fetchval(
        "select count(*) from tax_rate where zone = $1 and archived_at is null", name
    )
    return count


async def has_zone(connection: Connection, name: str) -> bool:
    """Whether a zone of that name was ever made."""
    found: bool = await connection.fetchval("select exists (select 1 from zone where name = $1)", name)
    return found


async def rates_of_series(
    connection: Connection, series: Sequence[tuple[str, str, str]]
) -> dict[tuple[str, str, str], list[dict[str, Any]]]:
    """The rates that count of each zone, category and code, locked until the transaction ends."""
    rows = await connection.fetch(
        'select r.id, r.code, r.title, r.category, r.zone, trim_scale(r.percent) as percent, r.is_included, r."order",'
        " r.valid_from, r.valid_to, r.source from tax_rate r"
        " join unnest($1::text[], $2::text[], $3::text[]) w(zone, category, code)"
        " on (r.zone, r.category, r.code) = (w.zone, w.category, w.code)"
        " where r.archived_at is null order by r.id for no key update of r",
        *(list(names) for names in zip(*series, strict=True)),
    )
    found: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault((row["zone"], row["category"], row["code"]), []).append(dict(row))
    return found
