"""What must hold of stock, its ledger and its holds."""

from __future__ import annotations

from pannier.platform.invariants import Invariant

_REPAIR = "select * from stock_repair($1)"

INVARIANTS = (
    Invariant(
        "stock.figures",
        "A stock row's figures and version are those after its newest movement, or zero where there is none",
        """select k.variant_id, k.location_id, k.on_hand, k.held, k.version, m.on_hand_after, m.held_after,
                  m.version as newest_movement
             from stock k
             left join (select variant_id, location_id, max(version) as version from stock_movement
                         group by variant_id, location_id) n using (variant_id, location_id)
             left join stock_movement m on m.variant_id = n.variant_id and m.location_id = n.location_id
              and m.version = n.version
            where (k.on_hand, k.held, k.version)
                  <> (coalesce(m.on_hand_after, 0), coalesce(m.held_after, 0), coalesce(m.version, 0))""",
        _REPAIR,
    ),
    Invariant(
        "stock.movement_chain",
        "Movements are numbered from 1 without a gap, and each begins with the figures the one before it ended with",
        """select variant_id, location_id, version, previous, on_hand_before, on_hand_was, held_before, held_was
             from (select m.*, lag(version, 1, 0::bigint) over w as previous,
                          lag(on_hand_after, 1, 0::bigint) over w as on_hand_was,
                          lag(held_after, 1, 0::bigint) over w as held_was
                     from stock_movement m window w as (partition by variant_id, location_id order by version)) c
            where version <> previous + 1 or on_hand_before <> on_hand_was or held_before <> held_was""",
    ),
    Invariant(
        "stock.movement_arithmetic",
        "A movement changes the figures by its quantity, in the way of its kind",
        """select variant_id, location_id, version, kind, quantity, on_hand_before, on_hand_after,
                  held_before, held_after
             from stock_movement
            where (on_hand_after - on_hand_before, held_after - held_before) <> (
                    case kind when 'receive' then quantity when 'return' then quantity when 'adjust' then quantity
                              when 'commit' then -quantity else 0 end,
                    case kind when 'hold' then quantity when 'release' then -quantity when 'expire' then -quantity
                              when 'commit' then -quantity else 0 end)
               or (quantity <= 0 and kind not in ('adjust', 'extend'))""",
    ),
    Invariant(
        "stock.held",
        "A stock row holds the sum of its holds that are not yet taken",
        """select k.variant_id, k.location_id, k.held, coalesce(h.quantity, 0) as holds
             from stock k
             left join (select variant_id, location_id, sum(quantity) as quantity from hold where state = 'held'
                         group by variant_id, location_id) h using (variant_id, location_id)
            where k.held <> coalesce(h.quantity, 0)""",
        _REPAIR,
    ),
    Invariant(
        "stock.never_oversold",
        "No more is promised than is on hand or may be ordered back, but for what was promised before a count",
        """select variant_id, location_id, on_hand, held, backorder_max, overpromised from stock
            where held < 0 or (held > 0 and held > on_hand + backorder_max + overpromised)""",
    ),
    Invariant(
        "stock.places",
        "Where it is kept where units lie, what lies at active locations is what is on hand",
        """select k.variant_id, k.on_hand, k.has_places, coalesce(p.units, 0) as units, coalesce(p.places, 0) as places
             from stock k
             left join (select variant_id, count(*) as places, sum(units) filter (where l.is_active) as units
                          from stock_place s join location l on l.id = s.location_id group by variant_id) p
               on p.variant_id = k.variant_id
            where k.has_places <> (coalesce(p.places, 0) > 0)
               or (k.has_places and coalesce(p.units, 0) <> greatest(0, k.on_hand)
                   and exists (select 1 from stock_place s join location l on l.id = s.location_id and l.is_active
                                where s.variant_id = k.variant_id))""",
    ),
    Invariant(
        "stock.next_due",
        "No hold on a stock row falls due before the moment that the row names",
        """select k.variant_id, k.location_id, k.next_due_at, min(h.due_at) as first_due
             from stock k join hold h using (variant_id, location_id)
            group by k.variant_id, k.location_id having min(h.due_at) < k.next_due_at""",
        _REPAIR,
    ),
    Invariant(
        "hold.belongs",
        "A hold is of a reservation and on a stock row",
        """select h.reservation_id, h.variant_id, h.location_id, h.quantity, r.id is not null as has_reservation,
                  k.variant_id is not null as has_stock
             from hold h
             left join reservation r on r.id = h.reservation_id
             left join stock k on k.variant_id = h.variant_id and k.location_id = h.location_id
            where r.id is null or k.variant_id is null""",
        _REPAIR,
    ),
    Invariant(
        "hold.due",
        "A hold falls due no later than its reservation runs out",
        """select h.reservation_id, h.variant_id, h.location_id, h.due_at, r.expires_at
             from hold h join reservation r on r.id = h.reservation_id where h.due_at > r.expires_at""",
        _REPAIR,
    ),
)
