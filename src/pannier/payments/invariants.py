"""What must hold of payments."""

from __future__ import annotations

from pannier.platform.invariants import Invariant

INVARIANTS = (
    Invariant(
        "payment.ledger",
        "A payment's figures are the sums of its transactions, numbered without a gap; what was let go of holds none",
        """select a.id, a.state, a.authorized_minor, a.captured_minor, a.refunded_minor, t.authorized, t.captured,
                  t.refunded, t.voided, a.entries, t.entries as booked
             from payment_attempt a
             left join (select attempt_id, count(*) as entries, max(number) as last,
                               coalesce(sum(amount_minor) filter (where kind = 'authorize'), 0) as authorized,
                               coalesce(sum(amount_minor) filter (where kind = 'capture'), 0) as captured,
                               coalesce(sum(amount_minor) filter (where kind = 'refund'), 0) as refunded,
                               coalesce(sum(amount_minor) filter (where kind = 'void'), 0) as voided
                          from payment_transaction group by attempt_id) t on t.attempt_id = a.id
            where (a.authorized_minor, a.captured_minor, a.refunded_minor, a.entries, a.entries)
                  is distinct from (coalesce(t.authorized, 0), coalesce(t.captured, 0), coalesce(t.refunded, 0),
                                    coalesce(t.entries, 0), coalesce(t.last, 0))
               or (a.state = 'voided' and coalesce(t.voided, 0) <> a.authorized_minor - a.captured_minor)""",
    ),
    Invariant(
        "payment.refunds",
        "What is asked back of a payment is its refunds that did not fail, and what the provider gave back by itself",
        """select a.id, a.refunding_minor, a.refunded_minor, r.asked, r.given
             from payment_attempt a
             left join (select attempt_id, sum(amount_minor) filter (where state <> 'failed') as asked,
                               sum(amount_minor) filter (where state = 'succeeded') as given
                          from refund group by attempt_id) r on r.attempt_id = a.id
            where a.refunding_minor < coalesce(r.asked, 0) or a.refunded_minor < coalesce(r.given, 0)
               or (a.refunding_minor > coalesce(r.asked, 0) and a.refunding_minor > a.refunded_minor)""",
    ),
    Invariant(
        "payment.belongs",
        "A payment's order and checkout are there; money without an order is being given back or waited for",
        """select a.id, a.checkout_id, a.order_id, a.state, a.captured_minor, a.refunding_minor
             from payment_attempt a
             left join orders o on o.id = a.order_id
             left join checkout c on c.id = a.checkout_id
            where (a.order_id is not null and o.id is null) or (a.checkout_id is not null and c.id is null)
               or (a.pays_order is not null and (not exists (select 1 from orders p where p.id = a.pays_order)
                     or (a.order_id is not null and (a.is_open or a.order_id <> a.pays_order))))
               or (a.order_id is null and a.due_at is null
                   and (a.state = 'authorized' or a.captured_minor > a.refunding_minor))""",
    ),
    Invariant(
        "payment.order",
        "An order that is paid through payments has what they captured, one completed checkout has one payment",
        """select o.id, o.number, o.payment_status, o.captured_minor as owed, p.captured, p.attempts
             from orders o
             join (select order_id, sum(captured_minor) as captured, sum(amount_minor) as asked, count(*) as attempts,
                          count(*) filter (where is_open) as open from payment_attempt
                    where order_id is not null and state <> 'voided' group by order_id) p on p.order_id = o.id
            where o.payment_status = 'paid' and p.open = 0 and p.captured < least(o.captured_minor, p.asked)""",
    ),
)
