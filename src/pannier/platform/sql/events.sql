-- Writes the events of a command: [{aggregate_id, version, aggregate_kind, id, type, data}, ...].
create or replace function event_append(
  p_events jsonb, p_actor text, p_device text, p_correlation text, p_at timestamptz
) returns void language plpgsql as $$
begin
  insert into event (aggregate_id, version, aggregate_kind, id, type, data, actor, device, correlation_id, at)
  select e.aggregate_id, e.version, e.aggregate_kind, e.id, e.type, e.data, p_actor, p_device, p_correlation, p_at
    from jsonb_to_recordset(p_events)
      e(aggregate_id uuid, version bigint, aggregate_kind text, id uuid, type text, data jsonb);
end $$;
