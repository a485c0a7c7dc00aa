-- Stock figures as staff, imports and readers use them. See ledger.sql for the movements, holds.sql for the locks.

-- Sets what imports bring: a row that is not there yet is made, of one that is there the difference is booked.
-- p_is_difference: the units are to be added to what is on hand, else they are what is on hand.
-- A negative figure is kept; it sells nothing. A figure below what is promised is refused, row by row, and told.
-- Answers {"made", "changed", "refused": [{"variant_id", "on_hand", "held"}]}.
create or replace function stock_set_levels(
  p_variants uuid[], p_units bigint[], p_tracked boolean[], p_backorder bigint[], p_is_difference boolean,
  p_offset interval, p_cause jsonb
) returns jsonb language plpgsql
-- How many rows an import has is the very thing its plan depends on.
set plan_cache_mode = force_custom_plan
as $$
declare
  v_cause movement_cause := jsonb_populate_record(null::movement_cause, p_cause);
  v_now timestamptz := clock_timestamp() + p_offset;
  v_made uuid[];
  v_different uuid[];
  v_changed uuid[];
begin
  with made as (
    insert into stock (variant_id, is_tracked, on_hand, backorder_max, version)
    select w.variant_id, w.is_tracked, w.units, w.backorder_max, (w.units <> 0)::integer
      from unnest(p_variants, p_units, p_tracked, p_backorder) w(variant_id, units, is_tracked, backorder_max)
     where not exists (select 1 from stock k where k.variant_id = w.variant_id
                          and k.location_id = '00000000-0000-7000-8000-000000000001')
     order by w.variant_id
    on conflict do nothing returning variant_id, location_id, on_hand
  ), booked as (
    insert into stock_movement (variant_id, location_id, version, kind, quantity, on_hand_before, on_hand_after,
      held_before, held_after, reason, actor, device, correlation_id, reference_kind, reference_id, at)
    select m.variant_id, m.location_id, 1, case when m.on_hand > 0 then 'receive' else 'adjust' end::movement_kind,
           m.on_hand, 0, m.on_hand, 0, 0, coalesce(v_cause.reason, ''), v_cause.actor, v_cause.device,
           v_cause.correlation_id, v_cause.reference_kind, v_cause.reference_id, v_now
      from made m where m.on_hand <> 0
  )
  select coalesce(array_agg(variant_id), '{}') into v_made from made;
  -- Rows that are as they should be are not locked: an import that changes nothing is in nobody's way.
  v_different := array(
    select k.variant_id
      from unnest(p_variants, p_units, p_tracked, p_backorder) w(variant_id, units, is_tracked, backorder_max)
      join stock k on k.variant_id = w.variant_id and k.location_id = '00000000-0000-7000-8000-000000000001'
     where ((k.is_tracked, k.backorder_max::bigint) is distinct from (w.is_tracked, w.backorder_max)
            or w.units <> case when p_is_difference then 0 else k.on_hand end)
       and k.variant_id not in (select unnest(v_made)));
  if cardinality(v_different) > 0 then
    v_cause.at := stock_lock(v_different, p_offset, v_cause);
    v_changed := stock_change_levels(p_variants, p_units, p_tracked, p_backorder, p_is_difference, v_different, v_cause);
  end if;
  return jsonb_build_object('made', cardinality(v_made), 'changed', coalesce(cardinality(v_changed), 0), 'refused', (
    select coalesce(jsonb_agg(jsonb_build_object('variant_id', k.variant_id, 'on_hand', k.on_hand, 'held', k.held)
                              order by k.variant_id), '[]')
      from stock k
     where k.location_id = '00000000-0000-7000-8000-000000000001' and k.variant_id in (
       select unnest(v_different) except select unnest(v_changed))));
end $$;

-- The second half of stock_set_levels, on rows that are locked. Answers the variants it has changed.
create or replace function stock_change_levels(
  p_variants uuid[], p_units bigint[], p_tracked boolean[], p_backorder bigint[], p_is_difference boolean,
  p_different uuid[], p_cause movement_cause
) returns uuid[] language plpgsql
set plan_cache_mode = force_custom_plan
as $$
declare
  v_changed uuid[];
begin
  with wanted as (
    select w.variant_id, w.is_tracked, w.backorder_max, k.on_hand as on_hand_before,
           w.units + case when p_is_difference then k.on_hand else 0 end as on_hand
      from unnest(p_variants, p_units, p_tracked, p_backorder) w(variant_id, units, is_tracked, backorder_max)
      join unnest(p_different) d(variant_id) on d.variant_id = w.variant_id
      join stock k on k.variant_id = w.variant_id and k.location_id = '00000000-0000-7000-8000-000000000001'
  ), changed as (
    update stock k
       set on_hand = w.on_hand, is_tracked = w.is_tracked, backorder_max = w.backorder_max,
           version = k.version + (w.on_hand <> k.on_hand)::integer
      from wanted w
     where k.variant_id = w.variant_id and k.location_id = '00000000-0000-7000-8000-000000000001'
       and (k.held = 0 or w.backorder_max is null or k.held <= w.on_hand + w.backorder_max)
    returning k.variant_id, k.location_id, k.version, k.on_hand, k.held, w.on_hand_before
  ), booked as (
    insert into stock_movement (variant_id, location_id, version, kind, quantity, on_hand_before, on_hand_after,
      held_before, held_after, reason, actor, device, correlation_id, reference_kind, reference_id, at)
    select c.variant_id, c.location_id, c.version, 'adjust', c.on_hand - c.on_hand_before, c.on_hand_before, c.on_hand,
           c.held, c.held, coalesce(p_cause.reason, ''), p_cause.actor, p_cause.device, p_cause.correlation_id,
           p_cause.reference_kind, p_cause.reference_id, p_cause.at
      from changed c where c.on_hand <> c.on_hand_before
  )
  select array_agg(c.variant_id) into v_changed from changed c;
  return v_changed;
end $$;

-- What staff do to one variant's stock: receive units, adjust by a signed quantity, count (p_quantity is what is
-- there now), configure (p_settings: is_tracked, backorder_max, safety_quantity; null is without bound). Nobody can take
-- away more than there is, so adjust refuses that as a slip of the hand, unless p_settings says allow_negative.
-- Answers {"outcome", "details"}; a refusal has changed nothing.
create or replace function stock_command(
  p_variant uuid, p_op text, p_quantity bigint, p_settings jsonb, p_event_id uuid, p_offset interval, p_cause jsonb
) returns jsonb language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_cause movement_cause := jsonb_populate_record(null::movement_cause, p_cause);
  v_location uuid := '00000000-0000-7000-8000-000000000001';
  v_is_truth boolean := coalesce((p_settings->>'is_truth')::boolean, false);
  v_firm bigint;
  v_change bigint;
  k stock;
  v_after stock;
begin
  if p_op <> 'adjust' then
    insert into stock (variant_id, location_id) values (p_variant, v_location) on conflict do nothing;
  end if;
  v_cause.at := stock_lock(array[p_variant], p_offset, v_cause);
  select * into k from stock where variant_id = p_variant and location_id = v_location;
  if not found then
    return jsonb_build_object('outcome', 'STOCK_NOT_FOUND');
  end if;
  if p_op = 'configure' then
    update stock s
       set is_tracked = coalesce((p_settings->>'is_tracked')::boolean, s.is_tracked),
           backorder_max = case when p_settings ? 'backorder_max' then (p_settings->>'backorder_max')::bigint else s.backorder_max end,
           safety_quantity = coalesce((p_settings->>'safety_quantity')::bigint, s.safety_quantity),
           overpromised = case when not p_settings ? 'backorder_max' then s.overpromised
             else coalesce(greatest(0, s.held - s.on_hand - (p_settings->>'backorder_max')::bigint), 0) end
     where s.variant_id = p_variant and s.location_id = v_location
       and (v_is_truth or not p_settings ? 'backorder_max' or s.held = 0 or p_settings->>'backorder_max' is null
            or s.held <= s.on_hand + (p_settings->>'backorder_max')::bigint);
  else
    v_change := case p_op when 'count' then p_quantity - k.on_hand else p_quantity end;
    if p_op = 'count' and p_quantity < -k.backorder_max then
      return jsonb_build_object('outcome', 'INVALID_STOCK_QUANTITY',
        'details', jsonb_build_object('requested', p_quantity, 'minimum', -k.backorder_max));
    elsif v_is_truth and k.backorder_max = 0 and v_change < 0 then
      v_firm := (select coalesce(sum(f.for_orders + f.for_others), 0) from stock_held_for(array[p_variant], p_offset) f);
      if k.on_hand + v_change < v_firm then
        return jsonb_build_object('outcome', 'BELOW_HELD',
          'details', jsonb_build_object('on_hand', k.on_hand, 'held', v_firm));
      end if;
    end if;
    perform 1 where v_change = 0
      or ((p_op <> 'adjust' or v_change > 0 or k.on_hand + v_change >= 0 or coalesce((p_settings->>'allow_negative')::boolean, false))
        and stock_add(p_variant, v_location, v_change, case p_op when 'receive' then 'receive' else 'adjust' end, v_cause, v_is_truth));
  end if;
  if not found then
    return jsonb_build_object(
      'outcome', case when p_op = 'configure' or (k.held > 0 and k.held > k.on_hand + v_change + k.backorder_max) then 'BELOW_HELD'
                      else 'BELOW_ZERO' end,
      'details', jsonb_build_object('on_hand', k.on_hand, 'held', k.held));
  end if;
  select * into v_after from stock where variant_id = p_variant and location_id = v_location;
  if v_after is distinct from k then
    perform stock_tell(stock_aggregate(p_variant, v_location), 'stock', 'stock.' || case p_op when 'receive' then 'received'
      when 'adjust' then 'adjusted' when 'count' then 'counted' else 'configured' end,
      jsonb_build_object('variant_id', p_variant, 'location_id', v_location, 'quantity', coalesce(v_change, 0),
        'on_hand', v_after.on_hand, 'held', v_after.held, 'is_tracked', v_after.is_tracked,
        'backorder_max', v_after.backorder_max, 'safety_quantity', v_after.safety_quantity,
        'stock_version', v_after.version, 'reason', coalesce(v_cause.reason, '')), p_event_id, v_cause);
  end if;
  return jsonb_build_object('outcome', 'OK');
end $$;

-- The aggregate under which the events of one stock row stand: its own, since a variant's id is the catalogue's.
create or replace function stock_aggregate(p_variant uuid, p_location uuid) returns uuid language sql immutable as $$
  select md5(p_variant::text || p_location::text)::uuid
$$;

-- Writes an event at the aggregate's next version. The caller holds the lock that keeps others from the same one.
create or replace function stock_tell(
  p_aggregate uuid, p_kind text, p_type text, p_data jsonb, p_event_id uuid, p_cause movement_cause
) returns void language sql volatile as $$
  insert into event (aggregate_id, version, aggregate_kind, id, type, data, actor, device, correlation_id, at)
  select p_aggregate, coalesce((select max(version) from event where aggregate_id = p_aggregate), 0) + 1,
         p_kind, p_event_id, p_type, p_data, p_cause.actor, p_cause.device, p_cause.correlation_id, p_cause.at
$$;

-- The figures of variants at this moment. `held_expired` is the part of `held` that has run out and is for sale.
create or replace function stock_levels(p_variants uuid[], p_offset interval)
returns table (
  variant_id uuid, location_id uuid, is_tracked boolean, on_hand bigint, held bigint, held_expired bigint,
  available bigint, backorder_max bigint, safety_quantity bigint, version bigint
) language plpgsql stable
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_now timestamptz := clock_timestamp() + p_offset;
begin
  return query
  select k.variant_id, k.location_id, k.is_tracked, k.on_hand, k.held,
         case when k.next_due_at <= v_now then stock_dead(k.variant_id, k.location_id, v_now) else 0 end,
         stock_available(k, v_now), k.backorder_max::bigint, k.safety_quantity::bigint, k.version
    from stock k
   where k.variant_id = any(p_variants) and k.location_id = '00000000-0000-7000-8000-000000000001'
   order by k.variant_id;
end $$;

-- To whom variants are promised at this moment: units of orders, of carts and their checkouts, of other systems.
create or replace function stock_held_for(p_variants uuid[], p_offset interval)
returns table (variant_id uuid, for_orders bigint, for_carts bigint, for_others bigint) language plpgsql stable
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_now timestamptz := clock_timestamp() + p_offset;
begin
  return query
  select h.variant_id, coalesce(sum(h.quantity) filter (where r.owner_kind = 'order'), 0)::bigint,
         coalesce(sum(h.quantity) filter (where r.owner_kind in ('cart', 'checkout')), 0)::bigint,
         coalesce(sum(h.quantity) filter (where r.owner_kind = 'external'), 0)::bigint
    from hold h
   cross join lateral (select o.owner_kind, o.expires_at from reservation o where o.id = h.reservation_id limit 1) r
   where h.variant_id = any(p_variants) and h.state = 'held' and r.expires_at > v_now
   group by h.variant_id order by h.variant_id;
end $$;
