-- Writes an order: p_order is a row of `orders` as JSON, with its `lines`. The cart's owner becomes the order's.
create or replace function order_place(p_order jsonb, p_cart uuid, p_actor text, p_correlation text)
returns void language plpgsql as $$
declare
  o orders := jsonb_populate_record(null::orders, p_order);
begin
  select c.token_hash, c.user_id into o.token_hash, o.user_id from cart c where c.id = p_cart;
  o.captured_minor := case when o.payment_status = 'paid' then o.total_minor - o.tendered_minor else 0 end;
  insert into orders select o.*;
  insert into order_line select l.* from jsonb_populate_recordset(null::order_line, p_order->'lines') l;
  insert into order_state (order_id, version, status, payment_status, actor, correlation_id, at)
  values (o.id, o.version, o.status, o.payment_status, p_actor, p_correlation, o.placed_at);
end $$;

-- Gives an order its units, whose stock rows are locked: first what the cart was promised, then what is free.
-- p_action commit books p_quantities of p_variants out, hold keeps them promised to the order.
-- The caller has looked under the same locks that everything is there.
create or replace function order_claim_stock(
  p_order uuid, p_cart uuid, p_action text, p_variants uuid[], p_quantities bigint[], p_cause movement_cause
) returns void language plpgsql as $$
declare
  c_location constant uuid := '00000000-0000-7000-8000-000000000001';
  u record;
  v_done uuid[] := '{}';
  v_promised bigint;
begin
  if p_action = 'commit' then
    v_done := stock_commit_whole(p_cart, p_variants, p_quantities, p_cause);
    if cardinality(v_done) = cardinality(p_variants) then
      return;
    end if;
  else
    insert into reservation (id, owner_kind, held_since, expires_at) values (p_order, 'order', p_cause.at, 'infinity');
  end if;
  for u in
    select w.variant_id, w.quantity, coalesce(h.quantity, 0) as promised
      from unnest(p_variants, p_quantities) w(variant_id, quantity)
      left join hold h on h.reservation_id = p_cart and h.variant_id = w.variant_id and h.location_id = c_location
     where w.variant_id <> all(v_done) order by 1
  loop
    v_promised := least(u.promised, u.quantity);
    if v_promised > 0 and p_action = 'hold' then
      perform stock_transfer(p_cart, p_order, u.variant_id, c_location, v_promised, 'infinity');
    elsif v_promised > 0 then
      perform stock_commit(p_cart, u.variant_id, c_location, v_promised, p_cause);
    end if;
    if u.quantity > v_promised then
      perform order_hold(p_order, u.variant_id, u.quantity - v_promised, p_cause);
      if p_action = 'commit' then
        perform stock_commit(p_order, u.variant_id, c_location, u.quantity - v_promised, p_cause);
      end if;
    end if;
  end loop;
end $$;

create or replace function order_hold(p_order uuid, p_variant uuid, p_quantity bigint, p_cause movement_cause)
returns void language plpgsql as $$
begin
  if not stock_hold(p_order, p_variant, '00000000-0000-7000-8000-000000000001', p_quantity, false, 'infinity', p_cause) then
    raise exception 'stock of variant % moved under its lock', p_variant;
  end if;
end $$;
