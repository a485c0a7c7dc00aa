"""What must hold of promotions, coupons and purses."""

from __future__ import annotations

from pannier.platform.invariants import Invariant

_USES = """select r.id, r.{shown}, r.use_limit, r.used, coalesce(u.uses, 0) as uses
             from {kind} r
             left join (select {kind}_id, count(*) as uses from {kind}_use where released_at is null
                         group by {kind}_id) u on u.{kind}_id = r.id
            where r.use_limit is not null and r.used <> coalesce(u.uses, 0)"""
_REPAIR_USES = "select * from promotion_repair($1)"
_REPAIR_PURSES = "select * from purse_repair($1)"

INVARIANTS = (
    Invariant(
        "coupon.used",
        "A coupon with a limit was used as often as its uses say that stand",
        _USES.format(kind="coupon", shown="code"),
        _REPAIR_USES,
    ),
    Invariant(
        "promotion.used",
        "A promotion with a limit was used as often as its uses say that stand",
        _USES.format(kind="promotion", shown="name"),
        _REPAIR_USES,
    ),
    Invariant(
        "coupon.within_limit",
        "No coupon and no promotion was used more often than it may be",
        """select id, 'coupon' as kind, use_limit, used from coupon where used < 0 or used > coalesce(use_limit, 0)
           union all
           select id, 'promotion', use_limit, used from promotion where used < 0 or used > coalesce(use_limit, 0)""",
    ),
    Invariant(
        "coupon.uses_belong",
        "A use is of a coupon that exists, for its promotion; a use of a promotion is of one that exists",
        """select u.coupon_id as id, u.order_id, 'coupon' as kind
             from coupon_use u left join coupon c on c.id = u.coupon_id
            where c.promotion_id is distinct from u.promotion_id
           union all
           select u.promotion_id, u.order_id, 'promotion' from promotion_use u
             left join promotion p on p.id = u.promotion_id where p.id is null""",
    ),
    Invariant(
        "coupon.archived",
        "What is put away is off",
        """select id, 'promotion' as kind from promotion where archived_at is not null and is_active
           union all select id, 'coupon' from coupon where archived_at is not null and is_active
           union all select id, 'price_rule' from price_rule where archived_at is not null and is_active""",
    ),
    Invariant(
        "purse.balance",
        "A purse has what its newest movement left in it, or nothing where there is none",
        """select p.id, p.kind, p.balance, p.movements, m.balance_after, m.version as newest_movement
             from purse p
             left join (select purse_id, max(version) as version from purse_movement group by purse_id) n
               on n.purse_id = p.id
             left join purse_movement m on m.purse_id = n.purse_id and m.version = n.version
            where (p.balance, p.movements) <> (coalesce(m.balance_after, 0), coalesce(m.version, 0))""",
        _REPAIR_PURSES,
    ),
    Invariant(
        "purse.movement_chain",
        "Movements of a purse are numbered from 1 without a gap, add up, and begin where the one before ended",
        """select purse_id, version, amount, balance_before, balance_after, balance_was, previous
             from (select m.*, lag(version, 1, 0::bigint) over w as previous,
                          lag(balance_after::bigint, 1, 0::bigint) over w as balance_was
                     from purse_movement m window w as (partition by purse_id order by version)) c
            where version <> previous + 1 or balance_before <> balance_was
               or balance_after <> balance_before + amount""",
    ),
    Invariant(
        "purse.movement_belongs",
        "A movement is of a purse that exists, and no order was given more back than it was paid",
        """select m.purse_id, m.version as figure, 'movement' as kind from purse_movement m
             left join purse p on p.id = m.purse_id where p.id is null
           union all
           select purse_id, sum(amount), 'refund' from purse_movement
            where order_id is not null and kind in ('charge', 'refund')
            group by purse_id, order_id having sum(amount) > 0""",
    ),
    Invariant(
        "purse.payments",
        "What a purse paid of an order, and what of it was given back, is what its ledger says",
        """select coalesce(q.order_id, m.order_id) as order_id, coalesce(q.purse_id, m.purse_id) as purse_id,
                  q.units, q.units_returned, m.taken, m.returned
             from purse_payment q
             full join (select order_id, purse_id, coalesce(-sum(amount) filter (where kind = 'charge'), 0) as taken,
                               coalesce(sum(amount) filter (where kind = 'refund'), 0) as returned
                          from purse_movement where order_id is not null and kind in ('charge', 'refund')
                         group by order_id, purse_id) m on m.order_id = q.order_id and m.purse_id = q.purse_id
            where (q.units, q.units_returned) is distinct from (m.taken, m.returned)""",
        _REPAIR_PURSES,
    ),
    Invariant(
        "purse.refunds",
        "A refund gave back to purses, and took of points, what its movements say",
        """select r.id, r.order_id, r.returned_minor, r.points_taken, m.returned_minor as moved,
                  m.points_taken as points
             from purse_refund r
            cross join lateral (
              select coalesce(sum(v.amount * q.unit_minor) filter (where v.kind = 'refund'), 0) as returned_minor,
                     coalesce(-sum(v.amount) filter (where v.kind = 'earn'), 0) as points_taken
                from purse_movement v
                left join purse_payment q on q.order_id = v.order_id and q.purse_id = v.purse_id
               where v.order_id = r.order_id and v.refund_id = r.id) m
            where (r.returned_minor, r.points_taken) <> (m.returned_minor, m.points_taken)""",
    ),
)
