-- Promises a cart all of its units for a while, in place of what it was promised, or none and it keeps that. The cart's
-- row, its reservation and the stock of its lines are locked. p_change: {ttl}, at most the shop's cap.
-- What is without bound needs no promise.
create or replace function cart_reserve(
  p_cart cart, p_change jsonb, p_policy cart_policy, p_cause movement_cause
) returns cart_change_result language plpgsql as $$
declare
  v_until timestamptz := p_cause.at + least((p_change->>'ttl')::interval, greatest(p_policy.hold_cap, p_policy.hold_ttl));
  v_items jsonb := (
    select coalesce(jsonb_agg(jsonb_build_object('variant_id', w.variant_id, 'quantity', w.units) order by w.variant_id), '[]')
      from (select l.variant_id, sum(l.quantity) as units from cart_line l where l.cart_id = p_cart.id group by l.variant_id) w
     cross join lateral (
       select 1 from stock s
        where s.variant_id = w.variant_id and s.location_id = '00000000-0000-7000-8000-000000000001'
          and s.is_tracked and s.backorder_max is not null limit 1) k);
  v_short jsonb;
begin
  begin
    perform reservation_end(p_cart.id, p_cause);
    if jsonb_array_length(v_items) > 0 then
      insert into reservation (id, owner_kind, held_since, expires_at) values (p_cart.id, 'cart', p_cause.at, v_until);
      v_short := reservation_hold_all(p_cart.id, v_items, v_until, p_cause);
    end if;
    if v_short is not null then
      raise exception using errcode = 'PN001';
    end if;
  exception when sqlstate 'PN001' then
    return ('INSUFFICIENT_STOCK'::text, v_short, null::uuid, (v_short->'items'->0->>'variant_id')::uuid, 0::bigint, 0::bigint, 0, 0, null::bigint);
  end;
  return ('OK'::text, jsonb_build_object('items', v_items, 'expires_at', v_until), null::uuid, null::uuid, 0::bigint, 0::bigint, 0, 0, null::bigint);
end $$;
