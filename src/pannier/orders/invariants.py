"""What must hold of orders, their lines, and the stock behind them."""

from __future__ import annotations

from pannier.orders.after_invariants import AFTER
from pannier.platform.invariants import Invariant

INVARIANTS = (
    Invariant(
        "order.exchange",
        "An order that was placed at an exchange rate is in its target currency, at a rate that there was then",
        """select id, number, currency, quote->'exchange' as exchange from orders
            where jsonb_typeof(quote->'exchange') = 'object'
              and (quote->'exchange'->>'target' <> currency::text
                or quote->'exchange'->>'source' = currency::text
                or (quote->'exchange'->>'rate')::numeric <= 0
                or (quote->'exchange'->>'on')::date > (placed_at at time zone 'UTC')::date + 1)""",
    ),
    Invariant(
        "order.totals",
        "An order's figures are the sums of its lines, and its total is what they come to",
        """select o.id, o.number, o.subtotal_minor, o.discount_minor, o.shipping_minor, o.tax_minor, o.tax_added_minor,
                  o.total_minor, o.total_quantity, l.goods, l.discount, l.tax, l.units
             from orders o
             left join (select order_id, sum(quantity * unit_price_minor) as goods, sum(discount_minor) as discount,
                               sum(tax_minor) as tax, sum(quantity) as units from order_line group by order_id) l
               on l.order_id = o.id
            where (o.subtotal_minor, o.discount_minor, o.total_quantity) is distinct from (l.goods, l.discount, l.units)
               or o.tax_minor < l.tax or o.tax_added_minor > o.tax_minor
               or o.total_minor <> o.subtotal_minor - o.discount_minor + o.shipping_minor + o.tax_added_minor
                                   + o.correction_minor""",
    ),
    Invariant(
        "order.taxes",
        "The rates that an order froze make together the tax that it was charged",
        """select o.id, o.number, o.tax_minor, t.amount from orders o
            cross join lateral (select sum((x->>'amount_minor')::bigint) as amount from jsonb_array_elements(
              case when jsonb_typeof(o.quote->'taxes') = 'array' then o.quote->'taxes' else '[]' end) x) t
            where jsonb_typeof(o.quote->'taxes') = 'array' and coalesce(t.amount, 0) <> o.tax_minor""",
    ),
    Invariant(
        "order_line.totals",
        "A line comes to its quantity at its price, less its discount; no more has left or is canceled than there is",
        """select id, order_id, quantity, quantity_canceled, quantity_taken, unit_price_minor, discount_minor,
                  total_minor
             from order_line
            where total_minor <> quantity * unit_price_minor - discount_minor
               or quantity_canceled + quantity_taken + quantity_returned > quantity
               or (stock_state = 'committed' and quantity_taken <> quantity - quantity_canceled - quantity_returned)
               or quantity_returning + quantity_returned > quantity_sent
               or quantity_sent + quantity_canceled > quantity""",
    ),
    Invariant(
        "order.one_per_checkout",
        "A checkout has one order when it is completed, and none before",
        """select c.id as checkout_id, c.status, count(o.id) as orders
             from checkout c left join orders o on o.checkout_id = c.id
            group by c.id having count(o.id) <> (c.status = 'completed')::integer
           union all
           select o.checkout_id, null, count(*) from orders o
            where o.checkout_id is not null and not exists (select 1 from checkout c where c.id = o.checkout_id)
            group by o.checkout_id""",
    ),
    Invariant(
        "order.cart",
        "A converted cart has an order, and the cart of an order is there and converted",
        """select c.id as cart_id, c.status, null::uuid as order_id from cart c
            where c.status = 'converted' and not exists (select 1 from orders o where o.cart_id = c.id)
           union all
           select o.cart_id, c.status, o.id from orders o left join cart c on c.id = o.cart_id
            where o.cart_id is not null and c.status is distinct from 'converted'""",
    ),
    Invariant(
        "order.history",
        "An order's states have versions without a gap, the newest is the order's own, and each has its event",
        """select o.id, o.number, o.version, o.status, s.last, s.states, n.status as newest_status,
                  e.last as newest_event
             from orders o
             left join (select order_id, max(version) as last, count(*) as states from order_state group by order_id) s
               on s.order_id = o.id
             left join order_state n on n.order_id = o.id and n.version = s.last
             left join (select aggregate_id, max(version) as last from event where aggregate_kind = 'order'
                         group by aggregate_id) e on e.aggregate_id = o.id
            where (s.last, s.states, e.last) is distinct from (o.version::bigint, o.version::bigint, o.version::bigint)
               or (n.status, n.payment_status) is distinct from (o.status, o.payment_status)""",
    ),
    Invariant(
        "order_line.belongs",
        "A line is of an order and of a variant",
        """select l.id, l.order_id, l.variant_id, o.id is not null as has_order, v.id is not null as has_variant
             from order_line l left join orders o on o.id = l.order_id left join variant v on v.id = l.variant_id
            where o.id is null or v.id is null""",
    ),
    Invariant(
        "order.holds",
        "An order is promised exactly the units of its lines that are held",
        """select coalesce(l.order_id, h.reservation_id) as order_id,
                  coalesce(l.variant_id, h.variant_id) as variant_id,
                  coalesce(l.units, 0) as wanted, coalesce(h.units, 0) as held
             from (select order_id, variant_id,
                          sum(quantity - quantity_canceled - quantity_taken - quantity_returned) as units
                     from order_line
                    where stock_state = 'held' group by order_id, variant_id) l
             full join (select h.reservation_id, h.variant_id, sum(h.quantity) as units
                          from hold h join reservation r on r.id = h.reservation_id and r.owner_kind = 'order'
                         group by h.reservation_id, h.variant_id) h
               on h.reservation_id = l.order_id and h.variant_id = l.variant_id
            where l.units is distinct from h.units""",
    ),
    Invariant(
        "order.commits",
        "What was committed and not returned is in orders, or taken by carts; reservations of others apart",
        """select coalesce(m.variant_id, w.variant_id) as variant_id, coalesce(m.units, 0) as committed,
                  coalesce(w.units, 0) as explained
             from (select variant_id, sum(case kind when 'commit' then quantity else -quantity end) as units
                     from stock_movement
                    where kind = 'return' or (kind = 'commit' and reference_kind is distinct from 'reservation')
                    group by variant_id) m
             full join (select variant_id, sum(units) as units
                          from (select variant_id, quantity_taken as units from order_line
                                union all select variant_id, quantity from hold where state = 'taken') u
                         group by variant_id) w on w.variant_id = m.variant_id
            where coalesce(m.units, 0) <> coalesce(w.units, 0)""",
    ),
    *AFTER,
)
