-- Carts as they are now, one JSON text each; cart/document.py names the positions. See stock_available for what is
-- there to be had under a lock.
--
-- A join by key may be planned as a walk through the whole index of a table that is small, and the plan outlives that.
-- So here, and wherever a plan is kept, the other table is a LATERAL that is asked once per row: its LIMIT keeps the
-- planner from making a join of it.
--
-- With p_lines a document has these lines only, without what is saved, and with the counts of the whole cart.
create or replace function cart_documents(
  p_carts uuid[], p_now timestamptz, p_is_stock_locked boolean default false, p_lines uuid[] default null
) returns table (cart_id uuid, document text) language plpgsql stable as $$
declare
  v_revision bigint;
  v_gifts uuid[];
begin
  select r.revision, r.gifts into v_revision, v_gifts from price_book_revision r where r.only_row;
  return query
  select c.id, json_build_array(
    c.id, c.version, c.status, c.currency, c.channel, c.user_id, c.created_at, c.updated_at, c.expires_at,
    (select r.expires_at from reservation r where r.id = c.id), p_now, c.metadata,
    case when p_lines is null
         then (select json_object_agg(h.variant_id, h.quantity) from hold h where h.reservation_id = c.id)
         else cart_holds_of(c.id, p_lines) end,
    (select json_agg(json_build_array(
        l.id, l.variant_id, l.quantity, l.unit_price_minor, l.is_price_fixed, l.is_selected, l.added_at, l.updated_at,
        l.extra, v.display, v.is_sellable and (v.channels is null or c.channel = any(v.channels)),
        case when v.has_other_prices or not v.plain_prices ? c.currency
             then (select json_build_array(o.amount_minor, o.compare_at_minor)
                     from variant w, catalog_price(w, c.currency, c.channel, l.quantity, p_now, c.user_id) o
                    where w.id = l.variant_id)
             else (v.plain_prices->c.currency)::json end,
        k.available, coalesce(k.is_tracked, false), l.shelf_minor, l.shown_minor) order by l.id)
       from (select a.* from cart_line a where p_lines is null and a.cart_id = c.id
             union all
             select a.* from cart_line a where p_lines is not null and a.id = any(p_lines) and a.cart_id = c.id) l
       cross join lateral (
         select w.display, w.is_sellable, w.channels, w.has_other_prices, w.plain_prices from variant w
          where w.id = l.variant_id limit 1) v
       left join lateral (
         select s.is_tracked,
                case when s.overpromised > 0
                     then stock_left(s, cart_own(c.id, s.variant_id, p_now), case when p_is_stock_locked then '-infinity' else p_now end)
                     else stock_available(s, case when p_is_stock_locked then '-infinity' else p_now end) end as available
           from stock s
          where s.variant_id = l.variant_id and s.location_id = '00000000-0000-7000-8000-000000000001' limit 1) k on true),
    case when c.saved_count > 0 and p_lines is null then saved_documents(c.id, c.currency, c.channel, p_now, p_is_stock_locked) end,
    c.is_aside, c.coupons,
    case when p_lines is not null then json_build_array(c.line_count, c.total_quantity, c.saved_count) end,
    v_revision, c.destination, c.shipping_method,
    case when c.user_id is not null then cart_shopper(c.user_id) end,
    case when c.coupons is not null then coupon_documents(c.coupons, c.user_id, null) end,
    case when v_gifts is not null and p_lines is null then cart_gifts(v_gifts, p_now) end)::text
    from cart c
   where c.id = any(p_carts) and c.version > 0;
end $$;

-- How many units anybody may have of goods that promotions give away, as {variant: units}: of variants, or of every
-- variant of products. What is not counted is not in it.
create or replace function cart_gifts(p_gifts uuid[], p_now timestamptz) returns json language plpgsql stable as $$
begin
  return (
    select json_object_agg(v.id, k.available)
      from unnest(p_gifts) g(id)
     cross join lateral (
       select w.id from variant w where w.id = g.id
       union (select w.id from variant w where w.product_id = g.id limit 1000)) v
     cross join lateral (
       select stock_available(s, p_now) as available from stock s
        where s.variant_id = v.id and s.location_id = '00000000-0000-7000-8000-000000000001' and s.is_tracked limit 1) k);
end $$;

-- Units of a variant that a cart is promised now.
create or replace function cart_own(p_cart uuid, p_variant uuid, p_now timestamptz) returns bigint language plpgsql stable as $$
begin
  return coalesce((
    select h.quantity from hold h
     where h.reservation_id = p_cart and h.variant_id = p_variant and h.location_id = '00000000-0000-7000-8000-000000000001'
       and (select r.expires_at > p_now from reservation r where r.id = p_cart)), 0);
end $$;

-- What a cart is promised of the variants of some of its lines.
create or replace function cart_holds_of(p_cart uuid, p_lines uuid[]) returns json language plpgsql stable as $$
begin
  return (select json_object_agg(l.variant_id, h.quantity)
            from cart_line l
           cross join lateral (select k.quantity from hold k where k.reservation_id = p_cart and k.variant_id = l.variant_id
              and k.location_id = '00000000-0000-7000-8000-000000000001' limit 1) h
           where l.id = any(p_lines) and l.cart_id = p_cart);
end $$;

-- The saved lines of a cart, as its lines are shown and with the reason at the end. A function of its own, so that
-- a cart that has none does not even plan for them.
create or replace function saved_documents(
  p_cart uuid, p_currency text, p_channel text, p_now timestamptz, p_is_stock_locked boolean
) returns json language plpgsql stable as $$
begin
  return (select json_agg(json_build_array(
        l.id, l.variant_id, l.quantity, l.unit_price_minor, l.is_price_fixed, false, l.added_at, l.saved_at,
        l.extra, v.display, v.is_sellable and (v.channels is null or p_channel = any(v.channels)),
        case when v.has_other_prices or not v.plain_prices ? p_currency
             then (select json_build_array(o.amount_minor, o.compare_at_minor)
                     from variant w, catalog_price(w, p_currency, p_channel, l.quantity, p_now,
                       (select c.user_id from cart c where c.id = p_cart)) o
                    where w.id = l.variant_id)
             else (v.plain_prices->p_currency)::json end,
        k.available, coalesce(k.is_tracked, false), l.reason, l.shelf_minor, l.shown_minor) order by l.saved_at desc, l.id)
       from saved_line l
       cross join lateral (
         select w.display, w.is_sellable, w.channels, w.has_other_prices, w.plain_prices from variant w
          where w.id = l.variant_id limit 1) v
       left join lateral (
         select s.is_tracked, stock_available(s, case when p_is_stock_locked then '-infinity' else p_now end) as available
           from stock s
          where s.variant_id = l.variant_id and s.location_id = '00000000-0000-7000-8000-000000000001' limit 1) k on true
      where l.cart_id = p_cart);
end $$;

-- The open carts of several owners, by position: a token's digest or a user's id each. A cart whose time is
-- up is not there. One round trip for however many readers wait.
create or replace function cart_read(p_tokens bytea[], p_users text[], p_channels text[], p_offset interval)
returns table (ord integer, document text) language plpgsql stable
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_now timestamptz := clock_timestamp() + p_offset;
  v_carts uuid[];
begin
  for i in 1 .. cardinality(p_channels) loop
    v_carts[i] := (select c.id from cart_of_owner(p_tokens[i], p_users[i], p_channels[i]) c where c.expires_at > v_now);
  end loop;
  return query
  select w.n::integer - 1, d.document
    from unnest(v_carts) with ordinality w(cart_id, n) join cart_documents(v_carts, v_now) d on d.cart_id = w.cart_id;
end $$;

-- What prices need to know of a customer; cart/document.py names the positions. Orders are counted to a thousand: no
-- promotion is for a later one.
create or replace function cart_shopper(p_user text) returns json language plpgsql stable as $$
declare
  p customer_profile;
begin
  select k.* into p from customer_profile k where k.user_id = p_user;
  return json_build_array(coalesce(p.groups, '{}'),
    (select count(*) from (select 1 from orders o where o.user_id = p_user and o.status <> 'canceled' limit 1000) n),
    coalesce(p.kind, 'individual'), coalesce(p.is_tax_id_valid, false), coalesce(p.is_tax_exempt, false));
end $$;

-- A cart that stands beside its owner's open one, as that is read; null when it is not there, or no longer open.
create or replace function cart_beside(p_cart uuid, p_token bytea, p_user text, p_offset interval)
returns text language plpgsql stable
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_now timestamptz := clock_timestamp() + p_offset;
begin
  return (
    select d.document from cart c
     cross join lateral cart_documents(array[c.id], v_now, false) d
     where c.id = p_cart and c.is_aside and c.status in ('active', 'abandoned') and c.expires_at > v_now
       and (c.token_hash = p_token or c.user_id = p_user));
end $$;
