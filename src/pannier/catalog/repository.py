"""The statements of products, one function each."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pannier.catalog.models import Status

if TYPE_CHECKING:
    import asyncpg

    from pannier.platform.database import Connection

Record = Mapping[str, Any]

# What a product has of variants, priced for $1 currency, $2 channel, at $3 moment.
_VARIANTS = """
  (select jsonb_agg(jsonb_build_array(v.id, v.sku, v.barcode, v.options, o.amount_minor, o.compare_at_minor,
            v.weight_g, v.image_url, v.requires_shipping, v.is_taxable, v.is_active,
            v.is_sellable and (v.channels is null or $2::text = any(v.channels)), v.quantity_max)
            order by v.position, v.id)
     from variant v cross join lateral catalog_price(v, $1::text, $2::text, 1, $3::timestamptz) o
    where v.product_id = p.id) as variants
"""
# What a variant costs anybody from a number of units on: each number that some price begins at, and the price then.
_TIERS = """
  (select jsonb_object_agg(v.id, t.tiers) from variant v cross join lateral (
     select jsonb_agg(jsonb_build_array(q.units, o.amount_minor, o.compare_at_minor) order by q.units) as tiers
       from (select distinct r.quantity_min as units from price r
              where r.variant_id = v.id and r.quantity_min > 1 and r.customer_group is null) q
      cross join lateral catalog_price(v, $1::text, $2::text, q.units, $3::timestamptz) o
      where o.amount_minor is not null) t
    where v.product_id = p.id and v.has_other_prices and t.tiers is not null) as tiers
"""
_LOWEST_DAYS = 30
_LOWEST = f"""
  (select jsonb_object_agg(l.variant_id, l.amount_minor)
     from price_lowest_before(array(select v.id from variant v where v.product_id = p.id), $1::text, {_LOWEST_DAYS}) l
  ) as lowest
"""
_OFFERED = "p.is_published and (p.channels is null or $2::text = any(p.channels))"
_PRODUCT_COLUMNS = frozenset(
    {"slug", "name", "description", "summary", "vendor", "product_type", "status", "is_published", "tags"}
    | {"tax_category", "shipping_category", "channels", "external_reference"}
)
_VARIANT_COLUMNS = frozenset(
    {"sku", "barcode", "options", "weight_g", "image_url", "requires_shipping", "is_taxable", "is_active"}
    | {"quantity_max", "floor_minor"}
)


_CARD = f"""
  p.id, p.slug, p.name, p.summary, p.vendor, p.status, p.is_published, p.tags, p.position,
  (select c.name from product_category pc join category c on c.id = pc.category_id
    where pc.product_id = p.id order by pc.position, c.id limit 1) as category,
  i.url as image_url, i.alt as image_alt, {_VARIANTS}
"""
_FIRST_IMAGE = """
  left join lateral (select url, alt from product_image i where i.product_id = p.id
                      order by i.position limit 1) i on true
"""


async def cards_of(
    connection: Connection, products: Sequence[uuid.UUID], *, currency: str, channel: str, now: datetime
) -> list[asyncpg.Record]:
    """These products as a list shows them, in this order."""
    return await connection.fetch(
        f"""
        select {_CARD} from unnest($4::uuid[]) with ordinality shown(id, place) join product p on p.id = shown.id
          {_FIRST_IMAGE}
         order by shown.place
        """,
        currency, channel, now, products,
    )  # fmt: skip


async def cards(
    connection: Connection,
    *,
    currency: str,
    channel: str,
    now: datetime,
    after: tuple[int, uuid.UUID],
    limit: int,
    category: str | None,
    status: Status | None,
    is_staff: bool,
) -> list[asyncpg.Record]:
    """Products as a list shows them, in catalogue order, behind a place."""
    return await connection.fetch(
        f"""
        select {_CARD} from product p
          {_FIRST_IMAGE}
         where (p.position, p.id) > ($4::bigint, $5::uuid) and ($6::boolean or p.status = 'active' and {_OFFERED})
           and ($7::text is null or p.status = $7)
           and ($8::text is null or exists (select 1 from product_category pc join category c on c.id = pc.category_id
                                             where pc.product_id = p.id and c.slug = $8))
         order by p.position, p.id limit $9
        """,
        currency, channel, now, *after, is_staff, status, category, limit,
    )  # fmt: skip


async def product(
    connection: Connection,
    slug_or_id: str | uuid.UUID,
    *,
    currency: str,
    channel: str,
    now: datetime,
    is_staff: bool,
) -> asyncpg.Record | None:
    """One product in full; for shoppers only while it is shown, or discontinued."""
    # A slug may look like an id.
    by_id = isinstance(slug_or_id, uuid.UUID)
    key = "(p.id = $4::uuid or p.slug = $4::uuid::text)" if by_id else "p.slug = $4::text"
    return await connection.fetchrow(
        f"""
        select p.id, p.slug, p.name, p.summary, p.description, p.vendor, p.product_type, p.status, p.is_published,
               p.tags, p.tax_category, p.channels, p.version,
               array(select c.name from product_category pc join category c on c.id = pc.category_id
                      where pc.product_id = p.id order by pc.position, c.id) as categories,
               (select jsonb_agg(jsonb_build_array(i.url, i.alt) order by i.position)
                  from product_image i where i.product_id = p.id) as images, {_VARIANTS}, {_TIERS}, {_LOWEST}
          from product p
         where {key} and ($5::boolean or p.status in ('active', 'discontinued') and {_OFFERED})
        """,
        currency, channel, now, slug_or_id, is_staff,
    )  # fmt: skip


async def lock_product(connection: Connection, product_id: uuid.UUID) -> int | None:
    """The product's version, locked; None when there is none."""
    version: int | None = await connection.fetchval("select version from product where id = $1 for update", product_id)
    return version


async def product_of_variant(connection: Connection, variant_id: uuid.UUID) -> uuid.UUID | None:
    found: uuid.UUID | None = await connection.fetchval("select product_id from variant where id = $1", variant_id)
    return found


async def slug_owner(connection: Connection, slug: str) -> uuid.UUID | None:
    found: uuid.UUID | None = await connection.fetchval("select id from product where slug = $1", slug)
    return found


async def known_variants(connection: Connection, variants: Sequence[uuid.UUID]) -> frozenset[uuid.UUID]:
    """Which of the ids are variants."""
    rows = await connection.fetch("select id from variant where id = any($1)", variants)
    return frozenset(row["id"] for row in rows)


async def insert_product(connection: Connection, product_id: uuid.UUID, values: Record, position: int) -> None:
    """A row of version 1."""
    names, numbered, arguments = _assigned(values, _PRODUCT_COLUMNS, 3)
    await connection.execute(
        f"insert into product (id, position, {', '.join(names)}) values ($1, $2, {', '.join(numbered)})",
        product_id, position, *arguments,
    )  # fmt: skip


async def update_product(connection: Connection, product_id: uuid.UUID, values: Record) -> int:
    """Set the columns; answers the new version."""
    names, numbered, arguments = _assigned(values, _PRODUCT_COLUMNS, 2)
    changes = "".join(f", {name} = {number}" for name, number in zip(names, numbered, strict=True))
    version: int = await connection.fetchval(
        f"update product set version = version + 1, updated_at = clock_timestamp(){changes} where id = $1"
        " returning version",
        product_id, *arguments,
    )  # fmt: skip
    return version


async def insert_variant(connection: Connection, variant_id: uuid.UUID, product_id: uuid.UUID, values: Record) -> None:
    """A row behind the product's others."""
    names, numbered, arguments = _assigned(values, _VARIANT_COLUMNS, 3)
    await connection.execute(
        f"insert into variant (id, product_id, position, {', '.join(names)}) select $1, $2,"
        f" coalesce((select max(position) + 1 from variant where product_id = $2), 0), {', '.join(numbered)}",
        variant_id, product_id, *arguments,
    )  # fmt: skip


async def update_variant(connection: Connection, variant_id: uuid.UUID, values: Record) -> None:
    names, numbered, arguments = _assigned(values, _VARIANT_COLUMNS, 2)
    changes = "".join(f", {name} = {number}" for name, number in zip(names, numbered, strict=True))
    await connection.execute(
        f"update variant set updated_at = clock_timestamp(){changes} where id = $1", variant_id, *arguments
    )


async def variant_of_options(
    connection: Connection, product_id: uuid.UUID, options: Sequence[Sequence[str]]
) -> uuid.UUID | None:
    found: uuid.UUID | None = await connection.fetchval(
        "select id from variant where product_id = $1 and options = $2", product_id, options
    )
    return found


async def price_of(connection: Connection, variant_id: uuid.UUID, currency: str) -> asyncpg.Record | None:
    """The plain price."""
    return await connection.fetchrow(
        "select amount_minor, compare_at_minor from price r where variant_id = $1 and currency = $2"
        " and catalog_is_plain(r)",
        variant_id, currency,
    )  # fmt: skip


async def append_event(
    connection: Connection, event: Record, *, actor: str, device: str | None, correlation_id: str | None, at: datetime
) -> None:
    await connection.execute("select event_append($1, $2, $3, $4, $5)", [event], actor, device, correlation_id, at)


def _assigned(values: Record, allowed: frozenset[str], first: int) -> tuple[list[str], list[str], list[Any]]:
    """Column names, parameters and arguments. The names are ours; any other is a mistake of the program."""
    unknown = values.keys() - allowed
    if unknown:
        raise ValueError(f"no such columns: {sorted(unknown)}")
    numbered = [f"${number}" for number in range(first, first + len(values))]
    return list(values), numbered, list(values.values())
