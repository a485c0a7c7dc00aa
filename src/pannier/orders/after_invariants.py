"""What must hold of the money and the goods of orders after their sale."""

from __future__ import annotations

from pannier.platform.invariants import Invariant

AFTER = (
    Invariant(
        "order.money",
        "What was paid is what paid orders cost, and what was given back of it: money captured = orders paid + refunds",
        """select id, number, status, payment_status, total_minor, tendered_minor, captured_minor, refunding_minor,
                  refunded_minor, credited_minor, given_back_minor
             from orders
            where refunded_minor > refunding_minor or refunding_minor > captured_minor
               or (payment_status in ('paid', 'refunded') and status <> 'canceled'
                   and captured_minor - refunding_minor
                       < total_minor - credited_minor - (tendered_minor - given_back_minor))
               or (payment_status = 'refunded' and captured_minor <> refunded_minor)""",
    ),
    Invariant(
        "order.payments",
        "What an order's payments captured is in its books, that of each once, and no more than its books say was paid",
        """select o.id, o.number, o.status, o.captured_minor, o.booked, p.captured, p.refunding, b.booked as brought
             from orders o
             left join (select order_id, sum(captured_minor) as captured, sum(refunding_minor) as refunding,
                               bool_or(is_open) as is_open
                          from payment_attempt where order_id is not null group by order_id) p on p.order_id = o.id
            cross join lateral (select coalesce(sum(x.value::bigint), 0) as booked from jsonb_each_text(o.booked) x) b
            where b.booked > o.captured_minor
               or (not p.is_open and p.captured > o.captured_minor
                   and (o.status <> 'canceled' or p.captured > p.refunding))
               or exists (select 1 from jsonb_each_text(o.booked) x
                            left join payment_attempt a on a.id = x.key::uuid and a.order_id = o.id
                           where x.value::bigint is distinct from a.captured_minor)""",
    ),
    Invariant(
        "order.credits",
        "What lines are no longer asked for is part of what their order is, and no more than they cost with their tax",
        """select o.id, o.number, o.credited_minor, l.credited, l.too_much
             from orders o
             join (select order_id, sum(credited_minor) as credited,
                          bool_or(credited_minor > total_minor + tax_minor) as too_much
                     from order_line where credited_minor > 0 group by order_id) l on l.order_id = o.id
            where l.credited > o.credited_minor or l.too_much""",
    ),
    Invariant(
        "order.refunds",
        "What an order gave back, and is giving back, is what its refunds come to, to money and to gift cards",
        """select o.id, o.number, o.refunding_minor, o.refunded_minor, o.given_back_minor, r.asked, r.given, r.cards
             from orders o
             left join (select order_id,
                               sum(amount_minor - given_back_minor) filter (where state <> 'failed') as asked,
                               sum(amount_minor - given_back_minor) filter (where state = 'succeeded') as given,
                               sum(given_back_minor) as cards
                          from order_refund group by order_id) r on r.order_id = o.id
            where (o.refunding_minor, o.refunded_minor) is distinct from (coalesce(r.asked, 0), coalesce(r.given, 0))
               or (o.status <> 'canceled' and o.given_back_minor <> coalesce(r.cards, 0))
               or (o.status = 'canceled' and o.given_back_minor <> o.tendered_minor)
           union all
           select r.order_id, null, null, null, null, null, null, null from order_refund r
            where not exists (select 1 from orders o where o.id = r.order_id)""",
    ),
    Invariant(
        "order.returns",
        "Units that are on their way back, or came back, are those of the order's returns",
        """select l.order_id, l.id as line_id, l.quantity_returning, l.quantity_returned, r.coming, r.came
             from order_line l
             left join (select k.order_id, x.line_id,
                               sum(x.quantity)
                                 filter (where k.state in ('requested', 'approved', 'received')) as coming,
                               sum(x.restocked + x.written_off) filter (where k.state = 'completed') as came
                          from order_return_line x join order_return k on k.id = x.return_id
                         group by k.order_id, x.line_id) r on r.order_id = l.order_id and r.line_id = l.id
            where (l.quantity_returning, l.quantity_returned)
                  is distinct from (coalesce(r.coming, 0), coalesce(r.came, 0))""",
    ),
    Invariant(
        "order.handover",
        "What an order service was told is of orders that are there, and nothing of an order was taken before its time",
        """select h.id, h.order_id, h.version, h.state, o.version as order_version
             from order_handover h left join orders o on o.id = h.order_id
            where o.id is null or h.version > o.version
               or (h.state = 'taken' and exists (select 1 from order_handover b
                     where b.order_id = h.order_id and b.version < h.version and b.state <> 'taken'))""",
    ),
)
