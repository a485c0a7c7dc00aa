-- One step in the life of an order. Order of locks: idempotency key (tried) · stock · the order.

-- Locks an order that the asker may see, with the stock of its lines, and tells how it stands.
-- outcome: null, ORDER_NOT_FOUND, or what idempotency_begin says. `short` lists awaited variants of which there
-- is too little, as [[variant, requested, available], ...].
create or replace function order_lock(
  p_number text, p_token bytea, p_user text, p_is_staff boolean,
  p_idem_owner bytea, p_idem_key text, p_idem_hash bytea, p_offset interval,
  out outcome text, out answer text, out locked_at timestamptz, out document text, out short text
) language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_order uuid;
  v_variants uuid[];
  cause movement_cause;
begin
  select b.outcome, b.answer into outcome, answer from idempotency_begin(p_idem_owner, p_idem_key, p_idem_hash) b;
  if outcome is not null then
    return;
  end if;
  v_order := (select o.id from orders o where o.number = p_number and order_is_visible(o, p_token, p_user, p_is_staff));
  if v_order is null then
    outcome := 'ORDER_NOT_FOUND';
    return;
  end if;
  cause.actor := 'system';
  v_variants := array(select l.variant_id from order_line l where l.order_id = v_order);
  locked_at := stock_lock(v_variants, p_offset, cause);
  perform 1 from orders where id = v_order for update;
  if exists (select 1 from order_line l where l.order_id = v_order and l.variant_id <> all(v_variants)) then
    -- Stock is locked before the order, so whoever waited for an edit begins anew, with the stock of what it added.
    raise exception using errcode = '40001', message = 'goods came into the order while it was being locked';
  end if;
  document := order_document(v_order);
  short := (
    select json_agg(json_build_array(w.variant_id, w.wanted, w.available)) from (
      select l.variant_id, sum(l.quantity - l.quantity_canceled - l.quantity_returned) as wanted, min(k.available) as available
        from order_line l
       cross join lateral (
         select stock_available(s) as available from stock s
          where s.variant_id = l.variant_id and s.location_id = l.location_id limit 1) k
       where l.quantity > l.quantity_canceled and l.order_id = v_order and l.stock_state = 'awaited' group by l.variant_id) w
     where w.available < w.wanted);
end $$;

create or replace function order_is_visible(p_order orders, p_token bytea, p_user text, p_is_staff boolean)
returns boolean language sql immutable as $$
  select p_is_staff or coalesce(p_order.token_hash = p_token, false) or coalesce(p_order.user_id = p_user, false)
$$;

-- Carries out what was decided of a locked order. p_step: {order_id, version, status, payment_status, stock?,
-- reason, event_id, event, data, actor, device?, correlation_id?, at}, version the new one.
create or replace function order_step(p_step jsonb) returns void language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_order uuid := (p_step->>'order_id')::uuid;
  cause movement_cause := (p_step->>'actor', p_step->>'device', p_step->>'correlation_id', 'order', v_order,
    p_step->>'reason', p_step->>'at');
begin
  if p_step->'rows' ? 'revision' then
    perform order_revise(v_order, cause);
  end if;
  if p_step->>'stock' = 'give_back' then
    perform order_give_back(v_order, cause);
  elsif p_step->>'stock' = 'move' then
    perform order_move(v_order, p_step->'units', cause);
  elsif p_step->>'stock' is not null then
    perform order_settle_stock(v_order, p_step->>'stock', cause);
  end if;
  if p_step->'rows' ? 'added' then
    perform order_add(v_order, p_step->'rows'->'added', p_step->'rows'->'figures', cause);
  end if;
  if p_step->>'status' = 'canceled' then
    -- In the order in which placing it locks them.
    perform purse_refund(v_order, cause.actor, cause.correlation_id, cause.at);
    perform coupon_release(v_order);
    update orders set given_back_minor = tendered_minor where id = v_order;
  end if;
  if p_step ? 'money' then
    perform order_money(v_order, p_step->'money');
  end if;
  if p_step ? 'rows' then
    perform order_rows(v_order, p_step->'rows', cause);
  end if;
  -- Nobody waits for what an edit has made due no longer.
  if p_step->>'status' = 'canceled' or p_step->>'event' = 'order.paid'
     or (p_step->'rows' ? 'revision' and p_step->>'payment_status' = 'paid')
  then
    perform payment_promise_kept(v_order, p_step->>'event' = 'order.paid', cause.actor, cause.correlation_id, cause.at,
      -- What a payment of its own brought came by no promise.
      case when p_step->'rows' ? 'booked' then 0 else coalesce((p_step->'money'->>'captured')::bigint, 0) end);
  end if;
  update orders
     set status = (p_step->>'status')::order_status, payment_status = (p_step->>'payment_status')::payment_status,
         version = (p_step->>'version')::bigint, updated_at = cause.at
   where id = v_order;
  if p_step ? 'earns' then
    perform purse_earn(v_order, o.user_id, (p_step->>'earns')::bigint, (p_step->>'purse_id')::uuid, cause.actor,
      cause.correlation_id, cause.at) from orders o where o.id = v_order and o.user_id is not null;
    -- What was credited before it was paid earns nothing.
    insert into purse_refund (id, order_id, asked_minor, at)
    select (p_step->>'event_id')::uuid, v_order, 0, cause.at from orders o
     where o.id = v_order and o.user_id is not null and o.credited_minor > 0;
    if found then
      perform purse_take_earned(v_order, (p_step->>'event_id')::uuid, o.credited_minor, o.total_minor, cause.reason,
        cause.actor, cause.correlation_id, cause.at) from orders o where o.id = v_order;
    end if;
  end if;
  insert into order_state (order_id, version, status, payment_status, reason, actor, correlation_id, at)
  values (v_order, (p_step->>'version')::bigint, (p_step->>'status')::order_status,
    (p_step->>'payment_status')::payment_status, coalesce(cause.reason, ''), cause.actor, cause.correlation_id, cause.at);
  perform event_append(jsonb_build_array(jsonb_build_object('aggregate_id', v_order, 'version', p_step->'version',
    'aggregate_kind', 'order', 'id', p_step->'event_id', 'type', p_step->'event', 'data', p_step->'data')),
    cause.actor, cause.device, cause.correlation_id, cause.at);
end $$;

-- Brings every line at least as far as p_target: awaited units are held, held ones committed. Awaited units of what
-- is no longer counted are not looked for any more.
create or replace function order_settle_stock(p_order uuid, p_target text, p_cause movement_cause)
returns void language plpgsql as $$
declare
  l record;
begin
  update order_line o set stock_state = 'untracked'
   where o.order_id = p_order and o.stock_state = 'awaited'
     and (select not k.is_tracked from stock k where k.variant_id = o.variant_id and k.location_id = o.location_id);
  for l in
    select id, variant_id, location_id, quantity - quantity_canceled - quantity_returned - quantity_taken as quantity, stock_state
      from order_line
     where order_id = p_order and (stock_state = 'awaited' or (stock_state = 'held' and p_target = 'commit'))
     order by variant_id, id
  loop
    if l.stock_state = 'awaited' then
      insert into reservation (id, owner_kind, held_since, expires_at) values (p_order, 'order', p_cause.at, 'infinity')
      on conflict (id) do nothing;
      perform order_hold(p_order, l.variant_id, l.quantity, p_cause);
    end if;
    if p_target = 'commit' then
      perform stock_commit(p_order, l.variant_id, l.location_id, l.quantity, p_cause);
    end if;
    update order_line
       set stock_state = case p_target when 'commit' then 'committed' else 'held' end::line_stock_state,
           quantity_taken = case p_target when 'commit' then quantity - quantity_canceled - quantity_returned else quantity_taken end
     where order_id = p_order and id = l.id;
  end loop;
  if p_target = 'commit' then
    delete from reservation where id = p_order;
  end if;
end $$;

-- Gives back what a canceled order has: sold units return, promised ones are let go.
create or replace function order_give_back(p_order uuid, p_cause movement_cause) returns void language plpgsql as $$
declare
  l record;
begin
  for l in
    select id, variant_id, location_id, quantity_taken from order_line
     where order_id = p_order and quantity > quantity_canceled + quantity_returned order by variant_id, id
  loop
    if l.quantity_taken > 0 then
      perform stock_add(l.variant_id, l.location_id, l.quantity_taken, 'return', p_cause);
    end if;
    update order_line
       set quantity_canceled = quantity - quantity_returned, quantity_taken = 0, quantity_sent = quantity_returned,
           stock_state = case when stock_state = 'untracked' then 'untracked' when quantity_taken > 0 then 'returned'
             else 'released' end::line_stock_state
     where order_id = p_order and id = l.id;
  end loop;
  perform reservation_end(p_order, p_cause);
end $$;

-- Moves units of an order's lines, as was decided: p_units is [{line_id, take, back, release, restock, cancel, send,
-- coming, returned, write_off}]. take: held units leave the house; back: they return and are held again; release: held
-- units are let go; restock: units that had left are for sale again; write_off: they came back, and are worth nothing;
-- cancel: so many are no longer in the order; send, coming, returned: so many more are sent, on their way back, back.
create or replace function order_move(p_order uuid, p_units jsonb, p_cause movement_cause) returns void language plpgsql as $$
declare
  u record;
begin
  insert into reservation (id, owner_kind, held_since, expires_at) values (p_order, 'order', p_cause.at, 'infinity')
  on conflict (id) do nothing;
  for u in
    select l.id, l.variant_id, l.location_id, x.*
      from jsonb_to_recordset(p_units) x(line_id uuid, take bigint, back bigint, release bigint, restock bigint, cancel bigint,
             send bigint, coming bigint, returned bigint, write_off bigint)
     cross join lateral (
       select k.id, k.variant_id, k.location_id from order_line k where k.order_id = p_order and k.id = x.line_id limit 1) l
     order by l.variant_id, l.id
  loop
    if u.take > 0 then
      perform stock_commit(p_order, u.variant_id, u.location_id, u.take, p_cause);
    end if;
    if u.back > 0 then
      perform stock_put_back(p_order, u.variant_id, u.location_id, u.back, p_cause);
    end if;
    if u.release > 0 then
      perform stock_release(p_order, u.variant_id, u.location_id, u.release, 'release', p_cause);
    end if;
    if u.restock + u.write_off > 0 then
      perform stock_add(u.variant_id, u.location_id, u.restock + u.write_off, 'return', p_cause);
    end if;
    if u.write_off > 0 then
      -- They came in by this very step, so taking them out again is below nothing that was there before.
      perform stock_add(u.variant_id, u.location_id, -u.write_off, 'adjust', p_cause, true);
    end if;
    -- Whoever would send, or send back, more units than there are breaks a constraint.
    update order_line l
       set quantity_taken = l.quantity_taken + u.take - u.back - u.restock - u.write_off,
           quantity_canceled = l.quantity_canceled + u.cancel,
           quantity_sent = least(l.quantity_sent + u.send, case when u.cancel > 0 then l.quantity - l.quantity_canceled - u.cancel
             else l.quantity_sent + u.send end),
           quantity_returning = l.quantity_returning + u.coming, quantity_returned = l.quantity_returned + u.returned,
           stock_state = case
             when l.stock_state = 'untracked' then 'untracked'
             when l.quantity = l.quantity_canceled + u.cancel + l.quantity_returned + u.returned then
               case when u.restock + u.write_off > 0 then 'returned' else 'released' end
             when l.stock_state = 'awaited' then 'awaited'
             when l.quantity = l.quantity_canceled + u.cancel + l.quantity_returned + u.returned + l.quantity_taken + u.take
               - u.back - u.restock - u.write_off then 'committed'
             else 'held' end::line_stock_state
     where l.order_id = p_order and l.id = u.id;
  end loop;
  delete from reservation where id = p_order and not exists (select 1 from hold h where h.reservation_id = p_order);
end $$;

-- What is on hand of the counted variants of an order, whose stock is locked: {variant: units}.
create or replace function order_on_hand(p_order uuid) returns jsonb language plpgsql stable
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
begin
  return (
    select coalesce(jsonb_object_agg(l.variant_id, k.on_hand), '{}') from order_line l
     cross join lateral (
       select s.on_hand from stock s where s.variant_id = l.variant_id and s.location_id = l.location_id and s.is_tracked limit 1) k
     where l.order_id = p_order);
end $$;

-- That a user's order is the one that a promotion is for: with so many before it, and nobody else's doing at that moment.
-- Raises PN010, as coupon_claim does, when another one was quicker.
create or replace function order_is_nth(p_order uuid, p_before bigint) returns void language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_user text := (select o.user_id from orders o where o.id = p_order);
begin
  perform pg_advisory_xact_lock(hashtextextended('orders of:' || v_user, 0));
  if (select count(*) from (select 1 from orders o where o.user_id = v_user and o.status <> 'canceled' and o.id <> p_order
                             limit 1000) n) <> p_before then
    raise exception using errcode = 'PN010', message = 'an order was placed meanwhile';
  end if;
end $$;
