-- Edits of an order that is there. Its stock, with that of what is added, and the order are locked.

-- Locks the stock of an order's lines and of p_more in one order, before `order_lock` takes its part of it again.
-- Answers what anybody may have of p_more, where it is counted: {variant: units}, null being any number. It is not raised
-- to nothing where more is promised than there is: what a step sets free makes up for that first.
create or replace function order_lock_stock(p_number text, p_more uuid[], p_offset interval) returns jsonb language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_order uuid := (select o.id from orders o where o.number = p_number);
  cause movement_cause;
begin
  cause.actor := 'system';
  perform stock_lock(array(select l.variant_id from order_line l where l.order_id = v_order) || p_more, p_offset, cause);
  return (
    select coalesce(jsonb_object_agg(k.variant_id,
             k.on_hand + k.backorder_max - k.safety_quantity - k.held), '{}') from stock k
     where k.variant_id = any(p_more) and k.location_id = '00000000-0000-7000-8000-000000000001' and k.is_tracked);
end $$;

-- What an order is, before it is edited.
create or replace function order_revise(p_order uuid, p_cause movement_cause) returns void language sql as $$
  insert into order_revision (order_id, version, document, reason, actor, at)
  select p_order, o.version, order_document(o.id)::jsonb, coalesce(p_cause.reason, ''), p_cause.actor, p_cause.at
    from orders o where o.id = p_order
$$;

-- Goods that come into an order: p_lines are rows of `order_line`, p_figures the order's figures with them, and `stock`,
-- which says what becomes of their units: commit, hold, or await. The caller has looked under the same locks that they
-- are there.
create or replace function order_add(p_order uuid, p_lines jsonb, p_figures jsonb, p_cause movement_cause)
returns void language plpgsql as $$
declare
  f orders := jsonb_populate_record(null::orders, p_figures - 'stock');
  l record;
  v_behind integer := (select max(k.position) from order_line k where k.order_id = p_order);
begin
  insert into order_line (id, order_id, position, variant_id, location_id, product_id, sku, name, extra, display, quantity,
    unit_price_minor, discount_minor, tax_minor, total_minor, stock_state)
  select r.id, p_order, v_behind + x.place, r.variant_id, '00000000-0000-7000-8000-000000000001', r.product_id, r.sku, r.name,
         r.extra, r.display, r.quantity, r.unit_price_minor, r.discount_minor, r.tax_minor, r.total_minor, r.stock_state
    from jsonb_array_elements(p_lines) with ordinality x(line, place)
   cross join lateral jsonb_populate_record(null::order_line, x.line) r;
  update orders
     set subtotal_minor = f.subtotal_minor, discount_minor = f.discount_minor, tax_minor = f.tax_minor,
         tax_added_minor = f.tax_added_minor, total_minor = f.total_minor, total_quantity = f.total_quantity, quote = f.quote
   where id = p_order;
  if p_figures->>'stock' = 'await' then
    return;
  end if;
  for l in
    select k.id, k.variant_id, k.location_id, k.quantity from order_line k
     where k.order_id = p_order and k.position > v_behind and k.stock_state = 'awaited' order by k.variant_id, k.id
  loop
    insert into reservation (id, owner_kind, held_since, expires_at) values (p_order, 'order', p_cause.at, 'infinity')
    on conflict (id) do nothing;
    perform order_hold(p_order, l.variant_id, l.quantity, p_cause);
    if p_figures->>'stock' = 'commit' then
      perform stock_commit(p_order, l.variant_id, l.location_id, l.quantity, p_cause);
    end if;
    update order_line
       set stock_state = case p_figures->>'stock' when 'commit' then 'committed' else 'held' end::line_stock_state,
           quantity_taken = case p_figures->>'stock' when 'commit' then quantity else 0 end
     where order_id = p_order and id = l.id;
  end loop;
  delete from reservation where id = p_order and not exists (select 1 from hold h where h.reservation_id = p_order);
end $$;
