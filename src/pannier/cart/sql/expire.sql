-- Carts whose time is up. They are kept for the record when they have lines, and taken away when they are empty.

-- Closes up to p_limit of them and gives back what they were promised. Answers how many it closed.
create or replace function cart_expire_due(p_limit integer, p_offset interval) returns integer
language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_ids uuid[];
  v_now timestamptz := clock_timestamp() + p_offset;
  v_cause movement_cause := ('system', null, null, 'cart', null, 'the cart''s time was up', v_now);
  h record;
begin
  -- Whoever has one locked is writing to it, which makes it live again.
  select array_agg(k.id order by k.id) into v_ids from (
    select id from cart where status in ('active', 'abandoned') and expires_at <= v_now and expires_at < 'infinity'
     order by expires_at limit p_limit for update skip locked
  ) k;
  if v_ids is null then
    return 0;
  end if;
  -- Before the stock, like everybody: whoever has a reservation locked may be waiting for stock.
  perform 1 from reservation where id = any(v_ids) order by id for update;
  v_cause.at := stock_lock(array(select distinct variant_id from hold where reservation_id = any(v_ids)), p_offset, v_cause);
  for h in
    select reservation_id, variant_id, location_id, quantity from hold where reservation_id = any(v_ids)
     order by variant_id, location_id, reservation_id
  loop
    v_cause.reference_id := h.reservation_id;
    perform stock_release(h.reservation_id, h.variant_id, h.location_id, h.quantity, 'expire', v_cause);
  end loop;
  perform cart_close(id, v_now) from unnest(v_ids) id;
  delete from reservation where id = any(v_ids);
  delete from cart where id = any(v_ids) and line_count = 0 and saved_count = 0;
  return cardinality(v_ids);
end $$;

-- Marks one cart expired, with its event.
create or replace function cart_close(p_cart uuid, p_now timestamptz) returns void language plpgsql as $$
begin
  update cart set status = 'expired', idle_at = 'infinity', updated_at = p_now where id = p_cart;
  perform cart_tell(p_cart, 'cart.expired', '{}', p_now);
end $$;

-- An event of the system about a locked cart, at its next version.
create or replace function cart_tell(p_cart uuid, p_type text, p_data jsonb, p_now timestamptz) returns void language plpgsql as $$
declare
  v_version bigint;
begin
  update cart set version = version + 1 where id = p_cart returning version into strict v_version;
  insert into event (aggregate_id, version, aggregate_kind, id, type, data, actor, at)
  values (p_cart, v_version, 'cart', gen_random_uuid(), p_type, p_data, 'system', p_now);
end $$;

-- Calls up to p_limit carts abandoned that have lines and that nobody has written to for p_after; the next write makes
-- them active again. A cart is looked at when idle_at says so, and that is moved on here for those that are in use,
-- so that their writes touch no index for it. Answers how many it looked at and how many it called abandoned.
create or replace function cart_idle_due(
  p_limit integer, p_after interval, p_offset interval, out looked_at integer, out abandoned integer
) language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_now timestamptz := clock_timestamp() + p_offset;
  k record;
begin
  looked_at := 0;
  abandoned := 0;
  for k in
    select c.id, c.updated_at, c.line_count, c.is_aside from cart c
     where c.status = 'active' and c.idle_at <= v_now and c.idle_at < 'infinity'
     order by c.idle_at limit p_limit for update skip locked
  loop
    looked_at := looked_at + 1;
    if k.updated_at + p_after > v_now then
      update cart set idle_at = k.updated_at + p_after where id = k.id;
    elsif k.line_count = 0 or k.is_aside then
      update cart set idle_at = 'infinity' where id = k.id;
    else
      update cart set status = 'abandoned', idle_at = 'infinity' where id = k.id;
      perform cart_tell(k.id, 'cart.abandoned', jsonb_build_object('since', k.updated_at), v_now);
      abandoned := abandoned + 1;
    end if;
  end loop;
end $$;

-- Tells, once for each moment of expiry, of up to p_limit carts with lines whose time is up within p_ahead.
create or replace function cart_warn_due(p_limit integer, p_ahead interval, p_offset interval) returns integer
language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_now timestamptz := clock_timestamp() + p_offset;
  v_warned integer := 0;
  k record;
begin
  for k in
    select c.id, c.expires_at from cart c
     where c.status in ('active', 'abandoned') and c.expires_at < 'infinity' and c.expires_at > v_now
       and c.expires_at <= v_now + p_ahead and c.line_count > 0 and not c.is_aside
       and c.warned_for is distinct from c.expires_at
     order by c.expires_at limit p_limit for update skip locked
  loop
    update cart set warned_for = k.expires_at where id = k.id;
    perform cart_tell(k.id, 'cart.expiring', jsonb_build_object('expires_at', k.expires_at), v_now);
    v_warned := v_warned + 1;
  end loop;
  return v_warned;
end $$;

-- Reading is activity too, once a day: moves the expiry of carts that were only looked at.
create or replace function cart_touch(p_carts uuid[], p_guest_ttl interval, p_user_ttl interval, p_offset interval)
returns void language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
begin
  update cart c
     set expires_at = clock_timestamp() + p_offset + case when c.user_id is null then p_guest_ttl else p_user_ttl end
   where c.id in (select k.id from cart k where k.id = any(p_carts) and k.status in ('active', 'abandoned')
                     and k.expires_at > clock_timestamp() + p_offset order by k.id for update skip locked);
end $$;
