-- Coupons on carts, and their uses by orders. Locks: customers of a coupon, coupons by code, promotions by id.

-- What is kept of an address: enough to know it again, whatever case it is written in.
create or replace function coupon_email_hash(p_email text) returns bytea language sql immutable as $$
  select sha256(convert_to(lower(btrim(p_email)), 'UTF8'))
$$;

-- How often somebody has used a coupon, as a user or by an address. Null and null is nobody: never.
create or replace function coupon_uses_of(p_coupon uuid, p_user text, p_email bytea) returns bigint language plpgsql stable as $$
begin
  return (select count(*) from (
    select u.order_id from coupon_use u where u.coupon_id = p_coupon and u.user_id = p_user and u.released_at is null
    union
    select u.order_id from coupon_use u where u.coupon_id = p_coupon and u.email_hash = p_email and u.released_at is null) s);
end $$;

-- The coupons of these codes, written as they are there, as a JSON list in the order of the codes; a code that nobody
-- knows is left out. `coupon` is in the words of a scenario, with the uses of this customer.
create or replace function coupon_documents(p_codes text[], p_user text, p_email text) returns json language plpgsql stable as $$
declare
  v_email bytea := coupon_email_hash(p_email);
begin
  return (
    select coalesce(json_agg(json_build_object(
        'id', c.id, 'promotion_id', c.promotion_id,
        'is_active', c.is_active, 'promotion_is_active', p.is_active,
        'promotion_starts', p.starts_on, 'promotion_ends', p.ends_on, 'promotion_is_exhausted', p.is_exhausted,
        'coupon', json_build_object(
          'code', c.code, 'limit', c.use_limit, 'used', c.used, 'per_customer', c.per_customer,
          'used_by_customer', case when c.per_customer is null then 0 else coupon_uses_of(c.id, p_user, v_email) end,
          'starts', c.starts_on, 'ends', c.ends_on, 'reject_if_reduced_line', c.rejects_reduced_lines,
          'reusable_after_cancel', c.is_reusable_after_cancel)) order by w.place), '[]')
      from unnest(p_codes) with ordinality w(code, place)
     cross join lateral (select k.* from coupon k where k.code = w.code limit 1) c
     cross join lateral (select q.is_active, q.starts_on, q.ends_on, q.is_exhausted from promotion q
                          where q.id = c.promotion_id limit 1) p);
end $$;

-- The codes that these are in a shop that takes them however they are written; p_folded are case-folded.
create or replace function coupon_codes(p_folded text[]) returns text[] language plpgsql stable as $$
begin
  return array(select c.code from unnest(p_folded) with ordinality w(folded, place)
                cross join lateral (select k.code from coupon k where k.code_folded = w.folded limit 1) c
                order by w.place);
end $$;

-- Books the uses of an order: of its codes, and of the promotions that gave it something. Each once, however often it
-- is called for the order. Raises PN010 with the code, or the promotion's id, as message and {reason, code |
-- promotion_id, limit} as detail, when somebody else was quicker.
--
-- The use is written before the limit is looked at: whoever gives a limit to what had none locks the table of uses
-- first, and counts what is there. Where there is no limit, no row is changed that another order would wait for.
create or replace function coupon_claim(
  p_order uuid, p_codes text[], p_promotions uuid[], p_user text, p_email text, p_at timestamptz
) returns void language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_code text;
  v_promotion uuid;
  v_is_exhausted boolean;
  v_touches boolean := false;
begin
  for v_code in select distinct w.code collate "C" from unnest(p_codes) w(code) order by 1 loop
    perform coupon_claim_one(p_order, v_code, p_user, coupon_email_hash(p_email), p_at);
  end loop;
  for v_promotion in select distinct w.id from unnest(p_promotions) w(id) order by 1 loop
    insert into promotion_use (promotion_id, order_id, at) values (v_promotion, p_order, p_at) on conflict do nothing;
    if not found then
      continue;
    end if;
    update promotion p set used = p.used + 1
     where p.id = v_promotion and p.use_limit is not null and p.used < p.use_limit
    returning p.is_exhausted into v_is_exhausted;
    if found then
      v_touches := v_touches or v_is_exhausted;
    else
      perform promotion_must_be_unlimited(v_promotion);
    end if;
  end loop;
  if v_touches then
    perform price_book_touch();
  end if;
end $$;

create or replace function coupon_claim_one(p_order uuid, p_code text, p_user text, p_email bytea, p_at timestamptz)
returns void language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  c record;
begin
  select k.id, k.promotion_id, k.per_customer into c from coupon k where k.code = p_code limit 1;
  if not found then
    perform coupon_refuse('unknown', jsonb_build_object('code', p_code));
  end if;
  if c.per_customer is not null then
    perform coupon_lock_customer(c.id, p_user, p_email);
  end if;
  insert into coupon_use (coupon_id, order_id, promotion_id, user_id, email_hash, at)
  values (c.id, p_order, c.promotion_id, p_user, p_email, p_at) on conflict do nothing;
  if not found then
    return;
  end if;
  if c.per_customer is not null and coupon_uses_of(c.id, p_user, p_email) > c.per_customer then
    perform coupon_refuse('customer_limit', jsonb_build_object('code', p_code, 'limit', c.per_customer));
  end if;
  update coupon k set used = k.used + 1 where k.id = c.id and k.use_limit is not null and k.used < k.use_limit;
  if not found then
    perform coupon_refuse('usage_limit', jsonb_build_object('code', k.code, 'limit', k.use_limit))
       from coupon k where k.id = c.id and k.use_limit is not null;
  end if;
end $$;

-- One use of a coupon at a time by one customer; others do not wait.
create or replace function coupon_lock_customer(p_coupon uuid, p_user text, p_email bytea) returns void language plpgsql as $$
declare
  v_key bigint;
begin
  for v_key in
    select hashtextextended('coupon_use:' || p_coupon || ':' || w.who, 0)
      from unnest(array['user:' || p_user, 'email:' || encode(p_email, 'hex')]) w(who)
     where w.who is not null order by 1
  loop
    perform pg_advisory_xact_lock(v_key);
  end loop;
end $$;

create or replace function promotion_must_be_unlimited(p_promotion uuid) returns void language plpgsql as $$
declare
  v_limit bigint;
begin
  select p.use_limit into v_limit from promotion p where p.id = p_promotion limit 1;
  if not found then
    perform coupon_refuse('unknown', jsonb_build_object('promotion_id', p_promotion));
  elsif v_limit is not null then
    perform coupon_refuse('usage_limit', jsonb_build_object('promotion_id', p_promotion, 'limit', v_limit));
  end if;
end $$;

create or replace function coupon_refuse(p_reason text, p_details jsonb) returns void language plpgsql as $$
begin
  raise exception using errcode = 'PN010', message = coalesce(p_details->>'code', p_details->>'promotion_id'),
    detail = (p_details || jsonb_build_object('reason', p_reason))::text;
end $$;

-- Gives back what a canceled order has used, except coupons that are used up for good, and their promotions.
create or replace function coupon_release(p_order uuid) returns void language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  u record;
  v_was_exhausted boolean;
  v_touches boolean := false;
begin
  for u in
    select s.coupon_id from coupon_use s
     cross join lateral (select k.code, k.is_reusable_after_cancel from coupon k where k.id = s.coupon_id limit 1) c
     where s.order_id = p_order and s.released_at is null and c.is_reusable_after_cancel order by c.code
  loop
    update coupon_use s set released_at = clock_timestamp()
     where s.coupon_id = u.coupon_id and s.order_id = p_order and s.released_at is null;
    if found then
      update coupon k set used = k.used - 1 where k.id = u.coupon_id and k.use_limit is not null;
    end if;
  end loop;
  for u in
    select s.promotion_id from promotion_use s
     where s.order_id = p_order and s.released_at is null
       and not exists (select 1 from coupon_use k where k.order_id = p_order and k.promotion_id = s.promotion_id
                        and k.released_at is null)
     order by s.promotion_id
  loop
    update promotion_use s set released_at = clock_timestamp()
     where s.promotion_id = u.promotion_id and s.order_id = p_order and s.released_at is null;
    if found then
      select p.is_exhausted into v_was_exhausted from promotion p where p.id = u.promotion_id for no key update;
      update promotion p set used = p.used - 1 where p.id = u.promotion_id and p.use_limit is not null;
      v_touches := v_touches or v_was_exhausted;
    end if;
  end loop;
  if v_touches then
    perform price_book_touch();
  end if;
end $$;

-- Uses from before, that another system told of: as many as there are orders named, at most what is left of the limit.
-- What one customer may is not asked: what was used was used. Answers how many were counted.
create or replace function coupon_bring_uses(p_coupon uuid, p_orders uuid[], p_user text, p_at timestamptz)
returns bigint language plpgsql as $$
declare
  c coupon;
  v_count bigint;
begin
  select k.* into strict c from coupon k where k.id = p_coupon for no key update;
  v_count := least(cardinality(p_orders), coalesce(c.use_limit - c.used, cardinality(p_orders)));
  insert into coupon_use (coupon_id, order_id, promotion_id, user_id, at)
  select c.id, o.id, c.promotion_id, p_user, p_at from unnest(p_orders[1:v_count]) o(id);
  update coupon k set used = k.used + v_count where k.id = c.id and k.use_limit is not null;
  return v_count;
end $$;

-- The same of a promotion.
create or replace function promotion_bring_uses(p_promotion uuid, p_orders uuid[], p_at timestamptz)
returns bigint language plpgsql as $$
declare
  p promotion;
  v_count bigint;
begin
  select k.* into strict p from promotion k where k.id = p_promotion for no key update;
  v_count := least(cardinality(p_orders), coalesce(p.use_limit - p.used, cardinality(p_orders)));
  insert into promotion_use (promotion_id, order_id, at) select p.id, o.id, p_at from unnest(p_orders[1:v_count]) o(id);
  update promotion k set used = k.used + v_count where k.id = p.id and k.use_limit is not null;
  if v_count > 0 and p.use_limit is not null then
    perform price_book_touch();
  end if;
  return v_count;
end $$;
