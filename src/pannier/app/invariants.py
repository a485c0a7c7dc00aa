"""What must hold between capabilities that do not know each other."""

from __future__ import annotations

from pannier.platform.invariants import Invariant

ACROSS = (
    Invariant(
        "stock.of_variant",
        "Stock is kept of variants that exist, at locations that exist",
        """select k.variant_id, k.location_id, v.id is not null as has_variant, l.id is not null as has_location
             from stock k left join variant v on v.id = k.variant_id left join location l on l.id = k.location_id
            where v.id is null or l.id is null""",
    ),
    Invariant(
        "shipping_method.zones",
        "A shipping method that is limited to zones is limited to zones that there are",
        """select m.code, z.name from shipping_method m
            cross join lateral jsonb_array_elements_text(
              case when jsonb_typeof(m.definition->'zones') = 'array' then m.definition->'zones' else '[]' end) z(name)
            where m.archived_at is null and not exists (select 1 from zone k where k.name = z.name)""",
    ),
)
