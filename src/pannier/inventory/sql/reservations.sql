-- Reservations of outside systems (owner_kind external): reserve, extend, release, commit, each repeatable by its id.
-- Order of locks: the reservation, then its stock rows. What became of a reservation is told by its newest event,
-- which is never pruned, so the answers do not depend on whether a sweeper has been there.
-- Their plans must not depend on how full the tables were when they were made.
-- Each answers {"outcome", "details", "reservation": {"id", "status", "expires_at", "reference", "items"}}.

create or replace function reservation_answer(p_id uuid, p_status text, p_until timestamptz, p_data jsonb)
returns jsonb language sql immutable as $$
  select jsonb_build_object('outcome', 'OK', 'reservation', jsonb_build_object('id', p_id, 'status', p_status,
    'expires_at', case when p_status = 'held' then p_until end, 'reference', p_data->'reference', 'items', p_data->'items'))
$$;

create or replace function reservation_newest_event(p_id uuid) returns event language sql stable as $$
  select e from event e where e.aggregate_id = p_id order by e.version desc limit 1
$$;

-- p_items: [{"variant_id", "quantity"}], sorted by variant, each variant once.
create or replace function reservation_reserve(
  p_id uuid, p_items jsonb, p_ttl interval, p_reference text, p_event_id uuid, p_offset interval, p_cause jsonb
) returns jsonb language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_cause movement_cause := jsonb_populate_record(null::movement_cause, p_cause);
  v_data jsonb := jsonb_build_object('items', p_items, 'reference', p_reference);
  v_last event;
  v_short jsonb;
  r reservation;
begin
  insert into reservation (id, owner_kind, held_since, expires_at) values (p_id, 'external', '-infinity', '-infinity')
  on conflict do nothing;
  select * into r from reservation where id = p_id for update;
  if not found then
    -- Taken away between the two statements: from the start.
    raise exception using errcode = '40001';
  end if;
  v_last := reservation_newest_event(p_id);
  if r.owner_kind <> 'external' or v_last.aggregate_kind <> 'reservation' or v_last.type = 'reservation.committed' then
    delete from reservation where id = p_id and expires_at = '-infinity';
    return jsonb_build_object('outcome', 'RESERVATION_CONFLICT', 'details', jsonb_build_object('reservation_id', p_id));
  end if;
  v_cause.reference_kind := 'reservation';
  v_cause.reference_id := p_id;
  v_cause.at := stock_lock(array(
    select (i.value->>'variant_id')::uuid from jsonb_array_elements(p_items) i
    union select h.variant_id from hold h where h.reservation_id = p_id), p_offset, v_cause);
  if r.expires_at > v_cause.at then
    if v_last.data->'items' is distinct from p_items then
      return jsonb_build_object('outcome', 'RESERVATION_CONFLICT', 'details', jsonb_build_object('reservation_id', p_id));
    end if;
    return reservation_answer(p_id, 'held', r.expires_at, v_last.data);
  end if;
  -- New, or run out; what an earlier life held has gone with the locks.
  v_short := reservation_hold_all(p_id, p_items, v_cause.at + p_ttl, v_cause);
  if v_short is not null then
    delete from reservation where id = p_id;
    return jsonb_build_object('outcome', 'INSUFFICIENT_STOCK', 'details', v_short);
  end if;
  update reservation set held_since = v_cause.at, expires_at = v_cause.at + p_ttl, reference = p_reference where id = p_id;
  v_data := v_data || jsonb_build_object('expires_at', v_cause.at + p_ttl);
  perform stock_tell(p_id, 'reservation', 'reservation.reserved', v_data, p_event_id, v_cause);
  return reservation_answer(p_id, 'held', v_cause.at + p_ttl, v_data);
end $$;

-- Holds every item or none. Answers null, or {"requested", "available", "items": [...]} of what is short.
create or replace function reservation_hold_all(p_id uuid, p_items jsonb, p_until timestamptz, p_cause movement_cause)
returns jsonb language plpgsql as $$
declare
  i record;
  v_short jsonb := '[]';
begin
  begin
    for i in
      select k.variant_id, k.location_id, (x.value->>'quantity')::bigint as quantity, stock_available(k) as available
        from jsonb_array_elements(p_items) x
       -- One row each, which keeps the planner from reading the stock of the whole shop in its order.
       cross join lateral (
         select s.* from stock s where s.variant_id = (x.value->>'variant_id')::uuid and s.is_tracked
            and s.location_id = '00000000-0000-7000-8000-000000000001' limit 1) k
       order by k.variant_id
    loop
      if not stock_hold(p_id, i.variant_id, i.location_id, i.quantity, false, p_until, p_cause) then
        v_short := v_short || jsonb_build_object('variant_id', i.variant_id, 'requested', i.quantity, 'available', i.available);
      end if;
    end loop;
    if jsonb_array_length(v_short) > 0 then
      raise exception using errcode = 'PN001';
    end if;
  exception when sqlstate 'PN001' then
    return jsonb_build_object('requested', v_short->0->'requested', 'available', v_short->0->'available', 'items', v_short);
  end;
  return null;
end $$;

-- Lets a reservation live p_ttl from now, up to p_cap from when it began; never shorter than it was promised.
create or replace function reservation_extend(p_id uuid, p_ttl interval, p_cap interval, p_offset interval)
returns jsonb language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  r reservation;
  v_now timestamptz;
  v_last event := reservation_newest_event(p_id);
begin
  select * into r from reservation where id = p_id and owner_kind = 'external' for update;
  v_now := clock_timestamp() + p_offset;
  if not found then
    return reservation_absent(p_id, 'extend', v_last);
  elsif r.expires_at <= v_now then
    return jsonb_build_object('outcome', 'HOLD_EXPIRED', 'details', jsonb_build_object('expired_at', r.expires_at));
  end if;
  r.expires_at := greatest(r.expires_at, least(v_now + p_ttl, r.held_since + greatest(p_cap, p_ttl)));
  update reservation set expires_at = r.expires_at where id = p_id;
  return reservation_answer(p_id, 'held', r.expires_at, v_last.data);
end $$;

-- Ends a reservation. p_op is commit (its units leave the house) or release (they are for sale again).
create or replace function reservation_settle(p_id uuid, p_op text, p_event_id uuid, p_offset interval, p_cause jsonb)
returns jsonb language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_cause movement_cause := jsonb_populate_record(null::movement_cause, p_cause);
  v_status text := case p_op when 'commit' then 'committed' else 'released' end;
  v_last event;
  r reservation;
  h hold;
begin
  select * into r from reservation where id = p_id and owner_kind = 'external' for update;
  v_last := reservation_newest_event(p_id);
  if r.id is null then
    return reservation_absent(p_id, p_op, v_last);
  end if;
  v_cause.reference_kind := 'reservation';
  v_cause.reference_id := p_id;
  v_cause.at := stock_lock(array(select variant_id from hold where reservation_id = p_id), p_offset, v_cause);
  if p_op = 'commit' and r.expires_at <= coalesce(v_cause.at, clock_timestamp() + p_offset) then
    return jsonb_build_object('outcome', 'HOLD_EXPIRED', 'details', jsonb_build_object('expired_at', r.expires_at));
  end if;
  for h in select * from hold where reservation_id = p_id order by variant_id, location_id loop
    if p_op = 'commit' then
      perform stock_commit(p_id, h.variant_id, h.location_id, h.quantity, v_cause);
    else
      perform stock_release(p_id, h.variant_id, h.location_id, h.quantity, 'release', v_cause);
    end if;
  end loop;
  delete from reservation where id = p_id;
  perform stock_tell(p_id, 'reservation', 'reservation.' || v_status, v_last.data - 'expires_at', p_event_id, v_cause);
  return reservation_answer(p_id, v_status, null, v_last.data);
end $$;

-- The answer where there is no such row: it was settled before, or ran out and was swept, or never was.
create or replace function reservation_absent(p_id uuid, p_op text, p_last event) returns jsonb language plpgsql immutable as $$
begin
  if p_last.aggregate_kind = 'reservation' then
    if (p_op, p_last.type) in (('commit', 'reservation.committed'), ('release', 'reservation.released'), ('release', 'reservation.reserved')) then
      return reservation_answer(p_id, case p_op when 'commit' then 'committed' else 'released' end, null, p_last.data);
    elsif p_last.type = 'reservation.reserved' then
      return jsonb_build_object('outcome', 'HOLD_EXPIRED', 'details', jsonb_build_object('expired_at', p_last.data->'expires_at'));
    end if;
  end if;
  return jsonb_build_object('outcome', 'RESERVATION_NOT_FOUND', 'details', jsonb_strip_nulls(jsonb_build_object(
    'reservation_id', p_id,
    'status', case p_last.type when 'reservation.committed' then 'committed' when 'reservation.released' then 'released' end)));
end $$;
