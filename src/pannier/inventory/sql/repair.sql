-- Mends stock figures from the ledger and the holds; movements are never touched. Answers what was done.

-- The ledger's newest movement says what is on hand, the holds say what is held. Where the ledger has held
-- something else, the difference is booked. A row whose figures contradict its guard stays as it is, and is told.
-- Dead holds are left to whoever comes next: letting them go needs figures that are right already.
create or replace function stock_repair(p_offset interval) returns setof jsonb language plpgsql as $$
declare
  k stock;
  v_after stock;
begin
  for k in select s.* from stock s order by s.variant_id, s.location_id for update loop
    null;
  end loop;
  return query
  with gone as (
    delete from hold h
     where not exists (select 1 from reservation r where r.id = h.reservation_id)
        or not exists (select 1 from stock s where s.variant_id = h.variant_id and s.location_id = h.location_id)
    returning h.*
  )
  select jsonb_build_object('did', 'deleted a hold that belongs to nothing', 'hold', to_jsonb(g)) from gone g;
  return query
  with due as (
    update hold h set due_at = r.expires_at from reservation r
     where r.id = h.reservation_id and h.due_at > r.expires_at returning h.*
  )
  select jsonb_build_object('did', 'made a hold fall due with its reservation', 'hold', to_jsonb(d)) from due d;
  for k in select s.* from stock s order by s.variant_id, s.location_id loop
    begin
      v_after := stock_repair_row(k, clock_timestamp() + p_offset);
      if v_after is distinct from k then
        return next jsonb_build_object('did', 'set figures to the ledger and the holds', 'before', to_jsonb(k), 'after', to_jsonb(v_after));
      end if;
    exception when check_violation then
      return next jsonb_build_object('did', 'nothing: the holds are more than the ledger allows', 'stock', to_jsonb(k));
    end;
  end loop;
end $$;

create or replace function stock_repair_row(p_stock stock, p_now timestamptz) returns stock language plpgsql as $$
declare
  v_cause movement_cause := ('repair', null, null, null, null, 'repair', p_now);
  m stock_movement;
  h record;
  k stock := p_stock;
  v_change bigint;
begin
  select * into m from stock_movement where variant_id = k.variant_id and location_id = k.location_id order by version desc limit 1;
  select coalesce(sum(quantity) filter (where state = 'held'), 0) as held, coalesce(min(due_at), 'infinity') as next_due_at
    into h from hold where variant_id = k.variant_id and location_id = k.location_id;
  v_change := h.held - coalesce(m.held_after, 0);
  k.on_hand := coalesce(m.on_hand_after, 0);
  k.held := h.held;
  k.version := coalesce(m.version, 0) + (v_change <> 0)::integer;
  k.next_due_at := least(k.next_due_at, h.next_due_at);
  if k is distinct from p_stock then
    update stock set on_hand = k.on_hand, held = k.held, version = k.version, next_due_at = k.next_due_at
     where variant_id = k.variant_id and location_id = k.location_id;
  end if;
  if v_change <> 0 then
    perform stock_book(k.variant_id, k.location_id, k.version, case when v_change < 0 then 'release' else 'hold' end,
      abs(v_change), k.on_hand, k.held, 0, v_change, v_cause);
  end if;
  return k;
end $$;
