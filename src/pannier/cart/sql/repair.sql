-- Mends carts from their lines and events. Stock figures must be right before it, as far as they can be. Promised
-- units that no line wants are only taken off the holds: stock_repair, run again, books what that comes to.
create or replace function cart_repair(p_offset interval) returns setof jsonb language plpgsql as $$
declare
  v_cause movement_cause;
  s record;
begin
  perform 1 from cart order by id for update;
  return query
  with lines as (
    select c.id, c.line_count as line_count_before, c.total_quantity as total_quantity_before, c.version as version_before,
           c.saved_count as saved_count_before, (select count(*) from saved_line kept where kept.cart_id = c.id) as saved_count,
           (select count(*) from cart_line l where l.cart_id = c.id) as line_count,
           (select coalesce(sum(l.quantity), 0) from cart_line l where l.cart_id = c.id) as total_quantity,
           -- Upwards only: the next write needs a version of its own.
           greatest(c.version, (select max(e.version) from event e where e.aggregate_id = c.id)) as version
      from cart c
  ), mended as (
    update cart c set line_count = l.line_count, total_quantity = l.total_quantity, version = l.version, saved_count = l.saved_count
      from lines l
     where c.id = l.id and (c.line_count::bigint, c.total_quantity::numeric, c.version, c.saved_count::bigint)
                           <> (l.line_count, l.total_quantity, l.version, l.saved_count)
    returning l.*
  )
  select jsonb_build_object('did', 'set a cart''s counts and version to its lines and events', 'cart', to_jsonb(m)) from mended m;
  perform 1 from stock k where k.variant_id in (select t.variant_id from cart_surplus() t)
    order by k.variant_id, k.location_id for update;
  for s in select * from cart_surplus() t order by t.variant_id, t.location_id, t.cart_id loop
    if stock_lower_hold(s.cart_id, s.variant_id, s.location_id, s.quantity) = 'taken' then
      v_cause := ('repair', null, null, 'cart', s.cart_id, 'repair', clock_timestamp() + p_offset);
      perform stock_add(s.variant_id, s.location_id, s.quantity, 'return', v_cause);
    end if;
    return next jsonb_build_object('did', 'gave back units that no line wants', 'surplus', to_jsonb(s));
  end loop;
end $$;

-- Units that carts are promised beyond what their lines want; a converted cart wants none.
create or replace function cart_surplus()
returns table (cart_id uuid, variant_id uuid, location_id uuid, quantity bigint) language sql stable as $$
  select h.reservation_id, h.variant_id, h.location_id,
         (h.quantity - case when c.status = 'converted' then 0 else coalesce(w.quantity, 0) end)::bigint
    from hold h
    join cart c on c.id = h.reservation_id
    left join (select l.cart_id, l.variant_id, sum(l.quantity) as quantity from cart_line l group by 1, 2) w
      on w.cart_id = c.id and w.variant_id = h.variant_id
   where h.quantity > case when c.status = 'converted' then 0 else coalesce(w.quantity, 0) end
$$;
