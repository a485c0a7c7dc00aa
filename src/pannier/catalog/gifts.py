"""Goods that promotions give away, as prices and pages need them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pannier.platform.database import Connection


@dataclass(frozen=True, slots=True)
class GiftGoods:
    """A variant that is for sale, at its plain price. `key` is the id that was asked for: its own or its product's."""

    key: str
    variant_id: str
    product_id: str
    amount_minor: int
    sku: str | None
    name: str
    slug: str
    image: str | None
    tax_category: str
    requires_shipping: bool
    categories: tuple[str, ...]
    weight_g: int
    shipping_category: str | None


async def load_gifts(connection: Connection, ids: Sequence[uuid.UUID], currency: str) -> list[GiftGoods]:
    """The goods that ids of variants or products mean; of a product its first variant that is for sale.

    What has no price in the currency, or is not for sale, is left out.
    """
    if not ids:
        return []
    rows = await connection.fetch(
        """
        select w.id as key, v.id as variant_id, v.product_id, (v.plain_prices->$2->>0)::bigint as amount_minor,
               v.sku, p.name, p.slug, v.display->>6 as image,
               case when v.is_taxable then p.tax_category else '' end as tax_category, v.requires_shipping,
               catalog_categories_of(p.id) as categories, coalesce(v.weight_g, 0) as weight_g, p.shipping_category
          from unnest($1::uuid[]) w(id)
         cross join lateral (
           select k.* from variant k
            where (k.id = w.id or k.product_id = w.id) and k.is_sellable and k.plain_prices ? $2
            order by k.position, k.id limit 1) v
          join product p on p.id = v.product_id
        """,
        list(ids),
        currency,
    )
    return [
        GiftGoods(
            str(row["key"]),
            str(row["variant_id"]),
            str(row["product_id"]),
            row["amount_minor"],
            row["sku"],
            row["name"],
            row["slug"],
            row["image"],
            row["tax_category"],
            row["requires_shipping"],
            tuple(row["categories"]),
            row["weight_g"],
            row["shipping_category"],
        )
        for row in rows
    ]
