-- The entry of the write path: see apply.sql for its order of locks.

-- The changes of one request, one after the other. With atomic, the first refusal raises, and the caller's
-- savepoint takes back what went before it. Answers the results and the cart's new counts.
create or replace function cart_run_changes(
  p_cart cart, p_changes jsonb, p_is_atomic boolean, p_policy cart_policy, p_until timestamptz, p_cause movement_cause,
  out results jsonb[], out after cart, out is_changed boolean
) language plpgsql as $$
declare
  v_change jsonb;
  v_result cart_change_result;
begin
  after := p_cart;
  results := '{}';
  is_changed := false;
  for v_change in select value from jsonb_array_elements(p_changes) loop
    if v_change ? 'values' then
      v_result := cart_change_whole(after, v_change, p_policy);
    elsif v_change->>'op' = 'reserve' then
      v_result := cart_reserve(after, v_change, p_policy, p_cause);
    else
      v_result := cart_change(after, v_change, p_policy, p_until, p_cause);
    end if;
    results := results || jsonb_build_object('op', v_change->>'op', 'outcome', v_result.outcome,
      'line_id', v_result.line_id, 'variant_id', v_result.variant_id,
      'before', v_result.quantity_before, 'after', v_result.quantity_after, 'details', v_result.details,
      'price', v_result.price_minor);
    if v_result.outcome = 'OK' then
      is_changed := true;
      after.total_quantity := after.total_quantity + v_result.quantity_after - v_result.quantity_before;
      after.line_count := after.line_count + v_result.line_delta;
      after.saved_count := after.saved_count + v_result.saved_delta;
      if v_change ? 'values' then
        after := jsonb_populate_record(after, v_result.details->'cart');
      end if;
    elsif p_is_atomic then
      return;
    end if;
  end loop;
end $$;

-- One request on its locked cart. Null cart: there is none, and the request may not make one.
-- p_until is when the cart's reservation runs out, null when it has none that lives. p_plain is what came of it where it
-- has been carried out with others of its kind.
create or replace function cart_run(
  p_cart cart, p_request jsonb, p_until timestamptz, p_is_lapsed boolean, p_policy cart_policy, p_cause movement_cause,
  p_plain jsonb,
  out outcome text, out results jsonb, out details jsonb, out after cart, out is_changed boolean, out moved jsonb
) language plpgsql as $$
declare
  kept record;
  v_changes jsonb := p_request->'changes';
  v_is_whole boolean := (p_request->>'atomic')::boolean or jsonb_array_length(v_changes) = 1;
  v record;
begin
  is_changed := false;
  outcome := 'OK';
  if p_plain is not null then
    after := p_cart;
    after.total_quantity := after.total_quantity + (p_plain->>'after')::bigint - (p_plain->>'before')::bigint;
    after.line_count := after.line_count + ((p_plain->>'before')::bigint = 0)::integer;
    results := jsonb_build_array(p_plain);
    is_changed := true;
    return;
  end if;
  if (p_request->>'if_match')::bigint <> coalesce(p_cart.version, 0) then
    outcome := 'CART_VERSION_MISMATCH';
    details := jsonb_build_object('expected', p_request->'if_match', 'actual', coalesce(p_cart.version, 0));
    return;
  elsif p_cart.id is null then
    if p_request ? 'cart_id' then
      outcome := 'CART_CLOSED';
    elsif not p_request ? 'clear' then
      outcome := case when cart_is_closed(p_request) then 'CART_CLOSED' else 'CART_NOT_FOUND' end;
    end if;
    return;
  elsif p_request ? 'cart_id' and p_cart.id <> (p_request->>'cart_id')::uuid then
    outcome := 'CART_CLOSED';
    return;
  end if;
  if p_request ? 'clear' then
    select coalesce(jsonb_agg(jsonb_build_object('op', 'remove', 'line_id', id) order by variant_id, id), '[]')
      into v_changes from cart_line
     where cart_id = p_cart.id and (is_selected or p_request->>'clear' <> 'selected');
  end if;
  if p_policy.stock <> 'none' and p_until is null then
    p_until := reservation_renew(p_cart.id, 'cart', p_cause.at, p_policy.hold_ttl, p_policy.hold_cap);
    -- Where it ran out while we waited for stock, the next write holds again what is lost.
    update reservation set is_short = true where id = p_cart.id and p_cart.line_count > 0 and not p_is_lapsed;
  end if;
  if jsonb_array_length(v_changes) = 1 or not v_is_whole then
    v := cart_run_changes(p_cart, v_changes, false, p_policy, p_until, p_cause);
  else
    begin
      v := cart_run_changes(p_cart, v_changes, true, p_policy, p_until, p_cause);
      if v.results[cardinality(v.results)]->>'outcome' <> 'OK' then
        raise exception using errcode = 'PN001';
      end if;
    exception when sqlstate 'PN001' then
      v.is_changed := false;
    end;
  end if;
  if v_is_whole then
    outcome := coalesce(v.results[cardinality(v.results)]->>'outcome', 'OK');
  end if;
  results := to_jsonb(v.results);
  after := v.after;
  is_changed := v.is_changed;
  if p_is_lapsed and p_policy.save_expired then
    kept := cart_save_lapsed(coalesce(after, p_cart), p_policy, p_until, p_cause);
    after := kept.after;
    moved := kept.moved;
    is_changed := is_changed or moved is not null;
  elsif p_is_lapsed then
    perform cart_hold_again(p_cart, p_policy, p_until, p_cause);
  end if;
end $$;

-- Whether the lines a request names are those of a cart of the same owner that has become an order.
create or replace function cart_is_closed(p_request jsonb) returns boolean language plpgsql stable as $$
begin
  return exists (
    select 1 from jsonb_array_elements(p_request->'changes') x
     cross join lateral (select k.cart_id from cart_line k where k.id = (x.value->>'line_id')::uuid limit 1) l
     cross join lateral (
       select k.token_hash, k.user_id from cart k where k.id = l.cart_id and k.status = 'converted' limit 1) c
     where c.token_hash = decode(p_request->>'token', 'hex') or c.user_id = p_request->>'user_id');
end $$;

-- The rows of the carts that changed and the events that tell of it, all at their next versions.
create or replace function cart_commit(
  p_carts cart[], p_requests jsonb[], p_results jsonb[], p_policy cart_policy, p_now timestamptz
) returns void language plpgsql as $$
begin
  update cart k
     set version = k.version + 1, status = 'active', updated_at = p_now,
         line_count = c.line_count, total_quantity = c.total_quantity, saved_count = c.saved_count, metadata = c.metadata,
         coupons = nullif(c.coupons, '{}'), destination = c.destination, shipping_method = c.shipping_method,
         -- Set when it begins to count; cart_idle_due moves it on.
         idle_at = case when k.idle_at = 'infinity' and p_policy.idle_after is not null then p_now + p_policy.idle_after
                        else k.idle_at end,
         -- Moved by a sixty-fourth of its life at least, so that most writes touch no index.
         expires_at = case
           when t.ttl is null then 'infinity'
           when k.expires_at = 'infinity' or p_now + t.ttl - k.expires_at > t.ttl / 64 then p_now + t.ttl
           else k.expires_at end
    from unnest(p_carts) c,
         lateral (select case when c.is_aside then p_policy.aside_ttl
                      when c.user_id is null then p_policy.guest_ttl else p_policy.user_ttl end as ttl) t
   -- Said twice, so that the rows are found by these ids and not by a walk through all carts: see document.sql.
   where k.id = any(array(select u.id from unnest(p_carts) u)) and k.id = c.id;
  insert into event (aggregate_id, version, aggregate_kind, id, type, data, actor, device, correlation_id, at)
  select c.id, c.version + 1, 'cart', (r.request->>'op_id')::uuid, r.request->>'event',
         -- Of a plain request the results say all, but for lines that were saved along the way.
         case when r.request ? 'plain' and c.saved_count = 0
              then jsonb_build_object('changes', r.results, 'total_quantity', c.total_quantity)
              else jsonb_build_object('changes', r.results, 'total_quantity', c.total_quantity)
                   || cart_touched(c.id, r.results, p_now)
                   || case when r.request ? 'tells_whole' then jsonb_build_object('metadata', c.metadata, 'coupons', coalesce(c.coupons, '{}'))
                           else '{}' end end
         || case when c.status = 'abandoned' then '{"came_back": true}'::jsonb else '{}' end,
         coalesce(r.request->>'actor', 'guest'), r.request->>'device', r.request->>'correlation_id', p_now
    from unnest(p_requests, p_results) with ordinality r(request, results, n)
    join unnest(p_carts) with ordinality c on c.ordinality = r.n;
end $$;

create or replace function cart_apply(
  p_requests jsonb, p_variants uuid[], p_lines uuid[], p_saved uuid[], p_policy jsonb, p_offset interval
) returns table (ord integer, outcome text, answer text)
language plpgsql
-- Plans must not depend on how full the tables were when they were made: see tests/cart/test_plans.py.
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  policy cart_policy := jsonb_populate_record(null::cart_policy, p_policy);
  cause movement_cause;
  plain jsonb;
  place record;
  locks record;
  v record;
  run record;
  v_is_mine boolean[];
  -- Of full length from the start: an array that begins where it was first written to would be read shifted.
  v_outcomes text[] := array_fill(null::text, array[jsonb_array_length(p_requests)]);
  v_replays text[] := v_outcomes;
  v_heads text[] := v_outcomes;
  v_carts cart[] := '{}';
  v_requests jsonb[] := '{}';
  v_results jsonb[] := '{}';
  -- Lines that requests which want no more than these have changed; null where every one wants its whole cart.
  v_touched uuid[];
begin
  if (p_policy->>'price_revision')::bigint < (select k.revision from price_book_revision k where k.only_row) then
    -- What the shopper is asked was worked out by rules that are no longer those in force.
    raise exception using errcode = '40001', message = 'the shop''s prices changed meanwhile';
  end if;
  place := cart_locate(p_requests, p_offset);
  cause.actor := 'system';
  locks := cart_lock(place.cart_ids, array(
    select place.cart_ids[r.ordinality] from jsonb_array_elements(p_requests) with ordinality r
     where r.value ?| array['clear', 'reserves']),
    p_variants, p_lines, p_saved, policy, p_offset, cause);
  v_is_mine := cart_try_keys(p_requests);
  plain := cart_add_plain(p_requests, place.cart_ids, v_is_mine, locks.lapsed, policy, locks.locked_at);
  for v in
    select x.ordinality::integer as n, x.value as request, i.answer,
           i.request_hash = decode(x.value->>'idem_hash', 'hex') as is_same, c.row as cart,
           case when r.expires_at > locks.locked_at then r.expires_at end as held_until
      from jsonb_array_elements(p_requests) with ordinality x
      -- One row each, which keeps the planner from reading a whole index that it thinks is short.
      left join lateral (
        select k.answer, k.request_hash from idempotency_record k
         where k.owner = decode(x.value->>'idem_owner', 'hex') and k.key = x.value->>'idem_key' limit 1) i on true
      left join lateral (
        select k as row, k.id from cart k
         where k.id = place.cart_ids[x.ordinality] and k.status in ('active', 'abandoned') limit 1) c on true
      left join lateral (select k.expires_at from reservation k where k.id = c.id limit 1) r on true
     order by x.ordinality
  loop
    if not v_is_mine[v.n] or v.answer is not null then
      v_outcomes[v.n] := case when not v_is_mine[v.n] then 'IDEMPOTENCY_IN_FLIGHT'
        when v.is_same then 'REPLAY' else 'IDEMPOTENCY_CONFLICT' end;
      v_replays[v.n] := case when v_is_mine[v.n] and v.is_same then v.answer end;
      continue;
    elsif (v.cart).id is null and place.cart_ids[v.n] is not null then
      -- It became an order, or its time was up, while we waited for its lock: from the start, with what is open now.
      raise exception using errcode = '40001', message = 'the cart was closed meanwhile';
    end if;
    cause := (coalesce(v.request->>'actor', 'guest'), v.request->>'device', v.request->>'correlation_id', 'cart',
      place.cart_ids[v.n], null, locks.locked_at);
    run := cart_run(v.cart, v.request, v.held_until, place.cart_ids[v.n] = any(locks.lapsed), policy, cause,
      plain->v.n::text);
    if run.is_changed then
      v_carts := v_carts || run.after;
      -- What only the time that ran out has changed is told as that.
      v_requests := v_requests || case when run.moved is not null and run.outcome <> 'OK'
        then v.request || '{"event": "cart.hold_expired"}' else v.request end;
      v_results := v_results || case when run.moved is null then run.results
        when run.outcome <> 'OK' then run.moved else run.results || run.moved end;
    end if;
    if v.request ? 'minimal' then
      v_touched := v_touched || array(select (c.value->>'line_id')::uuid from jsonb_array_elements(run.results) c);
    end if;
    v_outcomes[v.n] := run.outcome;
    v_heads[v.n] := '{"outcome":"' || run.outcome || '","fresh":' || coalesce(place.fresh[v.n], false)
      || ',"results":' || coalesce(run.results::text, '[]')
      || ',"details":' || coalesce(run.details::text, 'null') || ',"cart":';
  end loop;
  perform cart_commit(v_carts, v_requests, v_results, policy, locks.locked_at);
  return query select * from cart_answers(p_requests, place.cart_ids, place.fresh, v_outcomes, v_replays, v_heads, v_touched, locks.locked_at);
  if cardinality(place.new_ids) > 0 then
    -- A cart made for a request that was then refused was never there.
    delete from cart where id = any(place.new_ids) and version = 0;
    -- Asked for each by its key: NOT EXISTS may become a walk through all carts, which grows with the shop.
    delete from reservation r where r.id = any(place.new_ids) and (select k.id from cart k where k.id = r.id) is null;
  end if;
end $$;

-- Which requests may go on: those without a key, and those whose key nobody else is using right now. Tried, not
-- waited for: one slow request must not hold up the batch it is retried in.
create or replace function cart_try_keys(p_requests jsonb) returns boolean[] language plpgsql as $$
declare
  request jsonb;
  v_is_mine boolean[];
begin
  for i in 1 .. jsonb_array_length(p_requests) loop
    request := p_requests->(i - 1);
    v_is_mine[i] := not request ? 'idem_key' or pg_try_advisory_xact_lock(
      hashtextextended((request->>'idem_owner') || ':' || (request->>'idem_key'), 0));
  end loop;
  return v_is_mine;
end $$;

-- What each request is told: the answer kept for its key, or its own head and the cart as it now is.
-- The caller sends no cart twice in a batch, so "now" is right after its own request. An answer that came with a
-- fresh token is not kept: nobody could be given that token again, and without it the cart is nobody's.
create or replace function cart_answers(
  p_requests jsonb, p_carts uuid[], p_fresh boolean[], p_outcomes text[], p_replays text[], p_heads text[],
  p_touched uuid[], p_now timestamptz
) returns table (ord integer, outcome text, answer text) language plpgsql as $$
declare
  v_whole uuid[] := p_carts;
  v_part uuid[];
begin
  if p_touched is not null then
    select array_agg(c.id) filter (where not p_requests->(c.n::integer - 1) ? 'minimal'),
           array_agg(c.id) filter (where p_requests->(c.n::integer - 1) ? 'minimal')
      into v_whole, v_part from unnest(p_carts) with ordinality c(id, n);
  end if;
  return query
  with documents as materialized (
    select * from cart_documents(v_whole, p_now)
    union all
    select d.* from (select 1 where p_touched is not null) g
     cross join lateral cart_documents(v_part, p_now, false, p_touched) d
  ), answers as materialized (
    select o.n::integer as n, o.outcome, o.head is not null as is_new,
           coalesce(o.replay, o.head || coalesce(d.document, 'null') || '}') as answer
      from unnest(p_outcomes, p_replays, p_heads, p_carts) with ordinality o(outcome, replay, head, cart_id, n)
      left join documents d on d.cart_id = o.cart_id
  ), kept as (
    insert into idempotency_record (owner, key, request_hash, answer, created_at)
    select decode(r.value->>'idem_owner', 'hex'), r.value->>'idem_key', decode(r.value->>'idem_hash', 'hex'), a.answer, p_now
      from answers a join jsonb_array_elements(p_requests) with ordinality r on r.ordinality = a.n
     where a.is_new and r.value ? 'idem_key' and p_fresh[a.n] is not true
  )
  select a.n - 1, a.outcome, a.answer from answers a order by a.n;
end $$;
