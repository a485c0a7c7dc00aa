-- Handing orders over to an outside service: what it is to be told is queued from the outbox, and told order by order.

-- Queues events: p_events is [{id, order_id, version, type, data, at}, ...]; one that is queued already stays as it is.
create or replace function handover_queue(p_events jsonb, p_now timestamptz) returns void language sql as $$
  insert into order_handover (id, order_id, version, type, data, state, due_at, at)
  select e.id, e.order_id, e.version, e.type, e.data, 'pending', p_now, e.at
    from jsonb_populate_recordset(null::order_handover, p_events) e
  on conflict do nothing
$$;

-- What is to be told now, for as long as p_lease: nobody else tells it meanwhile, and nothing of an order overtakes what is
-- still to be told of it. Null when there is nothing.
create or replace function handover_claim(p_lease interval, p_now timestamptz) returns text language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_id uuid;
begin
  v_id := (select h.id from order_handover h
            where h.state = 'pending' and h.due_at <= p_now
              and not exists (select 1 from order_handover b
                               where b.order_id = h.order_id and b.version < h.version and b.state <> 'taken')
            order by h.due_at, h.version limit 1 for update skip locked);
  update order_handover set due_at = p_now + p_lease, tries = tries + 1 where id = v_id;
  return (select to_jsonb(h)::text from order_handover h where h.id = v_id);
end $$;

-- What became of it: p_state taken or refused, or pending until p_due. What is over stays so.
create or replace function handover_settle(
  p_id uuid, p_state text, p_reference text, p_failure text, p_due timestamptz, p_now timestamptz
) returns boolean language plpgsql as $$
begin
  update order_handover
     set state = p_state, reference = coalesce(p_reference, reference), failure = p_failure, due_at = p_due,
         taken_at = case when p_state = 'taken' then p_now end
   where id = p_id and state = 'pending';
  return found;
end $$;

-- Has it told again, from the first try on; false where the order has none like it that is still to be taken.
create or replace function handover_again(p_number text, p_id uuid, p_now timestamptz) returns boolean language plpgsql as $$
begin
  update order_handover h set state = 'pending', due_at = p_now, tries = 0, failure = null
    from orders o where o.number = p_number and h.order_id = o.id and h.id = p_id and h.state <> 'taken';
  return found;
end $$;

-- Forgets what was taken of events before p_before; answers how many. What is still to be taken stays, however old it is.
create or replace function handover_prune(p_batch integer, p_before timestamptz) returns integer language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_gone integer;
begin
  delete from order_handover d where d.id = any(array(
    select h.id from order_handover h where h.state = 'taken' and h.at < p_before order by h.at limit p_batch for update skip locked));
  get diagnostics v_gone = row_count;
  return v_gone;
end $$;
