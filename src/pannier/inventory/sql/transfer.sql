-- Moves promised units from one reservation to another: a cart's become an order's. No figure of stock moves,
-- so the ledger has no row of it; the units keep the state they were promised in.
create or replace function stock_transfer(
  p_from uuid, p_to uuid, p_variant uuid, p_location uuid, p_quantity bigint, p_due timestamptz
) returns void language plpgsql as $$
declare
  v_state hold_state := stock_lower_hold(p_from, p_variant, p_location, p_quantity);
begin
  insert into hold as h (reservation_id, variant_id, location_id, quantity, state, due_at)
  values (p_to, p_variant, p_location, p_quantity, v_state, p_due)
  on conflict (reservation_id, variant_id, location_id) do update set quantity = h.quantity + excluded.quantity;
  if p_due < 'infinity' then
    update stock set next_due_at = p_due
     where variant_id = p_variant and location_id = p_location and next_due_at > p_due;
  end if;
end $$;

-- Gives back whatever a reservation still holds, and ends it. Its stock rows are locked.
create or replace function reservation_end(p_id uuid, p_cause movement_cause) returns void language plpgsql as $$
declare
  h record;
begin
  for h in
    select variant_id, location_id, quantity from hold where reservation_id = p_id order by variant_id, location_id
  loop
    perform stock_release(p_id, h.variant_id, h.location_id, h.quantity, 'release', p_cause);
  end loop;
  delete from reservation where id = p_id;
end $$;

-- Books out, at once, every hold of a reservation that is as large as p_quantities wants its variant, one by one in
-- p_variants; answers which. What is left (holds of another size, units taken before) goes through stock_commit.
-- One statement is right here because the stock rows are locked: nothing it reads can have changed since.
create or replace function stock_commit_whole(
  p_reservation uuid, p_variants uuid[], p_quantities bigint[], p_cause movement_cause
) returns uuid[] language plpgsql as $$
declare
  v_done uuid[];
begin
  with promised as (
    delete from hold h using unnest(p_variants, p_quantities) u(variant_id, quantity)
     where h.reservation_id = p_reservation and h.variant_id = u.variant_id
       and h.location_id = '00000000-0000-7000-8000-000000000001'
       and h.quantity = u.quantity and h.state = 'held'
    returning h.variant_id, h.location_id, h.quantity
  ), sold as (
    update stock k set on_hand = k.on_hand - p.quantity, held = k.held - p.quantity, version = k.version + 1
      from promised p
     -- Said twice, so that the rows are found by these ids and not by a walk through all stock.
     where k.variant_id = any(p_variants) and k.variant_id = p.variant_id and k.location_id = p.location_id
    returning k.variant_id, k.location_id, k.version, p.quantity::bigint as quantity, k.on_hand, k.held
  ), booked as (
    insert into stock_movement (variant_id, location_id, version, kind, quantity,
      on_hand_before, on_hand_after, held_before, held_after,
      reason, actor, device, correlation_id, reference_kind, reference_id, at)
    select variant_id, location_id, version, 'commit', quantity, on_hand + quantity, on_hand, held + quantity, held,
           coalesce(p_cause.reason, ''), p_cause.actor, p_cause.device, p_cause.correlation_id,
           p_cause.reference_kind, p_cause.reference_id, p_cause.at
      from sold
    returning variant_id
  )
  select coalesce(array_agg(variant_id), '{}') into v_done from booked;
  return v_done;
end $$;
