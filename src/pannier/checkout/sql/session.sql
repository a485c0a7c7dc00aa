-- Keeps what a shopper is typing, for her to find it again. OK, NOT_FOUND, EXPIRED, or the status of a session that is
-- closed. It changes no version: nobody else has anything to do with it.
create or replace function checkout_draft(
  p_checkout uuid, p_token bytea, p_user text, p_is_staff boolean, p_draft jsonb, p_offset interval
) returns text language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  k checkout;
begin
  if checkout_cart(p_checkout, p_token, p_user, p_is_staff, null) is null then
    return 'NOT_FOUND';
  end if;
  select * into k from checkout where id = p_checkout for update;
  if k.status in ('completed', 'canceled') then
    return k.status;
  elsif k.status = 'expired'
     or (k.status in ('incomplete', 'ready_for_complete') and k.expires_at <= clock_timestamp() + p_offset) then
    return 'EXPIRED';
  end if;
  update checkout set draft = p_draft where id = p_checkout;
  return 'OK';
end $$;

-- Closes sessions whose time is up, as many as there are ids for their events; answers how many. It waits for nobody:
-- whoever is at one at this moment sees by itself that its time is up. One that is being paid is its payment's matter.
create or replace function checkout_expire_due(p_events uuid[], p_offset interval) returns integer language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  k record;
  v_now timestamptz := clock_timestamp() + p_offset;
  v_count integer := 0;
begin
  for k in
    select c.id, c.cart_id, c.version + 1 as version from checkout c
     where c.status in ('incomplete', 'ready_for_complete') and c.expires_at <= v_now
     order by c.expires_at limit cardinality(p_events) for update skip locked
  loop
    v_count := v_count + 1;
    update checkout set status = 'expired', version = k.version, updated_at = v_now, draft = null where id = k.id;
    perform event_append(jsonb_build_array(jsonb_build_object('aggregate_id', k.id, 'version', k.version,
      'aggregate_kind', 'checkout', 'id', p_events[v_count], 'type', 'checkout.expired',
      'data', jsonb_build_object('cart_id', k.cart_id))), 'system', null, null, v_now);
  end loop;
  return v_count;
end $$;
