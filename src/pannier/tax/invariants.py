"""What must hold of zones and tax rates."""

from __future__ import annotations

from pannier.platform.invariants import Invariant

INVARIANTS = (
    Invariant(
        "tax_rate.one_a_day",
        "A code on a category in a zone has one rate on any day",
        """select a.id, b.id as other_id, a.code, a.category, a.zone, a.valid_from, b.valid_from as other_from
             from tax_rate a join tax_rate b
               on (b.code, b.category) = (a.code, a.category) and b.zone is not distinct from a.zone and b.id > a.id
            where a.archived_at is null and b.archived_at is null
              and daterange(a.valid_from, a.valid_to, '[]') && daterange(b.valid_from, b.valid_to, '[]')""",
    ),
    Invariant(
        "tax_rate.zone",
        "A tax rate that counts is in a zone that does",
        """select r.id, r.code, r.zone from tax_rate r left join zone z on z.name = r.zone
            where r.archived_at is null and r.zone is not null and (z.id is null or z.archived_at is not null)""",
    ),
    Invariant(
        "zone.areas",
        "An area is written as destinations are compared with it",
        """select zone_id, country, region, postal_from, postal_to from zone_area
            where region is distinct from zone_text(region) or postal_from is distinct from zone_text(postal_from)
               or postal_to is distinct from zone_text(postal_to) or postal_from > postal_to""",
    ),
)
