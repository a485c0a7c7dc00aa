-- Carts that are rewritten as a whole: merged, taken apart again, brought back to an earlier state. Each is two calls
-- in one transaction with the decision between them: one locks and shows, one writes what was decided.
-- Order of locks: idempotency key (tried) · carts by id · their reservations by id · stock. See apply.sql.

-- Locks carts with all they hold and want, and p_variants. Answers the moment the locks were had.
create or replace function cart_rewrite_lock(p_carts uuid[], p_variants uuid[], p_offset interval) returns timestamptz
language plpgsql as $$
declare
  v_cause movement_cause;
begin
  perform 1 from cart where id = any(p_carts) order by id for update;
  -- Before the stock, like everybody: a sweeper that has a reservation locked may be waiting for the stock.
  perform 1 from reservation where id = any(p_carts) order by id for update;
  v_cause.actor := 'system';
  return stock_lock(array(
    select unnest(p_variants)
    union select l.variant_id from cart_line l where l.cart_id = any(p_carts)
    union select h.variant_id from hold h where h.reservation_id = any(p_carts)), p_offset, v_cause);
end $$;

-- A cart as the rules want it, lines and saved lines in the order in which they came; see cart/rewriting.py.
create or replace function cart_side(p_cart uuid) returns json language plpgsql stable as $$
begin
  return (select json_build_object('id', c.id, 'version', c.version, 'status', c.status, 'currency', c.currency,
      'channel', c.channel, 'metadata', c.metadata, 'coupons', coalesce(c.coupons, '{}'),
      'lines', (select coalesce(json_agg(to_jsonb(l) - 'cart_id' order by l.id), '[]') from cart_line l where l.cart_id = c.id),
      'saved', (select coalesce(json_agg(to_jsonb(s) - 'cart_id' order by s.id), '[]') from saved_line s where s.cart_id = c.id))
    from cart c where c.id = p_cart);
end $$;

-- How much of each variant one cart may have, given what p_carts are promised already: {id, quantity_max, available,
-- is_sellable, price_minor}. See stock_available for what is there to be had under a lock.
create or replace function cart_room(
  p_carts uuid[], p_variants uuid[], p_channel text, p_currency text, p_now timestamptz, p_is_locked boolean
) returns json language plpgsql stable as $$
begin
  return (select coalesce(json_agg(json_build_object('id', v.id, 'quantity_max', v.quantity_max,
      'available', stock_available(k, case when p_is_locked then '-infinity' else p_now end)
        + (select coalesce(sum(h.quantity), 0)::bigint from hold h join reservation r on r.id = h.reservation_id
            where h.reservation_id = any(p_carts) and h.variant_id = v.id and r.expires_at > p_now),
      'is_sellable', v.is_sellable and coalesce(p_channel = any(v.channels), true),
      'price_minor', (select o.amount_minor from catalog_price(v, p_currency, p_channel, 1, p_now,
        (select c.user_id from cart c where c.id = any(p_carts) and c.user_id is not null limit 1)) o))), '[]')
    from variant v
    left join stock k on k.variant_id = v.id and k.location_id = '00000000-0000-7000-8000-000000000001'
   where v.id = any(array(select unnest(p_variants)
                          union select l.variant_id from cart_line l where l.cart_id = any(p_carts))));
end $$;

-- Writes lines as they were decided; quantity 0 takes one out. p_lines: rows of cart_line without the cart.
create or replace function cart_put_lines(p_cart uuid, p_lines jsonb, p_now timestamptz) returns void language plpgsql as $$
begin
  delete from cart_line l using jsonb_to_recordset(p_lines) x(id uuid, quantity bigint)
   where l.id = x.id and l.cart_id = p_cart and x.quantity = 0;
  insert into cart_line as l (id, cart_id, variant_id, merge_key, quantity, extra, unit_price_minor, is_price_fixed,
    shelf_minor, shown_minor, is_selected, added_at, updated_at)
  select x.id, p_cart, x.variant_id, x.merge_key, x.quantity, x.extra, x.unit_price_minor, x.is_price_fixed,
         x.shelf_minor, x.shown_minor,
         x.is_selected, coalesce(x.added_at, p_now), p_now
    from jsonb_to_recordset(p_lines) x(id uuid, variant_id uuid, merge_key text, quantity bigint, extra jsonb,
      unit_price_minor bigint, is_price_fixed boolean, shelf_minor bigint, shown_minor bigint, is_selected boolean,
      added_at timestamptz)
   where x.quantity > 0 order by x.id
  on conflict (id) do update
    set quantity = excluded.quantity, extra = excluded.extra, unit_price_minor = excluded.unit_price_minor,
        shelf_minor = excluded.shelf_minor, shown_minor = excluded.shown_minor, is_selected = excluded.is_selected,
        updated_at = excluded.updated_at
   where l.cart_id = p_cart;
end $$;

-- Puts units among the saved ones, or takes some from them: quantity is signed. p_saved: rows of saved_line without the
-- cart; what is not there cannot be taken.
create or replace function cart_put_saved(p_cart uuid, p_saved jsonb, p_now timestamptz) returns void language plpgsql as $$
declare
  s record;
begin
  for s in
    select x.*, x.quantity as units from jsonb_to_recordset(p_saved) x(id uuid, variant_id uuid, merge_key text,
      quantity bigint, extra jsonb, unit_price_minor bigint, is_price_fixed boolean, shelf_minor bigint,
      shown_minor bigint, reason text, added_at timestamptz)
     order by x.id
  loop
    if s.units > 0 then
      perform saved_put((s.id, p_cart, s.variant_id, s.merge_key, s.units, s.extra, s.unit_price_minor,
        s.is_price_fixed, s.reason, coalesce(s.added_at, p_now), p_now, s.shelf_minor, s.shown_minor)::saved_line);
    else
      delete from saved_line where cart_id = p_cart and variant_id = s.variant_id and merge_key = s.merge_key
         and quantity <= -s.units;
      update saved_line set quantity = quantity + s.units
       where cart_id = p_cart and variant_id = s.variant_id and merge_key = s.merge_key;
    end if;
  end loop;
end $$;

-- Makes a cart's reservation fit its lines: gives back what no line wants, holds what is lacking as far as there is
-- stock; what cannot be held stays flagged. Answers the units each variant lacks, {variant: units}.
create or replace function cart_fit_holds(p_cart uuid, p_policy cart_policy, p_cause movement_cause)
returns jsonb language plpgsql as $$
declare
  h record;
  c cart;
  v_until timestamptz;
begin
  for h in
    select k.variant_id, k.location_id, k.quantity - coalesce(w.quantity, 0) as surplus
      from hold k
      left join (select l.variant_id, sum(l.quantity)::bigint as quantity from cart_line l where l.cart_id = p_cart
                  group by l.variant_id) w on w.variant_id = k.variant_id
     where k.reservation_id = p_cart and k.quantity > coalesce(w.quantity, 0) order by k.variant_id, k.location_id
  loop
    perform stock_release(p_cart, h.variant_id, h.location_id, h.surplus, 'release', p_cause);
  end loop;
  if p_policy.stock = 'none' then
    return '{}';
  end if;
  select * into c from cart where id = p_cart;
  v_until := reservation_renew(p_cart, 'cart', p_cause.at, p_policy.hold_ttl, p_policy.hold_cap);
  perform cart_hold_again(c, p_policy, v_until, p_cause);
  return (select coalesce(jsonb_object_agg(m.variant_id, m.missing), '{}') from (
    select l.variant_id, sum(l.quantity) - coalesce(max(k.quantity), 0) as missing
      from cart_line l
      join stock s on s.variant_id = l.variant_id and s.is_tracked
       and s.location_id = '00000000-0000-7000-8000-000000000001'
      left join hold k on k.reservation_id = l.cart_id and k.variant_id = l.variant_id
     where l.cart_id = p_cart
     group by l.variant_id having sum(l.quantity) > coalesce(max(k.quantity), 0)) m);
end $$;

-- Moves units that one cart is promised to another one, which keeps them without anybody else having a chance in
-- between. A hold keeps the state it began with: where the two differ, the units are given back and held again under
-- the lock of their stock, which lets nobody else at them either.
create or replace function cart_move_hold(
  p_from uuid, p_to uuid, p_variant uuid, p_location uuid, p_quantity bigint, p_until timestamptz, p_cause movement_cause
) returns void language plpgsql as $$
declare
  v_from hold_state := (select h.state from hold h
    where h.reservation_id = p_from and h.variant_id = p_variant and h.location_id = p_location);
  v_to hold_state := (select h.state from hold h
    where h.reservation_id = p_to and h.variant_id = p_variant and h.location_id = p_location);
begin
  if v_to is null or v_to = v_from then
    perform stock_transfer(p_from, p_to, p_variant, p_location, p_quantity, p_until);
  else
    perform stock_release(p_from, p_variant, p_location, p_quantity, 'release', p_cause);
    perform stock_hold(p_to, p_variant, p_location, p_quantity, v_to = 'taken', p_until, p_cause);
  end if;
end $$;

-- The next version of a cart that was rewritten, and its event. p_tell: {op_id, event, data, actor, device,
-- correlation_id, variants: those whose lines may have changed}.
create or replace function cart_rewrite_commit(p_cart uuid, p_tell jsonb, p_policy cart_policy, p_now timestamptz)
returns void language plpgsql as $$
declare
  c cart;
begin
  update cart k
     set version = k.version + 1, status = 'active', updated_at = p_now,
         line_count = t.line_count, total_quantity = t.total_quantity,
         saved_count = (select count(*) from saved_line s where s.cart_id = p_cart),
         expires_at = coalesce(p_now + case when k.user_id is null then p_policy.guest_ttl else p_policy.user_ttl end, 'infinity')
    from (select count(*) as line_count, coalesce(sum(l.quantity), 0) as total_quantity
            from cart_line l where l.cart_id = p_cart) t
   where k.id = p_cart
  returning k.* into strict c;
  insert into event (aggregate_id, version, aggregate_kind, id, type, data, actor, device, correlation_id, at)
  values (p_cart, c.version, 'cart', (p_tell->>'op_id')::uuid, p_tell->>'event',
    p_tell->'data' || jsonb_build_object('total_quantity', c.total_quantity, 'metadata', c.metadata,
      'coupons', coalesce(c.coupons, '{}'),
      'after', cart_after(p_cart, array(select x::uuid from jsonb_array_elements_text(p_tell->'variants') x))),
    p_tell->>'actor', p_tell->>'device', p_tell->>'correlation_id', p_now);
end $$;
