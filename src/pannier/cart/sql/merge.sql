-- A guest's cart becomes part of a user's, and apart again. The rules are in cart/merging.py; here are locks and rows.

-- The two carts that are to be one, under their locks; theirs is null when the guest has none that is open. Makes
-- the user's when there is a guest's and none of the user's: p_request is a request of cart_locate.
create or replace function cart_merge_begin(
  p_request jsonb, p_token bytea, p_offset interval,
  out locked_at timestamptz, out mine json, out theirs json, out room json
) language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  place record;
  v_mine uuid;
  v_theirs uuid;
  v_open integer;
begin
  select c.id into v_theirs from cart_of_owner(p_token, null, p_request->>'channel') c
   where c.expires_at > clock_timestamp() + p_offset;
  if v_theirs is null then
    return;
  end if;
  -- A user without a cart gets one in the currency of the guest's, where the shop sells in it.
  place := cart_locate(jsonb_build_array(p_request || coalesce((
    select jsonb_build_object('currency', c.currency) from cart c
     where c.id = v_theirs and p_request->'sold' ? c.currency::text), '{}')), p_offset);
  v_mine := place.cart_ids[1];
  locked_at := cart_rewrite_lock(array[v_mine, v_theirs], '{}', p_offset);
  select count(*) into v_open from cart where id in (v_mine, v_theirs) and status in ('active', 'abandoned');
  if v_open < 2 then
    -- Somebody else merged or ordered it while we waited for its lock: from the start, with what is open now.
    raise exception using errcode = '40001', message = 'a cart was closed meanwhile';
  end if;
  mine := cart_side(v_mine);
  theirs := cart_side(v_theirs);
  room := cart_room(array[v_mine, v_theirs], '{}', p_request->>'channel', mine->>'currency', locked_at, true);
end $$;

-- The same without a lock and without making anything: what a merge would come to now.
create or replace function cart_merge_look(
  p_user text, p_token bytea, p_channel text, p_sold text[], p_offset interval,
  out mine json, out theirs json, out room json
) language plpgsql stable
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_now timestamptz := clock_timestamp() + p_offset;
  v_mine uuid := (select c.id from cart_of_owner(null, p_user, p_channel) c where c.expires_at > v_now);
  v_theirs uuid := (select c.id from cart_of_owner(p_token, null, p_channel) c where c.expires_at > v_now);
begin
  mine := cart_side(v_mine);
  theirs := cart_side(v_theirs);
  room := cart_room(array_remove(array[v_mine, v_theirs], null), '{}', p_channel, coalesce(mine->>'currency',
    case when theirs->>'currency' = any(p_sold) then theirs->>'currency' end, p_sold[1]), v_now, false);
end $$;

-- Carries a merge out. p_merge: {id, user_id, mine, theirs, lines, saved, metadata, coupons, kept (what undoing needs),
-- tell, tell_theirs}; see cart_put_lines, cart_put_saved, cart_rewrite_commit. The guest's cart keeps its rows, for the
-- record and for whoever undoes, and is promised nothing any more.
create or replace function cart_merge_apply(p_merge jsonb, p_policy jsonb, p_at timestamptz, out document text)
language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_policy cart_policy := jsonb_populate_record(null::cart_policy, p_policy);
  v_mine uuid := (p_merge->>'mine')::uuid;
  v_theirs uuid := (p_merge->>'theirs')::uuid;
  v_tell jsonb := p_merge->'tell';
  v_cause movement_cause := (v_tell->>'actor', v_tell->>'device', v_tell->>'correlation_id', 'cart', v_mine, 'carts were merged', p_at);
begin
  perform cart_move_holds(v_theirs, v_mine, null, v_policy, v_cause);
  perform cart_put_lines(v_mine, p_merge->'lines', p_at);
  perform cart_put_saved(v_mine, p_merge->'saved', p_at);
  perform cart_fit_holds(v_mine, v_policy, v_cause);
  update cart set metadata = p_merge->'metadata',
         coupons = cart_codes_for(array(select jsonb_array_elements_text(p_merge->'coupons')), p_merge->>'user_id')
   where id = v_mine;
  perform cart_rewrite_commit(v_mine, v_tell, v_policy, p_at);
  v_cause.reference_id := v_theirs;
  perform reservation_end(v_theirs, v_cause);
  perform cart_end(v_theirs, 'merged', p_merge->'tell_theirs', v_cause);
  -- Links to the guest's cart lead on.
  update cart_share set cart_id = v_mine where cart_id = v_theirs;
  insert into cart_merge (id, user_id, target_cart_id, source_cart_id, kept, at)
  values ((p_merge->>'id')::uuid, p_merge->>'user_id', v_mine, v_theirs, p_merge->'kept', p_at);
  document := (select d.document from cart_documents(array[v_mine], p_at, true) d);
end $$;

-- Codes without those that a customer has used as often as she may: they leave the cart when it is known whose it is.
create or replace function cart_codes_for(p_codes text[], p_user text) returns text[] language plpgsql stable as $$
begin
  return nullif(array(
    select w.code from unnest(p_codes) with ordinality w(code, place)
      left join lateral (select k.id, k.per_customer from coupon k where k.code = w.code limit 1) c on true
     where c.per_customer is null or coupon_uses_of(c.id, p_user, null) < c.per_customer order by w.place), '{}');
end $$;

-- Moves promised units of one cart to another: all, or at most p_units of each variant. The one they go to gets a
-- reservation that lives, and counts from when the older of the two began, so that the cap stays a cap.
create or replace function cart_move_holds(
  p_from uuid, p_to uuid, p_units jsonb, p_policy cart_policy, p_cause movement_cause
) returns void language plpgsql as $$
declare
  v_from reservation;
  v_until timestamptz;
  h record;
begin
  select * into v_from from reservation where id = p_from;
  if not found then
    return;
  end if;
  if p_policy.stock = 'none' then
    insert into reservation as r (id, owner_kind, held_since, expires_at)
    values (p_to, v_from.owner_kind, v_from.held_since, v_from.expires_at)
    on conflict (id) do update set expires_at = greatest(r.expires_at, excluded.expires_at);
    v_until := (select r.expires_at from reservation r where r.id = p_to);
  else
    v_until := reservation_renew(p_to, 'cart', p_cause.at, p_policy.hold_ttl, p_policy.hold_cap);
    update reservation set held_since = v_from.held_since where id = p_to and held_since > v_from.held_since;
  end if;
  for h in
    select k.variant_id, k.location_id,
           case when p_units is null then k.quantity else least(k.quantity, (p_units->>k.variant_id::text)::bigint) end as quantity
      from hold k where k.reservation_id = p_from order by k.variant_id, k.location_id
  loop
    if h.quantity > 0 then
      perform cart_move_hold(p_from, p_to, h.variant_id, h.location_id, h.quantity, v_until, p_cause);
    end if;
  end loop;
end $$;

-- Closes a cart with its event.
create or replace function cart_end(p_cart uuid, p_status text, p_tell jsonb, p_cause movement_cause) returns void language plpgsql as $$
declare
  v_version bigint;
begin
  update cart set status = p_status::cart_status, version = version + 1, updated_at = p_cause.at where id = p_cart
  returning version into strict v_version;
  insert into event (aggregate_id, version, aggregate_kind, id, type, data, actor, device, correlation_id, at)
  values (p_cart, v_version, 'cart', (p_tell->>'op_id')::uuid, p_tell->>'event', p_tell->'data',
    p_cause.actor, p_cause.device, p_cause.correlation_id, p_cause.at);
end $$;

-- A merge that is to be undone, under the locks of both carts. Without p_merge: the user's newest in this channel.
-- mine is null when the user's cart is no longer open.
create or replace function cart_merge_undo_begin(
  p_merge uuid, p_user text, p_channel text, p_offset interval,
  out locked_at timestamptz, out merge json, out mine json, out theirs json, out room json
) language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  m cart_merge;
  v_variants uuid[];
begin
  select x.* into m from cart_merge x join cart c on c.id = x.target_cart_id
   where x.user_id = p_user and x.id = coalesce(p_merge, x.id) and (p_merge is not null or c.channel = p_channel)
   order by x.at desc, x.id desc limit 1;
  if m.id is null then
    return;
  end if;
  -- What the merge took out of the user's cart is on no line now.
  v_variants := array(select (x->'before'->>'variant_id')::uuid from jsonb_array_elements(m.kept->'lines') x
                       where x->'before' <> 'null');
  locked_at := cart_rewrite_lock(array[m.target_cart_id, m.source_cart_id], v_variants, p_offset);
  -- Somebody may have undone it while we waited.
  select * into m from cart_merge where id = m.id;
  merge := to_json(m);
  if exists (select 1 from cart c where c.id = m.target_cart_id and c.status in ('active', 'abandoned')) then
    mine := cart_side(m.target_cart_id);
  end if;
  theirs := cart_side(m.source_cart_id);
  room := cart_room(array[m.target_cart_id], v_variants, theirs->>'channel', mine->>'currency', locked_at, true);
end $$;

-- Takes a merge apart. p_undo: {id, mine, theirs, token (hex digest of the guest's new one), lines, saved, metadata,
-- coupons, tell, tell_theirs}. Answers both carts, and the units the guest's now lacks.
create or replace function cart_merge_undo_apply(
  p_undo jsonb, p_policy jsonb, p_at timestamptz, out document text, out guest_document text, out missing jsonb
) language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_policy cart_policy := jsonb_populate_record(null::cart_policy, p_policy);
  v_mine uuid := (p_undo->>'mine')::uuid;
  v_theirs uuid := (p_undo->>'theirs')::uuid;
  v_tell jsonb := p_undo->'tell';
  v_cause movement_cause := (v_tell->>'actor', v_tell->>'device', v_tell->>'correlation_id', 'cart', v_mine, 'a merge was undone', p_at);
begin
  perform cart_put_lines(v_mine, p_undo->'lines', p_at);
  perform cart_put_saved(v_mine, p_undo->'saved', p_at);
  update cart set status = 'active', token_hash = decode(p_undo->>'token', 'hex') where id = v_theirs;
  -- What the user's lines no longer want goes back to the guest's, at most what that one wants.
  perform cart_move_holds(v_mine, v_theirs, (
    select coalesce(jsonb_object_agg(h.variant_id, least(w.wanted, h.quantity - w.kept)), '{}')
      from hold h
      cross join lateral (
        select coalesce(sum(l.quantity) filter (where l.cart_id = v_theirs), 0) as wanted,
               coalesce(sum(l.quantity) filter (where l.cart_id = v_mine), 0) as kept
          from cart_line l where l.cart_id in (v_mine, v_theirs) and l.variant_id = h.variant_id) w
     where h.reservation_id = v_mine and h.quantity > w.kept), v_policy, v_cause);
  perform cart_fit_holds(v_mine, v_policy, v_cause);
  update cart set metadata = p_undo->'metadata',
         coupons = nullif(array(select jsonb_array_elements_text(p_undo->'coupons')), '{}')
   where id = v_mine;
  perform cart_rewrite_commit(v_mine, v_tell, v_policy, p_at);
  v_cause.reference_id := v_theirs;
  missing := cart_fit_holds(v_theirs, v_policy, v_cause);
  perform cart_rewrite_commit(v_theirs, p_undo->'tell_theirs', v_policy, p_at);
  update cart_merge set undone_at = p_at where id = (p_undo->>'id')::uuid;
  document := (select d.document from cart_documents(array[v_mine], p_at, true) d);
  guest_document := (select d.document from cart_documents(array[v_theirs], p_at, true) d);
end $$;
