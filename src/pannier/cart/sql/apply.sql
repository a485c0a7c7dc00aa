-- The one write path of carts. One call applies a list of requests, each a list of changes to one cart:
-- locks in one order, then request by request, so that a refused one harms no other.
--
-- Order of locks: idempotency key (tried, never waited for) · carts by id · reservations of these carts ·
-- stock by variant and location. VOLATILE under READ COMMITTED: each statement sees what was committed
-- when the locks were had, not what was there when the call began.
--
-- A request: {op_id, token, fresh_token?, user_id?, channel, currency, new_cart_id?, if_match?, atomic,
--   idem_key?, idem_owner?, idem_hash?, actor, device?, correlation_id?, event, changes: [...]}; binary values as hex.
-- Answers one row a request, in order: its outcome, whether it is a replay, and the answer as JSON text:
-- {"outcome", "details", "index", "results", "is_new", "fresh", "cart"}.

-- The open cart of an owner, whether or not its time is up.
create or replace function cart_of_owner(
  p_token bytea, p_user text, p_channel text, out id uuid, out expires_at timestamptz
) language plpgsql stable as $$
begin
  if p_user is not null then
    select c.id, c.expires_at into id, expires_at from cart c
     where c.user_id = p_user and c.channel = p_channel and c.status in ('active', 'abandoned') and not c.is_aside;
  else
    select c.id, c.expires_at into id, expires_at from cart c
     where c.token_hash = p_token and c.channel = p_channel and c.status in ('active', 'abandoned') and not c.is_aside;
  end if;
end $$;

-- Finds each request's cart, or makes one where the request may. Two requests about one cart do not belong into
-- one batch: the answers are made at its end.
create or replace function cart_locate(
  p_requests jsonb, p_offset interval, out cart_ids uuid[], out new_ids uuid[], out fresh boolean[]
) language plpgsql as $$
declare
  r record;
  made record;
  v_now timestamptz := clock_timestamp() + p_offset;
begin
  new_ids := '{}';
  -- Through owners in one order, because making a cart waits for whoever is making the same one.
  for r in
    select x.ordinality as n, x.value as request, c.id, c.expires_at
      from jsonb_array_elements(p_requests) with ordinality x
      cross join lateral cart_of_owner(decode(x.value->>'token', 'hex'), x.value->>'user_id', x.value->>'channel') c
     order by x.value->>'user_id', x.value->>'token', x.value->>'channel', x.ordinality
  loop
    if r.request ? 'beside' then
      r.id := (select k.id from cart k
                where k.id = (r.request->>'beside')::uuid and k.is_aside and k.status in ('active', 'abandoned')
                  and k.expires_at > v_now
                  and (k.user_id = r.request->>'user_id' or k.token_hash = decode(r.request->>'token', 'hex')));
    elsif r.request ? 'aside' then
      -- Beside the open cart, whatever is in that.
      r.id := null;
    elsif r.expires_at <= v_now then
      -- Closing a cart whose time is up waits for nobody; what it was promised runs out by itself.
      perform cart_close(k.id, v_now)
         from (select id from cart where id = r.id and expires_at <= v_now for update skip locked) k;
      r.id := null;
    end if;
    if r.id is null and r.request ? 'new_cart_id' then
      made := cart_make(r.request, v_now);
      r.id := made.id;
      fresh[r.n] := made.is_fresh;
      if r.id = (r.request->>'new_cart_id')::uuid then
        new_ids := new_ids || r.id;
      end if;
    end if;
    if r.id = any(cart_ids) then
      raise exception 'cart % twice in one batch', r.id;
    end if;
    cart_ids[r.n] := r.id;
  end loop;
end $$;

-- Makes a cart for the owner of a request, or finds the one that somebody made meanwhile. A cookie's token that
-- nobody knows is never taken over, since somebody may have planted it: the fresh one is.
create or replace function cart_make(p_request jsonb, p_now timestamptz, out id uuid, out is_fresh boolean)
language plpgsql as $$
declare
  v_token bytea := decode(p_request->>'token', 'hex');
begin
  is_fresh := p_request ? 'fresh_token' and not exists (select 1 from cart c where c.token_hash = v_token);
  if is_fresh then
    v_token := decode(p_request->>'fresh_token', 'hex');
  end if;
  insert into cart (id, currency, channel, token_hash, user_id, created_at, updated_at, expires_at, is_aside)
  values ((p_request->>'new_cart_id')::uuid, p_request->>'currency', p_request->>'channel',
    case when p_request ? 'user_id' then null else v_token end, p_request->>'user_id', p_now, p_now, 'infinity',
    p_request ? 'aside')
  on conflict do nothing returning cart.id into id;
  if id is null then
    select o.id into id from cart_of_owner(v_token, p_request->>'user_id', p_request->>'channel') o;
  end if;
end $$;

-- Takes every lock the batch needs, in the order above, and renews the reservations of its carts that live.
-- Lapsed are the carts that are promised less than they want: held again as a whole, as far as there is stock, when
-- their own request is carried out. Until then their dead holds count no more than anybody's.
create or replace function cart_lock(
  p_carts uuid[], p_cleared uuid[], p_variants uuid[], p_lines uuid[], p_saved uuid[], p_policy cart_policy, p_offset interval, p_cause movement_cause,
  out locked_at timestamptz, out lapsed uuid[]
) language plpgsql as $$
declare
  r record;
  v_now timestamptz;
begin
  lapsed := '{}';
  perform 1 from cart where id = any(p_carts) order by id for update;
  v_now := clock_timestamp() + p_offset;
  if p_policy.stock <> 'none' then
    for r in
      select c.id, c.line_count > 0 and (v.id is null or v.is_short or v.expires_at <= v_now) as is_lapsed,
             v.expires_at > v_now as is_alive
        from cart c
        left join lateral (select o.id, o.is_short, o.expires_at from reservation o where o.id = c.id limit 1) v on true
       where c.id = any(p_carts) and (v.id is null or v.is_short or v.expires_at < v_now + p_policy.hold_ttl / 2) order by c.id
    loop
      if r.is_alive then
        perform reservation_renew(r.id, 'cart', v_now, p_policy.hold_ttl, p_policy.hold_cap);
      else
        perform 1 from reservation where id = r.id for update;
      end if;
      if r.is_lapsed then
        lapsed := lapsed || r.id;
      end if;
    end loop;
  end if;
  -- One that makes all of its promises anew has its reservation for itself, before it waits for stock.
  perform 1 from reservation where id = any(p_cleared) order by id for update;
  locked_at := stock_lock(array(
    select unnest(p_variants)
    union select l.variant_id from cart_line l where l.id = any(p_lines)
    union select s.variant_id from saved_line s where s.id = any(p_saved)
    union select l.variant_id from cart_line l where l.cart_id = any(lapsed || p_cleared)), p_offset, p_cause);
end $$;

-- Holds again, where stock allows, what a cart lacks. What cannot be held stays flagged, and is tried again.
create or replace function cart_hold_again(p_cart cart, p_policy cart_policy, p_until timestamptz, p_cause movement_cause)
returns void language plpgsql as $$
declare
  l record;
  v_is_short boolean := false;
begin
  for l in
    select c.variant_id, (sum(c.quantity) - coalesce(max(h.quantity), 0))::bigint as missing
      from cart_line c
      cross join lateral (
        select s.variant_id from stock s
         where s.variant_id = c.variant_id and s.is_tracked
           and s.location_id = '00000000-0000-7000-8000-000000000001' limit 1) k
      left join hold h on h.reservation_id = p_cart.id and h.variant_id = c.variant_id
       and h.location_id = '00000000-0000-7000-8000-000000000001'
     where c.cart_id = p_cart.id
     group by c.variant_id having sum(c.quantity) > coalesce(max(h.quantity), 0) order by c.variant_id
  loop
    if not stock_hold(p_cart.id, l.variant_id, '00000000-0000-7000-8000-000000000001', l.missing,
      p_policy.stock = 'take', p_until, p_cause)
    then
      v_is_short := true;
    end if;
  end loop;
  update reservation set is_short = v_is_short where id = p_cart.id and is_short <> v_is_short;
end $$;
