"""The statements of shipping methods, one function each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pannier.platform.records import exact
from pannier.shipping.models import Delivery, ShippingMethodDefinition

if TYPE_CHECKING:
    from pannier.platform.database import Connection


async def load_methods(connection: Connection) -> tuple[ShippingMethodDefinition, ...]:
    """Every method that was not archived, switched off or not, in their order."""
    rows = await connection.fetch(
        'select r.id, r.code, r.name, r.currency, r.fulfilment, r.definition::text, r."position", r.is_enabled,'
        " r.days_min, r.days_max, r.handling_days, r.cutoff, r.is_on_weekends, r.note"
        ' from shipping_method r where r.archived_at is null order by r."position", r.code'
    )
    return tuple(_method(dict(row)) for row in rows)


def _method(row: Mapping[str, Any]) -> ShippingMethodDefinition:
    delivery = None
    if row["days_min"] is not None:
        delivery = Delivery(
            row["days_min"], row["days_max"], row["handling_days"], row["cutoff"], row["is_on_weekends"]
        )
    return ShippingMethodDefinition(
        row["id"],
        row["code"],
        row["name"],
        row["currency"],
        row["fulfilment"],
        delivery,
        row["note"],
        exact(row["definition"])
        | {"id": row["code"], "name": row["name"], "position": row["position"], "enabled": row["is_enabled"]},
    )
