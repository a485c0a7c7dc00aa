-- Reading the outbox.

-- The oldest transaction that may still write an event here: whatever has a lower id is over, and visible to the
-- statement that asks. Transactions of the server's other databases take their ids from the same counter, but write
-- nothing here, so a long one of theirs holds nobody up. One that cannot be told to be theirs counts as ours.
create or replace function event_horizon() returns xid8 language plpgsql stable as $$
declare
  v_snapshot pg_snapshot := pg_current_snapshot();
  v_here oid := (select d.oid from pg_database d where d.datname = current_database());
begin
  return coalesce(
    (select x.id from pg_snapshot_xip(v_snapshot) x(id)
      where not exists (select 1 from pg_stat_activity a where a.backend_xid = x.id::xid and a.datid <> v_here)
      order by x.id limit 1),
    pg_snapshot_xmax(v_snapshot));
end $$;

-- The events after a place, up to p_limit places, in the order in which every consumer gets them.
--
-- A place is (transaction_id, sequence). Only transactions below the horizon are read: whatever commits later has a
-- place behind them. A transaction gets its id before it waits for the lock on a cart, so a
-- later version of that cart may have an earlier place than the version before it. Such an earlier version is
-- given along with, and before, the later one; when its own place is reached it has been given already.
--
-- Every row also tells where the places end, and how many they are; one row with nothing but that is given when
-- all events at these places were given before, or are of another kind than p_kind.
create or replace function event_read(p_transaction xid8, p_sequence bigint, p_limit integer, p_kind text default null)
returns table (
  id uuid, type text, aggregate_kind text, aggregate_id uuid, version bigint, data jsonb, actor text, device text,
  correlation_id text, at timestamptz, transaction_id xid8, sequence bigint,
  end_transaction xid8, end_sequence bigint, places bigint
) language plpgsql stable
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
begin
  return query
  with recursive passed as materialized (
    select e.aggregate_id, e.version, e.aggregate_kind, e.transaction_id, e.sequence from event e
     where (e.transaction_id, e.sequence) > (p_transaction, p_sequence)
       and e.transaction_id < (select event_horizon())
     order by e.transaction_id, e.sequence limit p_limit
  ), given (aggregate_id, version, at_transaction, at_sequence) as (
    select p.aggregate_id, p.version, p.transaction_id, p.sequence from passed p
     where (p_kind is null or p.aggregate_kind = p_kind) and not exists (
       select 1 from event l where l.aggregate_id = p.aggregate_id and l.version > p.version
          and (l.transaction_id, l.sequence) <= (p_transaction, p_sequence))
    union all
    select b.aggregate_id, b.version, g.at_transaction, g.at_sequence
      from given g join event b on b.aggregate_id = g.aggregate_id and b.version = g.version - 1
     where (b.transaction_id, b.sequence) > (g.at_transaction, g.at_sequence)
  ), ordered as (
    select distinct on (g.aggregate_id, g.version) g.* from given g
     order by g.aggregate_id, g.version, g.at_transaction, g.at_sequence
  ), ending as (
    select p.transaction_id, p.sequence, count(*) over () as places from passed p
     order by p.transaction_id desc, p.sequence desc limit 1
  )
  select e.id, e.type, e.aggregate_kind, e.aggregate_id, e.version, e.data, e.actor, e.device, e.correlation_id, e.at,
         o.at_transaction, o.at_sequence, n.transaction_id, n.sequence, n.places
    from ending n
    left join ordered o on true
    left join event e on e.aggregate_id = o.aggregate_id and e.version = o.version
   order by o.at_transaction, o.at_sequence, e.version;
end $$;

-- Events a consumer has still to read (counted up to p_most), and how many seconds the oldest of them has waited.
create or replace function event_lag(p_consumer text, p_most integer, p_offset interval, out waiting bigint, out oldest_s double precision)
language plpgsql stable as $$
declare
  c event_cursor;
begin
  select * into c from event_cursor where consumer = p_consumer;
  select count(*), coalesce(extract(epoch from clock_timestamp() + p_offset - min(w.at)), 0) into waiting, oldest_s
    from (select e.at from event e
           where (e.transaction_id, e.sequence) > (coalesce(c.transaction_id, '0'), coalesce(c.sequence, 0))
           order by e.transaction_id, e.sequence limit p_most) w;
end $$;
