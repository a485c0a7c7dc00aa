"""What must hold of carts and their lines."""

from __future__ import annotations

from pannier.platform.invariants import Invariant

_REPAIR = "select * from cart_repair($1)"

INVARIANTS = (
    Invariant(
        "cart.counts",
        "A cart's counts are those of its lines",
        """select c.id, c.line_count, c.total_quantity, count(l.id) as lines, coalesce(sum(l.quantity), 0) as units
             from cart c left join cart_line l on l.cart_id = c.id
            group by c.id having (c.line_count::bigint, c.total_quantity::numeric)
                                 <> (count(l.id), coalesce(sum(l.quantity), 0))""",
        _REPAIR,
    ),
    Invariant(
        "cart.saved",
        "A cart's count of saved lines is that of its saved lines, and each is of a cart and of a variant",
        """select coalesce(c.id, s.cart_id) as cart_id, c.saved_count, s.lines, s.variants
             from cart c full join (
               select k.cart_id, count(*) as lines, count(v.id) as variants
                 from saved_line k left join variant v on v.id = k.variant_id group by k.cart_id) s on s.cart_id = c.id
            where (c.saved_count::bigint, coalesce(s.lines, 0))
                  is distinct from (coalesce(s.lines, 0), coalesce(s.variants, 0))""",
        _REPAIR,
    ),
    Invariant(
        "cart.one_place",
        "A line is in the cart or saved for later, not both",
        "select l.id, l.cart_id, s.cart_id as saved_of from cart_line l join saved_line s on s.id = l.id",
    ),
    Invariant(
        "cart.holds",
        "A cart is promised no more units of a variant than its lines have",
        """select h.reservation_id as cart_id, h.variant_id, h.quantity as held, coalesce(l.quantity, 0) as wanted
             from (select reservation_id, variant_id, sum(quantity) as quantity from hold
                    group by reservation_id, variant_id) h
             join cart c on c.id = h.reservation_id
             left join (select cart_id, variant_id, sum(quantity) as quantity from cart_line
                         group by cart_id, variant_id) l on l.cart_id = c.id and l.variant_id = h.variant_id
            where h.quantity > coalesce(l.quantity, 0) and c.status <> 'converted'""",
        _REPAIR,
    ),
    Invariant(
        "cart.converted",
        "A cart that became an order is promised nothing; the order is",
        """select c.id, h.variant_id, h.quantity from cart c join hold h on h.reservation_id = c.id
            where c.status = 'converted'""",
        _REPAIR,
    ),
    Invariant(
        "cart.reservation",
        "A reservation of a cart has the cart's id, and that cart is there",
        """select r.id, r.expires_at from reservation r left join cart c on c.id = r.id
            where r.owner_kind = 'cart' and c.id is null""",
    ),
    Invariant(
        "cart.one_open",
        "An owner has one open cart per channel at most, and a cart has one owner",
        """select channel, user_id, encode(token_hash, 'hex') as token_hash, count(*) as carts from cart
            where status in ('active', 'abandoned') and not is_aside group by channel, user_id, token_hash
           having count(*) > 1 or (user_id is null) = (token_hash is null)""",
    ),
    Invariant(
        "cart.version",
        "A cart's version is that of its newest event",
        """select c.id, c.version, max(e.version) as newest_event
             from cart c left join event e on e.aggregate_id = c.id and e.aggregate_kind = 'cart'
            group by c.id having c.version <> coalesce(max(e.version), 0)""",
        _REPAIR,
    ),
    Invariant(
        "cart_line.belongs",
        "A line is of a cart and of a variant",
        """select l.id, l.cart_id, l.variant_id, c.id is not null as has_cart, v.id is not null as has_variant
             from cart_line l left join cart c on c.id = l.cart_id left join variant v on v.id = l.variant_id
            where c.id is null or v.id is null""",
    ),
    Invariant(
        "cart.history",
        "The history of a cart has every version once, from the first or from where keeping it began",
        """select h.cart_id, min(h.version) as first, max(h.version) as last, count(*) as events from cart_history h
            group by h.cart_id having max(h.version) - min(h.version) + 1 <> count(*)""",
    ),
    Invariant(
        "cart.snapshots",
        "A snapshot of a cart is what its history comes to",
        """select s.cart_id, s.version from cart_snapshot s
            where not s.is_base and s.state is distinct from cart_state_at(s.cart_id, s.version, s.version)""",
        "select * from cart_history_repair($1)",
    ),
)
