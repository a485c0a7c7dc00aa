-- Keeping the history of carts: taking it from the outbox, snapshots, mending them, and forgetting who it was.

-- Copies the next events of carts from the outbox, each once by its version, and makes a snapshot of every cart that has
-- come p_every versions on. One short transaction; of several processes one works, the others find nothing to do.
-- Answers how many places of the outbox it passed, and how many events it kept.
create or replace function cart_history_take(p_limit integer, p_every integer, out places bigint, out taken bigint)
language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
declare
  c event_cursor;
  v_carts uuid[];
  v_versions bigint[];
begin
  places := 0;
  taken := 0;
  if not pg_try_advisory_xact_lock(hashtextextended(current_schema() || 'pannier.consume:cart.history', 0)) then
    return;
  end if;
  insert into event_cursor (consumer) values ('cart.history') on conflict do nothing;
  select * into c from event_cursor where consumer = 'cart.history';
  with given as materialized (
    select * from event_read(c.transaction_id, c.sequence, p_limit, 'cart')
  ), kept as (
    insert into cart_history (cart_id, version, id, type, data, actor, device, correlation_id, at)
    select g.aggregate_id, g.version, g.id, g.type, g.data, g.actor, g.device, g.correlation_id, g.at
      from given g where g.id is not null
    on conflict do nothing returning cart_id, version
  ), heads as (
    select k.cart_id, max(k.version) as version from kept k group by k.cart_id order by k.cart_id
  ), ended as (
    select g.end_transaction, g.end_sequence, g.places from given g limit 1
  ), moved as (
    update event_cursor e set transaction_id = n.end_transaction, sequence = n.end_sequence, updated_at = clock_timestamp()
      from ended n where e.consumer = 'cart.history'
  )
  select coalesce((select n.places from ended n), 0), (select count(*) from kept),
         array(select h.cart_id from heads h), array(select h.version from heads h)
    into places, taken, v_carts, v_versions;
  -- Most carts never come so far.
  perform cart_snapshot_make(t.cart_id, t.version, p_every) from unnest(v_carts, v_versions) t(cart_id, version)
    where t.version >= p_every;
end $$;

-- A snapshot at this version, unless there is one within p_every versions of it, or none can be made.
create or replace function cart_snapshot_make(p_cart uuid, p_version bigint, p_every integer) returns void language plpgsql as $$
declare
  v_last bigint := coalesce((select max(s.version) from cart_snapshot s where s.cart_id = p_cart), 0);
  v_state jsonb;
begin
  if p_version / p_every > v_last / p_every then
    v_state := cart_state_at(p_cart, p_version);
    insert into cart_snapshot (cart_id, version, state) select p_cart, p_version, v_state where v_state is not null
    on conflict do nothing;
  end if;
end $$;

-- A page of a cart's history, oldest first: events before p_before, each with what it changed line by line.
create or replace function cart_history_page(p_cart uuid, p_before bigint, p_limit integer)
returns table (version bigint, type text, actor text, device text, correlation_id text, at timestamptz, changes jsonb)
language plpgsql stable
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_top bigint := least(p_before - 1, (select c.version from cart c where c.id = p_cart));
  v_low bigint := greatest(0, v_top - p_limit);
  -- Where keeping it began, of a cart that is older than that.
  v_base bigint := (select s.version from cart_snapshot s where s.cart_id = p_cart and s.is_base);
  v_state jsonb;
  v_next jsonb;
  e cart_history;
begin
  v_low := greatest(v_low, v_base);
  v_state := case when v_low > 0 then cart_state_at(p_cart, v_low) end;
  for e in select * from cart_events(p_cart, v_low, v_top) loop
    exit when e.version <> v_low + 1;
    v_low := e.version;
    v_next := cart_state_after(v_state, e.type, e.data, e.at);
    return query select e.version, e.type, e.actor, e.device, e.correlation_id, e.at, cart_state_changes(v_state, v_next);
    v_state := v_next;
  end loop;
end $$;

-- A cart of an owner: the one named, or the open one.
create or replace function cart_of_history(p_cart uuid, p_token bytea, p_user text, p_channel text, p_now timestamptz)
returns uuid language plpgsql stable as $$
begin
  if p_cart is null then
    return (select c.id from cart_of_owner(p_token, p_user, p_channel) c where c.expires_at > p_now);
  end if;
  return (select c.id from cart c where c.id = p_cart
             and case when p_user is not null then c.user_id = p_user else c.token_hash = p_token end);
end $$;

-- The version a cart had at a moment; null when it was not there yet.
create or replace function cart_version_at(p_cart uuid, p_at timestamptz) returns bigint language plpgsql stable as $$
begin
  return coalesce(
    (select max(e.version) from event e where e.aggregate_id = p_cart and e.aggregate_kind = 'cart' and e.at <= p_at),
    (select max(h.version) from cart_history h where h.cart_id = p_cart and h.at <= p_at));
end $$;

-- Makes snapshots anew that are not what the history comes to, oldest first since each stands on the one before it.
create or replace function cart_history_repair(p_offset interval) returns setof jsonb language plpgsql as $$
declare
  s cart_snapshot;
  v_state jsonb;
begin
  for s in select * from cart_snapshot k where not k.is_base order by k.cart_id, k.version for update loop
    v_state := cart_state_at(s.cart_id, s.version, s.version);
    if v_state is distinct from s.state then
      if v_state is null then
        delete from cart_snapshot where cart_id = s.cart_id and version = s.version;
      else
        update cart_snapshot set state = v_state where cart_id = s.cart_id and version = s.version;
      end if;
      return next jsonb_build_object('did', 'made a snapshot of a cart anew from its history', 'cart_id', s.cart_id, 'version', s.version);
    end if;
  end loop;
end $$;

-- Takes what tells of a person off lines: notes and customisation. Pure.
create or replace function cart_redact(p_rows jsonb) returns jsonb language sql immutable as $$
  select case jsonb_typeof(p_rows)
    when 'array' then (select coalesce(jsonb_agg(cart_redact_row(x) order by n), '[]') from jsonb_array_elements(p_rows) with ordinality r(x, n))
    else (select coalesce(jsonb_object_agg(e.key, cart_redact_row(e.value)), '{}') from jsonb_each(p_rows) e) end
$$;

create or replace function cart_redact_row(p_row jsonb) returns jsonb language sql immutable as $$
  select p_row || jsonb_build_object('extra', nullif(nullif(p_row->'extra', 'null') - 'note' - 'customisation', '{}'))
$$;

create or replace function cart_redact_data(p_data jsonb) returns jsonb language sql immutable as $$
  select p_data
    || case when p_data ? 'metadata' then '{"metadata": {}}' else '{}' end::jsonb
    || case when p_data ? 'changes' then jsonb_build_object('changes', (
         select coalesce(jsonb_agg(case when c.value->>'op' in ('metadata', 'delivery')
                                        then c.value || '{"details": {}}' else c.value end order by c.ordinality), '[]')
           from jsonb_array_elements(p_data->'changes') with ordinality c)) else '{}' end
    || case when p_data ? 'after' then jsonb_build_object('after', (p_data->'after')
         || jsonb_build_object('lines', cart_redact(p_data->'after'->'lines'), 'saved', cart_redact(p_data->'after'->'saved')))
       else '{}' end
$$;

-- Forgets who a user was in the history of carts, the user's own and those the user had a hand in: the name becomes
-- p_alias, devices, notes, customisation and metadata go. What was bought when, and how many, stays. Answers the events.
create or replace function cart_history_erase(p_user text, p_alias text, p_offset interval) returns bigint language plpgsql as $$
declare
  v_carts uuid[] := array(
    select c.id from cart c where c.user_id = p_user
    union select m.source_cart_id from cart_merge m where m.user_id = p_user);
  v_count bigint;
begin
  update cart_history h
     set actor = case when h.actor in (p_user, 'guest') then p_alias else h.actor end, device = null, data = cart_redact_data(h.data)
   where h.cart_id = any(v_carts);
  get diagnostics v_count = row_count;
  update cart_history set actor = p_alias, device = null where actor = p_user;
  update event e
     set actor = case when e.actor in (p_user, 'guest') then p_alias else e.actor end, device = null, data = cart_redact_data(e.data)
   where e.aggregate_kind = 'cart' and e.aggregate_id = any(v_carts);
  update cart_snapshot s
     set state = s.state || jsonb_build_object('metadata', '{}'::jsonb, 'lines', cart_redact(s.state->'lines'), 'saved', cart_redact(s.state->'saved'))
   where s.cart_id = any(v_carts);
  -- What is forgotten cannot be undone.
  update cart_merge m
     set user_id = p_alias, undone_at = coalesce(m.undone_at, clock_timestamp() + p_offset),
         kept = '{"lines": [], "saved": [], "metadata_before": {}, "metadata_after": {}, "coupons_before": [], "coupons_after": []}'
   where m.user_id = p_user;
  return v_count;
end $$;
