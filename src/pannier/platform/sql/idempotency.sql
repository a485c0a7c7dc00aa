-- A change and the answer to it are stored in one transaction, under the owner and the key the client chose.

-- Whether the request was answered before. Null outcome: it is new, and its key is ours until we commit.
-- Tried, not waited for: nobody waits behind a slow request for an answer that is on its way.
create or replace function idempotency_begin(
  p_owner bytea, p_key text, p_hash bytea, out outcome text, out answer text
) language plpgsql as $$
declare
  v record;
begin
  if p_key is null then
    return;
  elsif not pg_try_advisory_xact_lock(hashtextextended(encode(p_owner, 'hex') || ':' || p_key, 0)) then
    outcome := 'IDEMPOTENCY_IN_FLIGHT';
    return;
  end if;
  select i.answer, i.request_hash = p_hash as is_same into v from idempotency_record i
   where i.owner = p_owner and i.key = p_key;
  if found then
    outcome := case when v.is_same then 'REPLAY' else 'IDEMPOTENCY_CONFLICT' end;
    answer := case when v.is_same then v.answer end;
  end if;
end $$;

create or replace function idempotency_keep(
  p_owner bytea, p_key text, p_hash bytea, p_answer text, p_now timestamptz
) returns void language plpgsql as $$
begin
  if p_key is not null then
    insert into idempotency_record (owner, key, request_hash, answer, created_at)
    values (p_owner, p_key, p_hash, p_answer, p_now);
  end if;
end $$;
