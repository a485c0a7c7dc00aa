-- Giving back what purses paid of an order, whole or in part. They are locked by id; what was used last is given back
-- first, so points before store credit before gift cards, and none of them more than was taken from it.

-- A canceled order: everything that is not given back yet, and all the points it earned. Once, however often it is called.
create or replace function purse_refund(
  p_order uuid, p_actor text default 'system', p_correlation text default null, p_at timestamptz default clock_timestamp()
) returns void language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
begin
  perform purse_refund_part(p_order, p_order, null, 1, 1, 'order canceled', p_actor, p_correlation, p_at);
end $$;

-- A refund of an order, by its id, which counts once: gives at most p_amount minor units back, null being all there is.
-- After it p_refunded of p_total of the order are refunded, by purses, money or otherwise: that part of the points that
-- the order earned is taken back, rounded down; points that are spent already stay spent. Points are given back
-- whole. Answers what purse_refund_document tells.
create or replace function purse_refund_part(
  p_order uuid, p_refund uuid, p_amount bigint, p_refunded bigint, p_total bigint, p_reason text, p_actor text,
  p_correlation text, p_at timestamptz
) returns jsonb language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  w record;
  k purse;
  v_units bigint;
  v_returned bigint := 0;
begin
  perform 1 from purse p
   where p.id in (select m.purse_id from purse_movement m where m.order_id = p_order) order by p.id for no key update;
  if not found then
    return purse_refund_document(p_order, p_refund);
  end if;
  insert into purse_refund (id, order_id, asked_minor, at) values (p_refund, p_order, p_amount, p_at)
  on conflict (id) do nothing;
  if not found then
    return purse_refund_document(p_order, p_refund);
  end if;
  for w in select * from purse_payment q where q.order_id = p_order order by q.place desc loop
    v_units := w.units - w.units_returned;
    if p_amount is not null then
      v_units := least(v_units, (p_amount - v_returned) / w.unit_minor);
    end if;
    continue when v_units <= 0;
    update purse_payment q set units_returned = q.units_returned + v_units
     where q.order_id = p_order and q.purse_id = w.purse_id and q.units_returned + v_units <= q.units;
    if not found then
      raise exception 'purse % paid less than is to be given back', w.purse_id;
    end if;
    -- What is given back can be spent: a card that has run out meanwhile gets ninety days.
    update purse set balance = balance + v_units, movements = movements + 1, updated_at = p_at,
           ends_on = case when ends_on < (p_at at time zone 'UTC')::date then (p_at at time zone 'UTC')::date + 90 else ends_on end
     where id = w.purse_id
    returning * into k;
    perform purse_book(k, 'refund', v_units, p_order, p_reason, p_actor, p_correlation, p_at, p_refund);
    v_returned := v_returned + v_units * w.unit_minor;
  end loop;
  update purse_refund r set returned_minor = v_returned where r.id = p_refund;
  perform purse_take_earned(p_order, p_refund, p_refunded, p_total, p_reason, p_actor, p_correlation, p_at);
  return purse_refund_document(p_order, p_refund);
end $$;

-- Takes back what an order earned in points for what it is not asked for any more, p_refunded of p_total minor units, as far
-- as they are there; p_refund is noted with it. Their purse is locked.
create or replace function purse_take_earned(
  p_order uuid, p_refund uuid, p_refunded bigint, p_total bigint, p_reason text, p_actor text, p_correlation text, p_at timestamptz
) returns void language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  w record;
  k purse;
  v_due bigint := 0;
  v_taken bigint := 0;
begin
  for w in
    select m.purse_id, sum(m.amount) as earned from purse_movement m
     where m.order_id = p_order and m.kind = 'earn' and m.amount > 0 group by m.purse_id
  loop
    v_due := greatest(0, div(w.earned * least(p_refunded, p_total), nullif(p_total, 0))
      - (select sum(r.points_due) from purse_refund r where r.order_id = p_order));
    v_taken := least(v_due, (select p.balance from purse p where p.id = w.purse_id));
    if v_taken > 0 then
      update purse set balance = balance - v_taken, movements = movements + 1, updated_at = p_at where id = w.purse_id
      returning * into k;
      perform purse_book(k, 'earn', -v_taken, p_order, p_reason, p_actor, p_correlation, p_at, p_refund);
    end if;
  end loop;
  update purse_refund r set points_due = coalesce(v_due, 0), points_taken = coalesce(v_taken, 0) where r.id = p_refund;
end $$;

-- What a refund gave back: {returned_minor, points_taken, parts: [{purse_id, kind, code_end, units, amount_minor}]}, in
-- the order in which it did.
create or replace function purse_refund_document(p_order uuid, p_refund uuid) returns jsonb language plpgsql stable as $$
begin
  return jsonb_build_object(
    'returned_minor', coalesce((select r.returned_minor from purse_refund r where r.id = p_refund), 0),
    'points_taken', coalesce((select r.points_taken from purse_refund r where r.id = p_refund), 0),
    'parts', (
      select coalesce(jsonb_agg(jsonb_build_object('purse_id', q.purse_id, 'kind', p.kind, 'code_end', p.code_end,
               'units', m.amount, 'amount_minor', m.amount * q.unit_minor) order by q.place desc), '[]')
        from purse_movement m
        join purse_payment q on q.order_id = m.order_id and q.purse_id = m.purse_id
        join purse p on p.id = m.purse_id
       where m.order_id = p_order and m.refund_id = p_refund and m.kind = 'refund'));
end $$;
