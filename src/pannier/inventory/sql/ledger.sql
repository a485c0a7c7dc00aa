-- The ledger: every change of a stock figure is one conditional UPDATE and one immutable movement.
-- Callers have locked the stock rows they name with stock_lock, in one order for everybody.

create or replace function stock_book(
  p_variant uuid, p_location uuid, p_version bigint, p_kind text, p_quantity bigint,
  p_on_hand bigint, p_held bigint, p_on_hand_change bigint, p_held_change bigint, p_cause movement_cause
) returns void language plpgsql as $$
begin
  insert into stock_movement (variant_id, location_id, version, kind, quantity,
    on_hand_before, on_hand_after, held_before, held_after,
    reason, actor, device, correlation_id, reference_kind, reference_id, at)
  values (p_variant, p_location, p_version, p_kind::movement_kind, p_quantity,
    p_on_hand - p_on_hand_change, p_on_hand, p_held - p_held_change, p_held,
    coalesce(p_cause.reason, ''), p_cause.actor, p_cause.device, p_cause.correlation_id,
    p_cause.reference_kind, p_cause.reference_id, p_cause.at);
end $$;

-- Promises units to a reservation, which exists. False when they are not there: nothing has changed then.
create or replace function stock_hold(
  p_reservation uuid, p_variant uuid, p_location uuid, p_quantity bigint, p_take boolean,
  p_due timestamptz, p_cause movement_cause
) returns boolean language plpgsql as $$
declare
  s record;
  v_state hold_state;
begin
  update stock
     set held = held + p_quantity, version = version + 1, next_due_at = least(next_due_at, p_due)
   where variant_id = p_variant and location_id = p_location
     and (backorder_max is null or held + p_quantity <= on_hand + backorder_max - safety_quantity)
  returning on_hand, held, version into s;
  if not found then
    return false;
  end if;
  perform stock_book(p_variant, p_location, s.version, 'hold', p_quantity, s.on_hand, s.held, 0, p_quantity, p_cause);
  -- A hold keeps the state it began with, so that a changed setting never splits it.
  update hold set quantity = quantity + p_quantity
   where reservation_id = p_reservation and variant_id = p_variant and location_id = p_location
  returning state into v_state;
  if not found then
    insert into hold as h (reservation_id, variant_id, location_id, quantity, state, due_at)
    values (p_reservation, p_variant, p_location, p_quantity, case when p_take then 'taken' else 'held' end::hold_state, p_due)
    on conflict (reservation_id, variant_id, location_id) do update set quantity = h.quantity + excluded.quantity
    returning h.state into v_state;
  end if;
  if v_state = 'taken' then
    perform stock_take(p_variant, p_location, p_quantity, p_cause);
  end if;
  return true;
end $$;

-- Books held units out of the house.
create or replace function stock_take(
  p_variant uuid, p_location uuid, p_quantity bigint, p_cause movement_cause
) returns void language plpgsql as $$
declare
  s record;
begin
  update stock set on_hand = on_hand - p_quantity, held = held - p_quantity, version = version + 1
   where variant_id = p_variant and location_id = p_location
  returning on_hand, held, version into strict s;
  perform stock_book(p_variant, p_location, s.version, 'commit', p_quantity,
    s.on_hand, s.held, -p_quantity, -p_quantity, p_cause);
end $$;

-- Takes units off a hold; tells its state. The figures of stock are the caller's to move.
create or replace function stock_lower_hold(
  p_reservation uuid, p_variant uuid, p_location uuid, p_quantity bigint
) returns hold_state language plpgsql as $$
declare
  v_state hold_state;
begin
  update hold set quantity = quantity - p_quantity
   where reservation_id = p_reservation and variant_id = p_variant and location_id = p_location
     and quantity > p_quantity
  returning state into v_state;
  if not found then
    delete from hold
     where reservation_id = p_reservation and variant_id = p_variant and location_id = p_location
       and quantity = p_quantity
    returning state into strict v_state;
  end if;
  return v_state;
end $$;

-- Gives promised units back: p_kind is release (asked for) or expire (too late).
create or replace function stock_release(
  p_reservation uuid, p_variant uuid, p_location uuid, p_quantity bigint, p_kind text, p_cause movement_cause
) returns void language plpgsql as $$
declare
  s record;
begin
  if stock_lower_hold(p_reservation, p_variant, p_location, p_quantity) = 'taken' then
    perform stock_add(p_variant, p_location, p_quantity, 'return', p_cause);
    return;
  end if;
  update stock
     set held = held - p_quantity, version = version + 1,
         overpromised = greatest(0, least(overpromised, held - p_quantity - on_hand - backorder_max))
   where variant_id = p_variant and location_id = p_location
  returning on_hand, held, version into strict s;
  perform stock_book(p_variant, p_location, s.version, p_kind, p_quantity, s.on_hand, s.held, 0, -p_quantity, p_cause);
end $$;

-- Turns promised units into sold ones.
create or replace function stock_commit(
  p_reservation uuid, p_variant uuid, p_location uuid, p_quantity bigint, p_cause movement_cause
) returns void language plpgsql as $$
begin
  if stock_lower_hold(p_reservation, p_variant, p_location, p_quantity) = 'held' then
    perform stock_take(p_variant, p_location, p_quantity, p_cause);
  end if;
end $$;

-- Takes sold units back into the house and promises them again to the reservation, which exists and never runs out.
-- One update moves both figures, so what is promised stays as far from what is there as it was.
create or replace function stock_put_back(
  p_reservation uuid, p_variant uuid, p_location uuid, p_quantity bigint, p_cause movement_cause
) returns void language plpgsql as $$
declare
  s record;
begin
  update stock set on_hand = on_hand + p_quantity, held = held + p_quantity, version = version + 2
   where variant_id = p_variant and location_id = p_location
  returning on_hand, held, version into strict s;
  perform stock_book(p_variant, p_location, s.version - 1, 'return', p_quantity,
    s.on_hand, s.held - p_quantity, p_quantity, 0, p_cause);
  perform stock_book(p_variant, p_location, s.version, 'hold', p_quantity, s.on_hand, s.held, 0, p_quantity, p_cause);
  insert into hold as h (reservation_id, variant_id, location_id, quantity, state, due_at)
  values (p_reservation, p_variant, p_location, p_quantity, 'held', 'infinity')
  on conflict (reservation_id, variant_id, location_id) do update set quantity = h.quantity + excluded.quantity;
end $$;

-- Moves on_hand by a signed quantity: receive, return or adjust.
-- False when it would fall below what is promised (adjust): nothing has changed then. With p_is_truth it may.
create or replace function stock_add(
  p_variant uuid, p_location uuid, p_quantity bigint, p_kind text, p_cause movement_cause, p_is_truth boolean default false
) returns boolean language plpgsql as $$
declare
  s record;
begin
  update stock
     set on_hand = on_hand + p_quantity, version = version + 1,
         overpromised = coalesce(greatest(0, least(case when not p_is_truth then overpromised end,
           held - on_hand - p_quantity - backorder_max)), 0)
   where variant_id = p_variant and location_id = p_location
     and (p_is_truth or p_quantity >= 0 or held = 0 or backorder_max is null or held <= on_hand + p_quantity + backorder_max)
  returning on_hand, held, version into s;
  if not found then
    return false;
  end if;
  perform stock_book(p_variant, p_location, s.version, p_kind, p_quantity, s.on_hand, s.held, p_quantity, 0, p_cause);
  return true;
end $$;
