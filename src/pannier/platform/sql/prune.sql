-- What is kept for a while only.

-- Answers to Idempotency-Keys that are older than they are promised to be kept. Answers how many went.
create or replace function idempotency_prune(p_limit integer, p_keep interval, p_offset interval)
returns bigint language sql volatile as $$
  with old as (
    select i.owner, i.key from idempotency_record i
     where i.created_at < clock_timestamp() + p_offset - p_keep limit p_limit for update skip locked
  ), gone as (
    delete from idempotency_record i using old where i.owner = old.owner and i.key = old.key returning 1
  )
  select count(*) from gone
$$;

-- Events that every consumer has and that are older than p_keep. A cursor of its own walks behind the slowest
-- consumer; an event it passes takes the older ones of its aggregate away. So the newest event of an aggregate
-- stays for ever: its version is the one to go on from. Answers how many events were passed, and how many went.
create or replace function event_prune(
  p_limit integer, p_keep interval, p_offset interval, out passed bigint, out gone bigint
) language plpgsql as $$
declare
  v_pruner event_cursor;
  v_slowest event_cursor;
  v_before timestamptz := clock_timestamp() + p_offset - p_keep;
begin
  insert into event_cursor (consumer) values ('outbox.prune') on conflict do nothing;
  select * into v_pruner from event_cursor where consumer = 'outbox.prune' for update skip locked;
  passed := 0;
  gone := 0;
  if not found then
    return;
  end if;
  select * into v_slowest from event_cursor where consumer <> 'outbox.prune' order by transaction_id, sequence limit 1;
  with walked as materialized (
    select e.aggregate_id, e.version, e.at, e.transaction_id, e.sequence from event e
     where (e.transaction_id, e.sequence) > (v_pruner.transaction_id, v_pruner.sequence)
       and e.transaction_id < (select event_horizon())
       and (v_slowest.consumer is null
            or (e.transaction_id, e.sequence) <= (v_slowest.transaction_id, v_slowest.sequence))
     order by e.transaction_id, e.sequence limit p_limit
  ), young as (
    select w.transaction_id, w.sequence from walked w where w.at >= v_before
     order by w.transaction_id, w.sequence limit 1
  ), old as materialized (
    -- In the order they were written, up to the first that is still too young.
    select w.* from walked w
     where not exists (select 1 from young y where (y.transaction_id, y.sequence) <= (w.transaction_id, w.sequence))
  ), heads as (
    select o.aggregate_id, max(o.version) as version from old o group by o.aggregate_id
  ), deleted as (
    delete from event e using heads h where e.aggregate_id = h.aggregate_id and e.version < h.version returning 1
  ), moved as (
    update event_cursor c set transaction_id = l.transaction_id, sequence = l.sequence, updated_at = clock_timestamp()
      from (select o.transaction_id, o.sequence from old o order by o.transaction_id desc, o.sequence desc limit 1) l
     where c.consumer = 'outbox.prune'
  )
  select (select count(*) from old), (select count(*) from deleted) into passed, gone;
end $$;
