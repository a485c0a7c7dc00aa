-- Tidies up what ran out. Nothing depends on it: whoever locks a stock row lets go of what is due on it, and
-- whoever reads one counts dead holds as available.

-- One batch. It locks stock rows first, and reservations only under them, as everybody does who expires holds:
-- a sweeper that waited for stock with reservations locked would make buyers take dead holds for living ones.
-- With p_is_alone it does nothing while another process is at it. Answers null then.
create or replace function stock_sweep(
  p_limit integer, p_is_alone boolean, p_offset interval, out holds integer, out reservations integer
) language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_now timestamptz := clock_timestamp() + p_offset;
  v_cause movement_cause;
  s record;
begin
  if p_is_alone and not pg_try_advisory_xact_lock(hashtextextended('pannier.sweep:' || current_schema(), 0)) then
    return;
  end if;
  holds := 0;
  v_cause.actor := 'sweeper';
  for s in
    select k.variant_id, k.location_id from stock k
     -- By an array, as a join may read all stock in its order.
     where k.variant_id = any(array(
       select h.variant_id from reservation r
        cross join lateral (select o.variant_id from hold o where o.reservation_id = r.id offset 0) h
        where r.expires_at <= v_now and r.expires_at < 'infinity' order by r.expires_at limit p_limit))
     order by k.variant_id, k.location_id for update
  loop
    v_cause.at := clock_timestamp() + p_offset;
    holds := holds + stock_expire_due(s.variant_id, s.location_id, v_cause.at, v_cause);
  end loop;
  -- Not those of the last minutes: a write that found its reservation alive may not have come to its hold yet.
  with gone as (
    delete from reservation where id = any(array(
      select r.id from reservation r
       where r.expires_at <= v_now - interval '5 minutes' and r.expires_at < 'infinity'
         and not exists (select 1 from hold h where h.reservation_id = r.id)
       order by r.expires_at limit p_limit for update skip locked))
    returning 1
  )
  select count(*) into reservations from gone;
end $$;
