"""SQL that takes many products at once: what an import writes and an export reads.

Rows travel as one JSON text per statement: a thousand products cost one round trip, and the plan is the same
for one and for a thousand.
"""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from pannier.catalog.models import StoredProduct, StoredVariant
from pannier.catalog.shopify.models import FileImage, FileProduct, FileRow, FileVariant

if TYPE_CHECKING:
    import asyncpg

    from pannier.platform.database import Connection

_LOCK = 0x63617461_6C6F67

_PRODUCTS = """
select p.id, p.version, p.slug, p.name, p.description, p.summary, p.vendor, p.product_type, p.status,
p.is_published,
       p.tags, p.position, p.source,
       (select jsonb_agg(jsonb_build_array(v.id, v.options, v.sku, v.barcode, v.weight_g, v.image_url,
                 v.requires_shipping, v.is_taxable, v.is_active, v.source, r.amount_minor, r.compare_at_minor)
                 order by v.position, v.id)
          from variant v left join price r on r.variant_id = v.id and r.currency = $1 and catalog_is_plain(r)
         where v.product_id = p.id) as variants,
       (select jsonb_agg(jsonb_build_array(i.url, i.alt) order by i.position)
          from product_image i where i.product_id = p.id) as images
  from product p
"""


async def take_import_lock(connection: Connection) -> bool:
    """Whether this transaction is now the only one that imports."""
    return bool(await connection.fetchval("select pg_try_advisory_xact_lock($1)", _LOCK))


async def next_position(connection: Connection) -> int:
    return int(await connection.fetchval("select coalesce(max(position) + 1, 0) from product"))


async def sources_by_slug(connection: Connection, slugs: Sequence[str]) -> dict[str, Mapping[str, Any] | None]:
    """What the last import said, for the products that are there: see `importing.source_of`."""
    rows = await connection.fetch("select slug, source from product where slug = any($1)", slugs)
    return {row["slug"]: row["source"] for row in rows}


async def products_by_slug(connection: Connection, slugs: Sequence[str], currency: str) -> dict[str, StoredProduct]:
    """Locked against other writers until the transaction ends."""
    await connection.execute("select 1 from product where slug = any($1) order by id for update", slugs)
    rows = await connection.fetch(f"{_PRODUCTS} where p.slug = any($2)", currency, slugs)
    return {row["slug"]: _stored(row) for row in rows}


async def products_after(
    connection: Connection, position: int, product_id: uuid.UUID, currency: str, limit: int
) -> list[StoredProduct]:
    """The next products in catalogue order; begin with position -1."""
    rows = await connection.fetch(
        f"{_PRODUCTS} where (p.position, p.id) > ($2, $3) order by p.position, p.id limit $4",
        currency, position, product_id, limit,
    )  # fmt: skip
    return [_stored(row) for row in rows]


def with_quantities(product: StoredProduct, levels: Mapping[uuid.UUID, Any]) -> StoredProduct:
    """The product with its stock of now; a variant without a stock row is not counted and has no quantity."""
    variants = []
    for variant in product.variants:
        level = levels.get(variant.id)
        values = dataclasses.replace(
            variant.values,
            quantity=level.on_hand if level else None,
            is_tracked=level.is_tracked if level else False,
            backorder_max=level.backorder_max if level else variant.values.backorder_max,
        )
        variants.append(dataclasses.replace(variant, values=values))
    shown = tuple(variant.values for variant in variants if variant.is_active and variant.values.price_minor >= 0)
    values_of_product = dataclasses.replace(product.values, variants=shown)
    return dataclasses.replace(product, values=values_of_product, variants=tuple(variants))


def _stored(row: asyncpg.Record) -> StoredProduct:
    source = row["source"] or {}
    variants = tuple(_stored_variant(values) for values in row["variants"] or ())
    product = FileProduct(
        handle=row["slug"],
        name=row["name"],
        description=row["description"],
        summary=row["summary"],
        vendor=row["vendor"],
        product_type=row["product_type"],
        tags=tuple(row["tags"]),
        status=row["status"],
        is_published=row["is_published"],
        images=tuple(FileImage(url, alt) for url, alt in row["images"] or ()),
        rows=tuple(FileRow(cells) for cells in source.get("rows", ())),
        position=row["position"],
        said=source.get("said"),
    )
    return StoredProduct(row["id"], row["version"], product, variants)


def _stored_variant(values: Sequence[Any]) -> StoredVariant:
    variant_id, options, sku, barcode, weight_g, image_url, *flags, source, amount, compare_at = values
    is_shipped, is_taxable, is_active = flags
    return StoredVariant(
        uuid.UUID(variant_id),
        FileVariant(
            options=tuple((name, value) for name, value in options),
            # Not for sale in this currency: see `with_quantities`.
            price_minor=-1 if amount is None else amount,
            compare_at_minor=compare_at,
            sku=sku,
            barcode=barcode,
            weight_g=weight_g,
            image_url=image_url,
            requires_shipping=is_shipped,
            is_taxable=is_taxable,
            row=(source or {}).get("row"),
            was_tracked=(source or {}).get("was_tracked"),
        ),
        is_active,
    )


def _json(rows: Sequence[Mapping[str, Any]]) -> str:
    return msgspec.json.encode(rows).decode()


async def write_products(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert or update by id. A row has every column of the statement; `version` is the new one."""
    await connection.execute(
        """
        insert into product as p (id, slug, name, description, summary, vendor, product_type, status,
        is_published,
                                  tags, position, source, version)
        select id, slug, name, description, summary, vendor, product_type, status, is_published,
               tags, position, source, version
          from jsonb_to_recordset($1::text::jsonb) as x(id uuid, slug text, name text, description text,
          summary text,
               vendor text, product_type text, status text, is_published boolean, tags text[], position
               bigint, source jsonb, version bigint)
        on conflict (id) do update set
          name = excluded.name, description = excluded.description, summary = excluded.summary,
          vendor = excluded.vendor, product_type = excluded.product_type, status = excluded.status,
          is_published = excluded.is_published, tags = excluded.tags, source = excluded.source,
          version = excluded.version, updated_at = clock_timestamp()
        """,
        _json(rows),
    )


async def write_variants(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert or update by id."""
    await connection.execute(
        """
        insert into variant (id, product_id, position, sku, barcode, options, weight_g, image_url,
                             requires_shipping, is_taxable, is_active, source)
        select id, product_id, position, sku, barcode, options, weight_g, image_url,
               requires_shipping, is_taxable, is_active, source
          from jsonb_to_recordset($1::text::jsonb) as x(id uuid, product_id uuid, position integer, sku text,
               barcode text, options jsonb, weight_g bigint, image_url text, requires_shipping boolean,
               is_taxable boolean, is_active boolean, source jsonb)
        on conflict (id) do update set
          position = excluded.position, sku = excluded.sku, barcode = excluded.barcode, weight_g =
          excluded.weight_g, image_url = excluded.image_url, requires_shipping = excluded.requires_shipping,
          is_taxable = excluded.is_taxable, is_active = excluded.is_active, source = excluded.source,
          updated_at = clock_timestamp()
        """,
        _json(rows),
    )


async def price_cause(
    connection: Connection, actor: str, reason: str, correlation_id: str | None, at: datetime | str
) -> None:
    """Say, for the rest of this transaction, who changes prices and why: the price history keeps it."""
    said = {"actor": actor, "reason": reason, "correlation_id": correlation_id, "at": at}
    await connection.execute("select set_config('pannier.price_cause', $1, true)", msgspec.json.encode(said).decode())


async def write_prices(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Set each variant's plain price: `{id, variant_id, currency, amount_minor, compare_at_minor}`."""
    await connection.execute(
        """
        insert into price (id, variant_id, currency, amount_minor, compare_at_minor)
        select id, variant_id, currency, amount_minor, compare_at_minor
          from jsonb_to_recordset($1::text::jsonb) as x(id uuid, variant_id uuid, currency text,
               amount_minor bigint, compare_at_minor bigint)
        on conflict on constraint price_one_per_key do update set
          amount_minor = excluded.amount_minor, compare_at_minor = excluded.compare_at_minor
        """,
        _json(rows),
    )


async def write_images(
    connection: Connection, products: Sequence[uuid.UUID], rows: Sequence[Mapping[str, Any]]
) -> None:
    """Replace all images of the products: `{id, product_id, position, url, alt}`."""
    await connection.execute("delete from product_image where product_id = any($1)", products)
    await connection.execute(
        """
        insert into product_image (id, product_id, position, url, alt)
        select id, product_id, position, url, alt
          from jsonb_to_recordset($1::text::jsonb) as x(id uuid, product_id uuid, position integer, url
          text, alt text)
        """,
        _json(rows),
    )


async def write_types(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Put each product into its type's category, out of its old one's: `{product_id, id, slug, old_slug, name}`.

    `slug` blank takes it out of the old one only. Categories that staff chose stay.
    """
    text = _json(rows)
    source = "jsonb_to_recordset($1::text::jsonb) as x(product_id uuid, id uuid, slug text, old_slug text, name text)"
    await connection.execute(
        f"insert into category (id, slug, name) select distinct on (slug) id, slug, name from {source} "
        "where slug <> '' order by slug, id on conflict (slug) do nothing",
        text,
    )
    await connection.execute(
        f"delete from product_category pc using {source}, category c "
        "where pc.product_id = x.product_id and c.id = pc.category_id and c.slug = x.old_slug",
        text,
    )
    await connection.execute(
        f"insert into product_category (product_id, category_id) select x.product_id, c.id from {source} "
        "join category c on c.slug = x.slug on conflict do nothing",
        text,
    )


async def write_categories(
    connection: Connection, product_id: uuid.UUID, rows: Sequence[Mapping[str, Any]], type_slug: str
) -> None:
    """Make these the product's categories, in their order, beside that of its type: `{id, slug, name}`."""
    text = _json(rows)
    source = "rows from (jsonb_to_recordset($1::text::jsonb) as (id uuid, slug text, name text)) with ordinality"
    await connection.execute(
        f"insert into category (id, slug, name) select id, slug, name from {source} as x(id, slug, name, place) "
        "order by slug on conflict (slug) do nothing",
        text,
    )
    await connection.execute(
        "delete from product_category pc using category c where pc.product_id = $1 and c.id = pc.category_id"
        " and c.slug <> $2",
        product_id,
        type_slug,
    )
    await connection.execute(
        f"insert into product_category (product_id, category_id, position) select $2, c.id, x.place from {source} "
        "as x(id, slug, name, place) join category c on c.slug = x.slug on conflict do nothing",
        text,
        product_id,
    )


async def write_events(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """`{aggregate_id, version, id, type, data, actor, at}` of products."""
    await connection.execute(
        """
        insert into event (aggregate_id, version, aggregate_kind, id, type, data, actor, at)
        select aggregate_id, version, 'product', id, type, data, actor, at
          from jsonb_to_recordset($1::text::jsonb) as x(aggregate_id uuid, version bigint, id uuid, type text,
               data jsonb, actor text, at timestamptz)
        """,
        _json(rows),
    )


async def refresh_display(connection: Connection, products: Sequence[uuid.UUID]) -> None:
    await connection.execute("select catalog_refresh_display($1)", products)


async def imported_columns(connection: Connection) -> list[str]:
    """The columns of all imports in the order first seen; empty when there was none."""
    rows = await connection.fetch("select columns from catalog_import order by at, id")
    return list(dict.fromkeys(name for row in rows for name in row["columns"]))


async def record_import(
    connection: Connection, import_id: uuid.UUID, columns: Sequence[str], actor: str, at: Any
) -> None:
    await connection.execute(
        "insert into catalog_import (id, columns, actor, at) values ($1, $2, $3, $4)", import_id, columns, actor, at
    )
