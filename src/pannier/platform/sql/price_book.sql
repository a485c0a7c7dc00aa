-- The number of the shop's price book, and the record of who changed what in it.

-- Tells every process that the book it has in memory is no longer the shop's. Called in the transaction of the change,
-- and last: everybody who changes figures waits here for one another.
create or replace function price_book_touch() returns bigint language plpgsql as $$
declare
  v_revision bigint;
begin
  update price_book_revision set revision = revision + 1, gifts = promotion_gifts() returning revision into v_revision;
  return v_revision;
end $$;

-- Keeps changes: [{id, subject_kind, subject_id, subject_name, action, before, after}, ...].
create or replace function price_audit_append(
  p_changes jsonb, p_actor text, p_device text, p_correlation text, p_at timestamptz
) returns void language plpgsql as $$
begin
  insert into price_audit (id, at, actor, device, correlation_id, subject_kind, subject_id, subject_name, action, before, after)
  select c.id, p_at, p_actor, p_device, p_correlation, c.subject_kind, c.subject_id, coalesce(c.subject_name, ''), c.action,
         nullif(c.before, 'null'), nullif(c.after, 'null')
    from jsonb_to_recordset(p_changes)
      c(id uuid, subject_kind text, subject_id text, subject_name text, action text, before jsonb, after jsonb);
end $$;
