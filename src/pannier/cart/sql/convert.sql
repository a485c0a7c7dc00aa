-- Closes a locked cart whose lines p_ordered became an order. What was not ordered moves on, with its holds
-- and with what is saved for later, to a fresh open cart of the same owner, p_rest; promises nobody needs any more are given back.
create or replace function cart_convert(
  p_cart uuid, p_ordered uuid[], p_rest uuid, p_cause movement_cause
) returns void language plpgsql as $$
begin
  update cart set status = 'converted', version = version + 1, updated_at = p_cause.at where id = p_cart;
  if p_rest is not null then
    perform cart_move_rest(p_cart, p_ordered, p_rest, p_cause);
  end if;
  perform reservation_end(p_cart, p_cause);
end $$;

create or replace function cart_move_rest(
  p_cart uuid, p_ordered uuid[], p_rest uuid, p_cause movement_cause
) returns void language plpgsql as $$
declare
  r record;
  v_expires timestamptz;
begin
  insert into cart (id, version, currency, channel, token_hash, user_id, metadata, coupons, destination, shipping_method,
    created_at, updated_at, expires_at)
  select p_rest, 1, currency, channel, token_hash, user_id, metadata, cart_codes_left(coupons), destination, shipping_method, p_cause.at, p_cause.at, expires_at
    from cart where id = p_cart;
  update cart_line set cart_id = p_rest where cart_id = p_cart and id <> all(p_ordered);
  update saved_line set cart_id = p_rest where cart_id = p_cart;
  update cart c set line_count = t.line_count, total_quantity = t.total_quantity,
         saved_count = (select count(*) from saved_line s where s.cart_id = c.id)
    from unnest(array[p_cart, p_rest]) k(id)
   cross join lateral (
     select count(*) as line_count, coalesce(sum(l.quantity), 0) as total_quantity from cart_line l
      where l.cart_id = k.id limit 1) t
   where c.id in (p_cart, p_rest) and c.id = k.id;
  insert into reservation (id, owner_kind, held_since, expires_at, reference, is_short)
  select p_rest, owner_kind, held_since, expires_at, reference, is_short from reservation where id = p_cart
  returning expires_at into v_expires;
  for r in
    select h.variant_id, h.location_id, least(max(h.quantity), sum(c.quantity))::bigint as quantity
      from cart_line c
      join hold h on h.reservation_id = p_cart and h.variant_id = c.variant_id
     where c.cart_id = p_rest
     group by h.variant_id, h.location_id order by h.variant_id, h.location_id
  loop
    perform stock_transfer(p_cart, p_rest, r.variant_id, r.location_id, r.quantity, v_expires);
  end loop;
end $$;

-- Tells in the events of a cart that was ordered in part, and of the one that goes on with the rest, what each has.
create or replace function cart_tell_rest(p_cart uuid, p_rest uuid) returns void language plpgsql as $$
declare
  v_variants uuid[] := array(
    select l.variant_id from cart_line l where l.cart_id in (p_cart, p_rest)
    union select s.variant_id from saved_line s where s.cart_id = p_rest);
begin
  update event e set data = e.data || jsonb_build_object('after', cart_after(c.id, v_variants), 'metadata', c.metadata,
           'coupons', coalesce(c.coupons, '{}'))
    from cart c where c.id in (p_cart, p_rest) and e.aggregate_id = c.id and e.version = c.version;
end $$;

-- Codes of a cart without those that can be used no more: what is left of it would wait for them in vain.
create or replace function cart_codes_left(p_codes text[]) returns text[] language plpgsql stable as $$
begin
  return nullif(array(
    select w.code from unnest(p_codes) with ordinality w(code, place)
     cross join lateral (select k.use_limit, k.used, k.per_customer from coupon k where k.code = w.code limit 1) c
     where c.per_customer is null and (c.use_limit is null or c.used < c.use_limit) order by w.place), '{}');
end $$;
