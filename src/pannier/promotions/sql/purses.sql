-- Gift cards, store credit and points. One conditional UPDATE decides whether a balance is enough, and every change of
-- it is a movement. Purses are locked by id.

-- By what a gift card's code is known: people write it with or without hyphens, and in any case.
create or replace function gift_card_hash(p_code text) returns bytea language sql immutable as $$
  select sha256(convert_to(upper(regexp_replace(p_code, '[^A-Za-z0-9]', '', 'g')), 'UTF8'))
$$;

-- What somebody can pay with: the gift cards of these codes, then a user's store credit and points. A JSON list; a code
-- that nobody knows is left out. `code` is the one that was given.
create or replace function purse_documents(p_codes text[], p_user text) returns json language plpgsql stable as $$
begin
  return (
    select coalesce(json_agg(json_build_object(
        'id', p.id, 'kind', p.kind, 'code', p.code, 'code_end', p.code_end, 'currency', p.currency,
        'balance', p.balance, 'is_active', p.is_active, 'ends', p.ends_on) order by p.kind, p.place, p.id), '[]')
      from (
        select w.code, w.place, k.id, k.kind, k.code_end, k.currency, k.balance, k.is_active, k.ends_on
          from unnest(p_codes) with ordinality w(code, place)
         cross join lateral (select q.* from purse q where q.code_hash = gift_card_hash(w.code) limit 1) k
        union all
        select null, 0, k.id, k.kind, null, k.currency, k.balance, k.is_active, k.ends_on
          from purse k where k.user_id = p_user) p);
end $$;

-- Pays for an order from purses: [{"id", "amount", "unit_minor"?}, ...], in the order in which they are used; amounts
-- positive, in minor units or points, and unit_minor what one of those pays, 1 without it. A purse pays for an order
-- once, however often it is called. Raises PN011 with the purse's id as message and {purse_id, kind, balance,
-- requested, reason} as detail when a balance is short, or the purse cannot be used by p_user on that
-- day: p_on is the shop's, or that of UTC.
create or replace function purse_charge(
  p_order uuid, p_charges jsonb, p_user text, p_actor text, p_correlation text, p_at timestamptz,
  p_on date default null
) returns void language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  c record;
  k purse;
begin
  for c in
    select (w.x->>'id')::uuid as id, sum((w.x->>'amount')::bigint)::bigint as amount, min(w.place) as place,
           coalesce(min((w.x->>'unit_minor')::bigint), 1) as unit_minor
      from jsonb_array_elements(p_charges) with ordinality w(x, place) group by w.x->>'id' order by 1
  loop
    if c.amount > 0 then
      insert into purse_payment (order_id, purse_id, place, units, unit_minor)
      values (p_order, c.id, c.place, c.amount, c.unit_minor) on conflict do nothing;
      continue when not found;
    end if;
    update purse p set balance = p.balance - c.amount, movements = p.movements + 1, updated_at = p_at
     where p.id = c.id and c.amount > 0 and p.balance >= c.amount and p.is_active
       and (p.user_id is null or p.user_id = p_user) and (p.ends_on is null or coalesce(p_on, (p_at at time zone 'UTC')::date) <= p.ends_on)
    returning p.* into k;
    if not found then
      perform purse_refuse(c.id, c.amount, p_user);
    end if;
    perform purse_book(k, 'charge', -c.amount, p_order, '', p_actor, p_correlation, p_at);
  end loop;
end $$;

create or replace function purse_refuse(p_purse uuid, p_amount bigint, p_user text) returns void language plpgsql as $$
declare
  k purse;
begin
  select * into k from purse where id = p_purse;
  raise exception using errcode = 'PN011', message = p_purse::text, detail = jsonb_build_object(
    'purse_id', p_purse, 'kind', k.kind, 'balance', k.balance, 'requested', p_amount,
    'reason', case when k.id is null or (k.user_id is not null and k.user_id is distinct from p_user) then 'unknown'
                   when not k.is_active then 'inactive' when k.balance < p_amount then 'short' else 'expired' end)::text;
end $$;

-- Writes the movement that a purse has just made.
create or replace function purse_book(
  p_after purse, p_kind purse_movement_kind, p_amount bigint, p_order uuid, p_reason text, p_actor text,
  p_correlation text, p_at timestamptz, p_refund uuid default null
) returns void language plpgsql as $$
begin
  insert into purse_movement (purse_id, version, kind, amount, balance_before, balance_after, order_id, reason, actor,
    correlation_id, at, refund_id)
  values (p_after.id, p_after.movements, p_kind, p_amount, p_after.balance - p_amount, p_after.balance, p_order,
    coalesce(p_reason, ''), p_actor, p_correlation, p_at, p_refund);
end $$;

-- Changes a balance by what somebody says, plus or minus. False when it would fall below nothing, or leave the range.
create or replace function purse_adjust(
  p_purse uuid, p_amount bigint, p_kind purse_movement_kind, p_reason text, p_actor text, p_correlation text, p_at timestamptz
) returns boolean language plpgsql as $$
declare
  k purse;
begin
  update purse p set balance = p.balance + p_amount, movements = p.movements + 1, updated_at = p_at
   where p.id = p_purse and p.balance + p_amount between 0 and 1000000000000000
  returning p.* into k;
  if not found then
    return false;
  end if;
  perform purse_book(k, p_kind, p_amount, null, p_reason, p_actor, p_correlation, p_at);
  return true;
end $$;

-- Gives a user the points of an order, once; p_purse is the id of a first purse for points.
create or replace function purse_earn(
  p_order uuid, p_user text, p_points bigint, p_purse uuid, p_actor text, p_correlation text, p_at timestamptz
) returns void language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  k purse;
begin
  if p_points <= 0 then
    return;
  end if;
  perform pg_advisory_xact_lock(hashtextextended('purse:' || p_user, 0));
  insert into purse (id, kind, user_id, created_at, updated_at) values (p_purse, 'points', p_user, p_at, p_at)
  on conflict (user_id, kind, currency) where user_id is not null do nothing;
  select * into k from purse where user_id = p_user and kind = 'points' for no key update;
  if exists (select 1 from purse_movement m where m.order_id = p_order and m.purse_id = k.id and m.kind = 'earn') then
    return;
  end if;
  update purse set balance = balance + p_points, movements = movements + 1, updated_at = p_at where id = k.id returning * into k;
  perform purse_book(k, 'earn', p_points, p_order, '', p_actor, p_correlation, p_at);
end $$;
