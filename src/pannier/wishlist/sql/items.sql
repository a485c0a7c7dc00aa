-- Items of lists with live price and stock. See catalog/sql/offer.sql and inventory/sql/views.sql.

-- A variant as the shop has it at a moment: [display, is_sellable, price, compare_at, available].
create or replace function wishlist_shelf(p_variant uuid, p_currency text, p_channel text, p_now timestamptz)
returns table (
  display jsonb, is_sellable boolean, price_minor bigint, compare_at_minor bigint, available bigint, is_stocked boolean
) language plpgsql stable as $$
begin
  return query
  select v.display::jsonb, v.is_sellable and coalesce(p_channel = any(v.channels), true), o.amount_minor, o.compare_at_minor,
         stock_available(k, p_now), coalesce(stock_is_stocked(k), true)
    from variant v
   cross join lateral catalog_price(v, p_currency, p_channel, 1, p_now) o
    left join stock k on k.variant_id = v.id and k.location_id = '00000000-0000-7000-8000-000000000001'
   where v.id = p_variant;
end $$;

-- The items of lists, each list's in its order.
create or replace function wishlist_items(p_lists uuid[], p_currency text, p_channel text, p_offset interval)
returns table (
  id uuid, wishlist_id uuid, variant_id uuid, merge_key text, quantity bigint, extra jsonb, "position" integer,
  added_price_minor bigint, added_currency text, stock_wanted_at timestamptz, price_wanted_at timestamptz,
  added_at timestamptz, updated_at timestamptz, display jsonb, is_sellable boolean, price_minor bigint,
  compare_at_minor bigint, available bigint
) language plpgsql stable
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_now timestamptz := clock_timestamp() + p_offset;
begin
  return query
  select i.id, i.wishlist_id, i.variant_id, i.merge_key, i.quantity::bigint, i.extra, i.position,
         i.added_price_minor::bigint, i.added_currency::text, i.stock_wanted_at, i.price_wanted_at, i.added_at, i.updated_at,
         s.display, s.is_sellable, s.price_minor, s.compare_at_minor, s.available
    from wishlist_item i
   cross join lateral wishlist_shelf(i.variant_id, p_currency, p_channel, v_now) s
   where i.wishlist_id = any(p_lists)
   order by i.wishlist_id, i.position, i.id;
end $$;

-- Which of some variants are on a list of the owner's.
create or replace function wishlist_marks(p_user text, p_token bytea, p_variants uuid[]) returns setof uuid
language plpgsql stable
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
begin
  return query
  select distinct i.variant_id from wishlist_item i
   where i.variant_id = any(p_variants) and i.wishlist_id = any(array(
     select w.id from wishlist w where p_user is not null and w.user_id = p_user
     union all
     select w.id from wishlist w where p_user is null and w.token_hash = p_token));
end $$;

-- Puts an item behind the others of its list, at today's price; null when the variant is not there. An equal one that
-- is there takes the larger quantity and the new note. Switches that are set begin now, see wishlist_switch.
create or replace function wishlist_put(
  p_list uuid, p_item uuid, p_variant uuid, p_merge_key text, p_quantity bigint, p_extra jsonb, p_position integer,
  p_currency text, p_channel text, p_now timestamptz, out id uuid, out is_new boolean
) language plpgsql as $$
declare
  s record;
begin
  select * into s from wishlist_shelf(p_variant, p_currency, p_channel, p_now);
  if not found then
    return;
  end if;
  insert into wishlist_item as i (id, wishlist_id, variant_id, merge_key, quantity, extra, position, added_price_minor,
    added_currency, added_at, updated_at)
  values (p_item, p_list, p_variant, p_merge_key, p_quantity, p_extra,
    coalesce(p_position, (select coalesce(max(o.position), 0) + 1 from wishlist_item o where o.wishlist_id = p_list)),
    s.price_minor, case when s.price_minor is not null then p_currency end, p_now, p_now)
  on conflict on constraint wishlist_item_once do update
     set quantity = greatest(i.quantity, excluded.quantity), updated_at = excluded.updated_at,
         extra = coalesce(i.extra || excluded.extra, excluded.extra, i.extra)
  returning i.id, i.id = p_item into id, is_new;
end $$;

-- Sets what the owner of an item wants to be told of; null leaves as it is. What is gone at this moment is awaited from
-- now on, and less than today's price is news. A task sees to what happens before this is committed.
create or replace function wishlist_switch(
  p_item uuid, p_stock boolean, p_price boolean, p_currency text, p_channel text, p_now timestamptz
) returns void language plpgsql as $$
declare
  i wishlist_item;
  s record;
  v_task bigint;
begin
  if p_stock is false then
    update wishlist_item set stock_wanted_at = null, is_awaited = false where id = p_item;
  end if;
  if p_price is false then
    update wishlist_item set price_wanted_at = null, told_price_minor = null, base_price_minor = null where id = p_item;
  end if;
  select * into i from wishlist_item where id = p_item;
  p_stock := p_stock and i.stock_wanted_at is null;
  p_price := p_price and i.price_wanted_at is null;
  if coalesce(p_stock, false) or coalesce(p_price, false) then
    select * into s from wishlist_shelf(i.variant_id, p_currency, p_channel, p_now);
    insert into wishlist_task (kind, variant_id) values ('look', i.variant_id) returning id into v_task;
  end if;
  if p_stock then
    update wishlist_item set stock_wanted_at = p_now, watched_from = v_task,
           is_awaited = not s.is_sellable or s.price_minor is null or coalesce(s.available = 0, false)
     where id = p_item;
  end if;
  if p_price then
    update wishlist_item set price_wanted_at = p_now, told_price_minor = s.price_minor, base_price_minor = s.price_minor
     where id = p_item;
  end if;
end $$;
