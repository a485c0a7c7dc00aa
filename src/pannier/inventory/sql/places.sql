-- Where units lie. Callers have locked the stock row: places change under its lock and no other.

-- Moves so many units in or out: out of the fullest place first, so that few places are asked; into the fullest, too.
create or replace function stock_place_move(p_variant uuid, p_change bigint) returns void language plpgsql as $$
declare
  p record;
  v_left bigint := -p_change;
begin
  if p_change > 0 then
    update stock_place k set units = k.units + p_change
     where k.variant_id = p_variant and k.location_id = (
       select o.location_id from stock_place o join location l on l.id = o.location_id and l.is_active
        where o.variant_id = p_variant order by o.units desc, o.location_id limit 1);
    return;
  end if;
  for p in
    select k.location_id, k.units from stock_place k join location l on l.id = k.location_id and l.is_active
     where k.variant_id = p_variant and k.units > 0 order by k.units desc, k.location_id
  loop
    exit when v_left <= 0;
    update stock_place k set units = k.units - least(v_left, p.units)
     where k.variant_id = p_variant and k.location_id = p.location_id;
    v_left := v_left - p.units;
  end loop;
end $$;

-- Says anew where a variant's units lie; answers their sum at active locations. Until stock_places_kept its figure moves
-- without them. Null when there is no location of one of the codes.
create or replace function stock_places_set(
  p_variant uuid, p_codes text[], p_units bigint[], p_offset interval, p_cause jsonb
) returns bigint language plpgsql as $$
declare
  v_cause movement_cause := jsonb_populate_record(null::movement_cause, p_cause);
begin
  if (select count(*) from location l where l.code = any(p_codes)) < (select count(distinct c) from unnest(p_codes) c) then
    return null;
  end if;
  insert into stock (variant_id) values (p_variant) on conflict do nothing;
  perform stock_lock(array[p_variant], p_offset, v_cause);
  update stock set has_places = false where variant_id = p_variant;
  delete from stock_place where variant_id = p_variant;
  insert into stock_place (variant_id, location_id, units)
  select p_variant, l.id, u.units from unnest(p_codes, p_units) u(code, units) join location l on l.code = u.code;
  return stock_places_sum(p_variant);
end $$;

create or replace function stock_places_sum(p_variant uuid) returns bigint language sql stable as $$
  select coalesce(sum(k.units), 0)::bigint from stock_place k join location l on l.id = k.location_id and l.is_active
   where k.variant_id = p_variant
$$;

-- Lets a variant's figure move its places again, as long as it has any.
create or replace function stock_places_kept(p_variant uuid) returns void language sql volatile as $$
  update stock set has_places = exists (select 1 from stock_place k where k.variant_id = p_variant)
   where variant_id = p_variant
$$;

-- Switches a location on or off, and answers the variants that lie there, whose figures are to be counted anew; null
-- when there is no such location. Until stock_places_kept those figures move without their places.
create or replace function location_switch(
  p_code text, p_is_active boolean, p_offset interval, p_cause jsonb
) returns uuid[] language plpgsql as $$
declare
  v_cause movement_cause := jsonb_populate_record(null::movement_cause, p_cause);
  v_location uuid := (select l.id from location l where l.code = p_code for update);
  v_variants uuid[];
begin
  if v_location is null then
    return null;
  end if;
  v_variants := array(select k.variant_id from stock_place k where k.location_id = v_location order by 1);
  perform stock_lock(v_variants, p_offset, v_cause);
  update stock set has_places = false where variant_id = any(v_variants);
  update location set is_active = p_is_active where id = v_location;
  return v_variants;
end $$;
