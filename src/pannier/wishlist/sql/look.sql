-- Finding what came back or became cheaper, from what the triggers on stock and prices have left to be looked at.

-- Looks at up to p_limit tasks and tells up to p_limit customers; answers how much it did, null while another process
-- is at it, which then does the rest. A notice, its event and what makes it no news any more are one transaction.
create or replace function wishlist_look(p_limit integer, p_currency text, p_channel text, p_offset interval)
returns integer language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_now timestamptz := clock_timestamp() + p_offset;
  v_tasks bigint[];
  v_variants uuid[];
  v_done integer;
begin
  if not pg_try_advisory_xact_lock(hashtextextended('pannier.wishlist:' || current_schema(), 0)) then
    return null;
  end if;
  perform wishlist_look_at_dates(v_now);
  select coalesce(array_agg(t.id), '{}'), coalesce(array_agg(distinct t.variant_id), '{}') into v_tasks, v_variants
    from (select k.id, k.variant_id from wishlist_task k order by k.id limit p_limit) t;
  if cardinality(v_tasks) = 0 then
    return 0;
  end if;
  v_done := wishlist_await(v_tasks, p_limit);
  if v_done < p_limit then
    -- That they were gone is noted; whether they are there again is what is left to see.
    update wishlist_task set kind = 'look' where id = any(v_tasks) and kind = 'gone';
    v_done := wishlist_notice_due(v_variants, p_limit, p_currency, p_channel, v_now);
    if v_done < p_limit then
      delete from wishlist_task where id = any(v_tasks);
      v_done := v_done + cardinality(v_tasks);
    end if;
  end if;
  return v_done;
end $$;

-- Prices that began or ended by themselves since the last look become tasks. How far was looked is noted when there
-- were any, else once an hour, so that a quiet shop is not written to.
create or replace function wishlist_look_at_dates(p_now timestamptz) returns void language plpgsql
set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_since timestamptz;
begin
  select looked_until into v_since from wishlist_watch;
  if p_now <= v_since then
    return;
  end if;
  insert into wishlist_task (kind, variant_id)
  select 'look', p.variant_id
    from (select b.variant_id from price b where b.valid_from > '-infinity' and b.valid_from > v_since and b.valid_from <= p_now
          union
          select e.variant_id from price e where e.valid_to < 'infinity' and e.valid_to > v_since and e.valid_to <= p_now) p
   where exists (select 1 from wishlist_item i where i.variant_id = p.variant_id and i.price_wanted_at is not null);
  if found or v_since < p_now - interval '1 hour' then
    update wishlist_watch set looked_until = p_now;
  end if;
end $$;

-- Whoever waits for something whose shelf was empty since then hears when it is there again. Answers how many that are.
create or replace function wishlist_await(p_tasks bigint[], p_limit integer) returns integer language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_items uuid[];
begin
  select array_agg(f.id) into v_items from (
    select distinct i.id from wishlist_task t
     cross join lateral (
       select k.id from wishlist_item k
        where k.variant_id = t.variant_id and k.stock_wanted_at is not null and not k.is_awaited and k.watched_from < t.id) i
     where t.id = any(p_tasks) and t.kind = 'gone' limit p_limit) f;
  if v_items is null then
    return 0;
  end if;
  perform wishlist_lock_of(v_items);
  update wishlist_item set is_awaited = true where id = any(v_items) and stock_wanted_at is not null;
  return cardinality(v_items);
end $$;

-- Locks the lists of items, by id as everybody does: what follows sees what others have just changed about them.
create or replace function wishlist_lock_of(p_items uuid[]) returns void language plpgsql as $$
begin
  perform 1 from wishlist w
    where w.id in (select i.wishlist_id from wishlist_item i where i.id = any(p_items)) order by w.id for update;
end $$;

-- Items of variants about which something is new: {item, kind}. kind null: nothing is to be told, but it is to be noted.
create or replace function wishlist_news(
  p_variants uuid[], p_items uuid[], p_currency text, p_channel text, p_now timestamptz, p_limit integer
) returns table (item_id uuid, kind text, price_minor bigint) language plpgsql stable
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
begin
  return query
  select n.id, n.kind, n.price_minor
    from unnest(p_variants) v(id)
   cross join lateral (
     select s.price_minor, s.is_sellable and s.price_minor is not null as is_for_sale, s.is_stocked,
            coalesce(s.available > 0, true) as is_there
       from wishlist_shelf(v.id, p_currency, p_channel, p_now) s) s
   cross join lateral (
     select i.id, case when i.is_awaited then 'back_in_stock' end as kind, s.price_minor from wishlist_item i
      where i.variant_id = v.id and i.stock_wanted_at is not null
        and case when i.is_awaited then s.is_for_sale and s.is_there else not s.is_for_sale or not s.is_stocked end
     union all
     select i.id, case when s.price_minor < i.told_price_minor then 'price_drop' end, s.price_minor from wishlist_item i
      where i.variant_id = v.id and i.price_wanted_at is not null and s.is_for_sale
        and (i.told_price_minor is null or (s.price_minor < i.told_price_minor and s.is_there)
             or i.told_price_minor < least(s.price_minor, i.base_price_minor))) n
   where p_items is null or n.id = any(p_items)
   order by v.id, n.id limit p_limit;
end $$;

-- Notes and tells what is new about variants. Answers how many items that were.
create or replace function wishlist_notice_due(
  p_variants uuid[], p_limit integer, p_currency text, p_channel text, p_now timestamptz
) returns integer language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_items uuid[];
  n record;
begin
  select array_agg(distinct f.item_id) into v_items
    from wishlist_news(p_variants, null, p_currency, p_channel, p_now, p_limit) f;
  if v_items is null then
    return 0;
  end if;
  perform wishlist_lock_of(v_items);
  for n in
    select f.kind, f.price_minor, i.id, i.wishlist_id, i.variant_id, i.told_price_minor, i.base_price_minor, w.user_id,
           i.stock_wanted_at is not null and i.is_awaited as was_awaited
      from wishlist_news(p_variants, v_items, p_currency, p_channel, p_now, null) f
      join wishlist_item i on i.id = f.item_id
      join wishlist w on w.id = i.wishlist_id
     order by i.wishlist_id, i.id, f.kind
  loop
    if n.kind is not null and n.user_id is not null then
      perform wishlist_tell(n.user_id, n.wishlist_id, n.id, n.variant_id, n.kind, p_currency, n.told_price_minor, n.price_minor, p_now);
    end if;
    if n.kind = 'back_in_stock' then
      update wishlist_item set is_awaited = false where id = n.id;
    elsif n.kind = 'price_drop' then
      update wishlist_item set told_price_minor = n.price_minor where id = n.id;
    else
      perform wishlist_note(n.id, p_currency, p_channel, p_now);
    end if;
  end loop;
  return cardinality(v_items);
end $$;

-- Notes without telling: what is gone is awaited, and a price that rose is what less than would be news.
create or replace function wishlist_note(p_item uuid, p_currency text, p_channel text, p_now timestamptz) returns void
language sql volatile as $$
  update wishlist_item i
     set is_awaited = i.stock_wanted_at is not null
           and (i.is_awaited or not s.is_sellable or s.price_minor is null or not s.is_stocked),
         told_price_minor = case when i.price_wanted_at is null then null
           when s.price_minor is null then i.told_price_minor
           else greatest(i.told_price_minor, least(s.price_minor, i.base_price_minor)) end,
         base_price_minor = case when i.price_wanted_at is null then null else coalesce(i.base_price_minor, s.price_minor) end
    from wishlist_item o cross join lateral wishlist_shelf(o.variant_id, p_currency, p_channel, p_now) s
   where o.id = p_item and i.id = o.id
$$;

-- A notice with its event, unless one of the same is about to be sent: somebody may have it on two lists.
create or replace function wishlist_tell(
  p_user text, p_list uuid, p_item uuid, p_variant uuid, p_kind text, p_currency text, p_before bigint, p_price bigint,
  p_now timestamptz
) returns void language plpgsql as $$
declare
  v_notice uuid := gen_random_uuid();
  v_version bigint;
begin
  insert into wishlist_notice (id, user_id, wishlist_id, item_id, variant_id, kind, currency, price_before_minor, price_minor,
    due_at, created_at)
  values (v_notice, p_user, p_list, p_item, p_variant, p_kind, p_currency,
    case when p_kind = 'price_drop' then p_before end, p_price, p_now, p_now)
  on conflict (user_id, variant_id, kind) where sent_at is null and dropped is null do nothing;
  if not found then
    return;
  end if;
  update wishlist set version = version + 1 where id = p_list returning version into strict v_version;
  insert into event (aggregate_id, version, aggregate_kind, id, type, data, actor, at)
  values (p_list, v_version, 'wishlist', v_notice, 'wishlist.' || case p_kind when 'price_drop' then 'price_dropped' else p_kind end,
    jsonb_build_object('item_id', p_item, 'variant_id', p_variant, 'currency', p_currency, 'price_minor', p_price,
      'price_before_minor', case when p_kind = 'price_drop' then p_before end), 'system', p_now);
end $$;
