"""Variants by what people call them, each with its stock: read across catalogue and inventory."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import timedelta

    import asyncpg

    from pannier.platform.database import Connection

_NAMED = """
select v.id, v.sku, p.name, p.slug, v.options, p.status, k.is_tracked, k.on_hand, k.held, k.backorder_max,
       k.safety_quantity, case when k.variant_id is not null then stock_available(k, clock_timestamp() + $1) end
         as available, k.variant_id is not null as has_stock
  from variant v join product p on p.id = v.product_id left join stock k on k.variant_id = v.id
"""


@dataclass(frozen=True, slots=True)
class NamedVariant:
    """A variant with what it is called and how its stock stands.

    `has_stock` false: nothing is counted. `available` None is without bound.
    """

    id: uuid.UUID
    sku: str | None
    name: str
    slug: str
    options: str
    status: str
    has_stock: bool
    is_tracked: bool
    on_hand: int | None
    held: int | None
    available: int | None
    backorder_max: int | None
    safety_quantity: int | None

    @property
    def title(self) -> str:
        """`Oak stool (Small / Blue)`."""
        return f"{self.name} ({self.options})" if self.options else self.name

    def to_dict(self) -> Mapping[str, Any]:
        """For `--json`."""
        return {name: getattr(self, name) for name in self.__slots__}


async def list_variants(
    connection: Connection, offset: timedelta, *, text: str, at_most: int | None, limit: int
) -> list[NamedVariant]:
    """In catalogue order: those whose name, slug, SKU or id contains `text`, whatever the case.

    With `at_most` only those that are counted and have no more available than that, the fewest first.
    """
    rows = await connection.fetch(
        f"select * from ({_NAMED} where $2 = ''"
        " or strpos(lower(concat_ws(' ', p.name, p.slug, v.sku, v.id)), lower($2)) > 0"
        " order by p.position, p.id, v.position, v.id) n"
        " where $3::bigint is null or (available is not null and available <= $3)"
        " order by case when $3::bigint is not null then available end limit $4",
        offset,
        text,
        at_most,
        limit,
    )
    return [_named(row) for row in rows]


async def find_variants(connection: Connection, offset: timedelta, name: str) -> Sequence[NamedVariant]:
    """The variant of this id, or all that carry this SKU: real catalogues use one twice."""
    try:
        variant_id = uuid.UUID(name)
    except ValueError:
        rows = await connection.fetch(f"{_NAMED} where v.sku = $2 order by p.position, v.position", offset, name)
    else:
        rows = await connection.fetch(f"{_NAMED} where v.id = $2", offset, variant_id)
    return [_named(row) for row in rows]


def _named(row: asyncpg.Record) -> NamedVariant:
    options = " / ".join(value for _, value in row["options"])
    has_stock = row["has_stock"]
    return NamedVariant(
        row["id"],
        row["sku"],
        row["name"],
        row["slug"],
        options,
        row["status"],
        has_stock,
        bool(row["is_tracked"]),
        row["on_hand"],
        row["held"],
        row["available"],
        row["backorder_max"],
        row["safety_quantity"],
    )
