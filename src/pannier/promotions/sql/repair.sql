-- Mends what was counted from the uses, and balances from their movements, which are never touched. Answers what was done.

create or replace function promotion_repair(p_offset interval) returns setof jsonb language plpgsql as $$
begin
  lock table coupon_use, promotion_use in share mode;
  return query
  with counted as (
    select c.id, c.used as before, (select count(*) from coupon_use u where u.coupon_id = c.id and u.released_at is null) as uses
      from coupon c where c.use_limit is not null
  ), mended as (
    update coupon c set used = k.uses, updated_at = clock_timestamp() + p_offset
      from counted k where k.id = c.id and c.used <> k.uses and k.uses <= c.use_limit
    returning c.id, c.code, k.before, c.used
  )
  select jsonb_build_object('did', 'set the count of a coupon to its uses', 'id', m.id, 'code', m.code,
           'used', m.used, 'before', jsonb_build_object('used', m.before)) from mended m;
  return query
  with counted as (
    select p.id, p.used as before,
           (select count(*) from promotion_use u where u.promotion_id = p.id and u.released_at is null) as uses
      from promotion p where p.use_limit is not null
  ), mended as (
    update promotion p set used = k.uses, updated_at = clock_timestamp() + p_offset
      from counted k where k.id = p.id and p.used <> k.uses and k.uses <= p.use_limit
    returning p.id, p.name, k.before, p.used
  )
  select jsonb_build_object('did', 'set the count of a promotion to its uses', 'id', m.id, 'name', m.name,
           'used', m.used, 'before', jsonb_build_object('used', m.before)) from mended m;
  -- What was exhausted may not be so any more, and the other way round.
  perform price_book_touch();
end $$;

create or replace function purse_repair(p_offset interval) returns setof jsonb language plpgsql as $$
begin
  perform 1 from purse order by id for update;
  return query
  with newest as (
    select p.id, p.balance as before, coalesce(m.balance_after, 0) as balance, coalesce(m.version, 0) as movements
      from purse p
      left join lateral (select q.balance_after, q.version from purse_movement q where q.purse_id = p.id
                          order by q.version desc limit 1) m on true
  ), mended as (
    update purse p set balance = n.balance, movements = n.movements, updated_at = clock_timestamp() + p_offset
      from newest n where n.id = p.id and (p.balance, p.movements) <> (n.balance, n.movements)
    returning p.id, p.kind, n.before, p.balance
  )
  select jsonb_build_object('did', 'set a balance to its ledger', 'id', m.id, 'kind', m.kind, 'balance', m.balance,
           'before', jsonb_build_object('balance', m.before)) from mended m;
  return query
  with mended as (
    update purse_payment q set units_returned = m.returned
      from (select order_id, purse_id, coalesce(-sum(amount) filter (where kind = 'charge'), 0) as taken,
                   coalesce(sum(amount) filter (where kind = 'refund'), 0) as returned
              from purse_movement where order_id is not null group by order_id, purse_id) m
     where m.order_id = q.order_id and m.purse_id = q.purse_id and m.taken = q.units and m.returned <= q.units
       and q.units_returned <> m.returned
    returning q.order_id, q.purse_id, q.units_returned
  )
  select jsonb_build_object('did', 'set what was given back of a payment to its ledger', 'order_id', m.order_id,
           'purse_id', m.purse_id, 'units_returned', m.units_returned) from mended m;
end $$;
